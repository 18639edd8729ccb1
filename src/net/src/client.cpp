// SPDX-License-Identifier: Apache-2.0
#include "hearth/net/client.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

#include <fmt/format.h>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/intrusive/list.hpp>

#include "ascii.hpp"
#include "client_pool.hpp"
#include "client_stream.hpp"
#include "hearth/async/blocking_pool.hpp"
#include "request_head.hpp"

namespace hearth::net {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::buffer_body>;
using UnderWay = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

constexpr std::uint32_t kMaxAnswerHead = 64 * 1024;
constexpr std::size_t kReadPiece = 32 * 1024;
constexpr std::size_t kFilePiece = 256 * 1024;
constexpr int kMaxInterimAnswers = 8;  // 100 Continue and the like before the real one

struct FileHandle {
  int fd = -1;
  ~FileHandle() {
    if (fd >= 0) ::close(fd);
  }
};

/// One request and its answer.
struct Exchange {
  ClientRequest request;
  ClientResponse response{};
  std::unique_ptr<ClientStream> stream{};
  std::optional<Parser> parser{};
  boost::system::error_code send_error{};  // a server may have answered before the connection broke
  bool answer_began = false;               // a byte of the answer has come: a retry could do the work twice
  UnderWay under_way{};
};

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Sending POST again could generate, and bill, twice: only what may be repeated is (RFC 9110, 9.2.2).
bool is_idempotent(std::string_view method) {
  for (const std::string_view safe : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    if (method == safe) return true;
  }
  return false;
}

std::unexpected<Error> ended_error(const Url& url) {
  return fail(ErrorCode::cancelled, fmt::format("{}: not asked, this client has ended", url.origin()));
}

/// The connection, not what came over it.
bool is_broken(boost::system::error_code ec) {
  if (!ec) return false;  // success has the system's category
  return ec == asio::error::timed_out || ec.category() == boost::system::system_category() ||
         ec == http::error::partial_message || ec == http::error::end_of_stream || ec == asio::error::eof ||
         ec == asio::ssl::error::stream_truncated;
}

/// The next operation must make progress within the request's idle_timeout, and before its deadline.
void set_expiry(Exchange& x) {
  x.stream->expires(x.request.deadline.earlier(Deadline::after(Clock::now(), x.request.idle_timeout)));
}

Task<boost::system::error_code> async_send_all(Exchange& x, std::string_view bytes) {
  while (!bytes.empty()) {
    set_expiry(x);
    std::size_t written = 0;
    const auto ec = co_await x.stream->async_write_some(bytes, written);
    if (ec) co_return ec;
    bytes.remove_prefix(written);
  }
  co_return boost::system::error_code{};
}

class PooledClient final : public Client {
 public:
  PooledClient(asio::any_io_executor executor, Options options)
      : executor_{std::move(executor)}, options_{std::move(options)}, pool_{options_.max_idle_per_origin} {
    boost::system::error_code ignored;  // without a trust store every handshake fails, and says so
    tls_.set_default_verify_paths(ignored);
    if (!options_.ca_file.empty()) tls_.load_verify_file(options_.ca_file, trust_error_);
    SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
  }

  Task<Result<ClientResponse>> async_request(ClientRequest request) override {
    co_return co_await async_stream(std::move(request), {}, {});
  }
  Task<Result<ClientResponse>> async_stream(ClientRequest request, OnHead on_head, OnBody on_body) override;
  Task<Result<std::unique_ptr<ClientAnswer>>> async_open(ClientRequest request) override;
  void end() override;

  /// The next piece of the body; empty at the end, when the connection goes back to the pool.
  Task<Result<std::string_view>> async_read(Exchange& x);

 private:
  Task<Result<>> async_once(Exchange& x);
  Task<Result<>> async_connect(Exchange& x);
  Task<Result<>> async_attempt(Exchange& x);
  Task<Result<boost::system::error_code>> async_send(Exchange& x);
  Task<Result<boost::system::error_code>> async_send_file(Exchange& x, std::uint64_t length, int fd);
  static Task<boost::system::error_code> async_parse_head(Exchange& x);
  static Task<Result<>> async_receive_head(Exchange& x);
  Task<Result<>> async_receive_body(Exchange& x, const OnBody& on_body);

  asio::any_io_executor executor_;
  Options options_;
  ClientPool pool_;
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  boost::system::error_code trust_error_;
  boost::intrusive::list<Exchange, boost::intrusive::member_hook<Exchange, UnderWay, &Exchange::under_way>,
                         boost::intrusive::constant_time_size<false>>
      under_way_;
  bool ended_ = false;
  async::BlockingPool files_{1};
};

class PooledAnswer final : public ClientAnswer {
 public:
  PooledAnswer(PooledClient& client, ClientRequest request)
      : client_{client}, exchange_{.request = std::move(request)} {}
  Exchange& exchange() noexcept { return exchange_; }
  const ClientResponse& head() const noexcept override { return exchange_.response; }
  void set_deadline(Deadline deadline) override { exchange_.request.deadline = deadline; }
  Task<Result<std::string_view>> async_read() override { return client_.async_read(exchange_); }

 private:
  PooledClient& client_;
  Exchange exchange_;
};

Task<Result<std::unique_ptr<ClientAnswer>>> PooledClient::async_open(ClientRequest request) {
  auto answer = std::make_unique<PooledAnswer>(*this, std::move(request));
  answer->exchange().response.final_url = answer->exchange().request.url;
  HEARTH_CO_CHECKED(co_await async_once(answer->exchange()));
  co_return std::unique_ptr<ClientAnswer>{std::move(answer)};
}

Task<Result<ClientResponse>> PooledClient::async_stream(ClientRequest request, OnHead on_head, OnBody on_body) {
  const bool may_redirect = (request.method == "GET" || request.method == "HEAD") && request.max_redirects > 0;
  for (int hops = 0;; ++hops) {
    Exchange x{.request = request};
    x.response.final_url = request.url;
    HEARTH_CO_CHECKED(co_await async_once(x));
    const auto location = x.response.headers.get("Location");
    const bool redirected = may_redirect && is_redirect(x.response.status) && location;
    if (!redirected && on_head) HEARTH_CO_CHECKED(on_head(x.response));
    HEARTH_CO_CHECKED(co_await async_receive_body(x, redirected ? OnBody{} : on_body));
    if (!redirected) co_return std::move(x.response);
    if (hops == request.max_redirects) {
      co_return fail(ErrorCode::upstream_error, fmt::format("{}: more than {} redirects", request.url.origin(), hops));
    }
    auto next = redirect_target(request.url, *location);
    if (!next) co_return fail(ErrorCode::upstream_error, fmt::format("{}: redirects to no URL", request.url.origin()));
    if (request.url.scheme == "https" && next->scheme != "https") {
      co_return fail(ErrorCode::upstream_error, fmt::format("{}: redirects from https to http", request.url.origin()));
    }
    follow(request, std::move(*next));
  }
}

void PooledClient::end() {
  ended_ = true;
  for (Exchange& x : under_way_) {
    if (x.stream) x.stream->close();
  }
}

Task<Result<>> PooledClient::async_once(Exchange& x) {
  if (ended_) co_return ended_error(x.request.url);
  under_way_.push_back(x);
  x.stream = pool_.take(x.request.url.origin(), Clock::now());
  if (x.stream) {
    auto done = co_await async_attempt(x);
    const bool stale = !done && !x.answer_began && done.error().code == ErrorCode::upstream_unavailable;
    if (!stale || !is_idempotent(x.request.method)) co_return done;
  }
  HEARTH_CO_CHECKED(co_await async_connect(x));
  co_return co_await async_attempt(x);
}

Task<Result<>> PooledClient::async_connect(Exchange& x) {
  const bool secure = x.request.url.scheme == "https";
  if (secure && trust_error_) {
    co_return fail(ErrorCode::invalid_request, fmt::format("cannot read the trusted certificates in {}: {}",
                                                           options_.ca_file, trust_error_.message()));
  }
  x.stream = std::make_unique<ClientStream>(executor_, secure ? &tls_ : nullptr);
  HEARTH_CO_CHECKED(co_await x.stream->async_open(x.request.url, x.request.connect_timeout, x.request.deadline));
  if (ended_) co_return ended_error(x.request.url);  // while the host's name was looked up
  co_return Result<>{};
}

Task<Result<>> PooledClient::async_attempt(Exchange& x) {
  HEARTH_CO_TRY(x.send_error, co_await async_send(x));
  if (x.send_error == asio::error::timed_out) {
    co_return stream_error(x.send_error, x.request.url, "does not take the request");
  }
  co_return co_await async_receive_head(x);
}

// The error_code is the connection's; an Error is the caller's fault.
Task<Result<boost::system::error_code>> PooledClient::async_send(Exchange& x) {
  FileHandle file;
  std::uint64_t length = x.request.body.size() + x.request.rest.size();
  if (!x.request.body_file.empty()) {
    struct stat info{};
    auto open_file = [&file, &info, &x] {
      file.fd = ::open(x.request.body_file.c_str(), O_RDONLY | O_CLOEXEC);
      return file.fd >= 0 && ::fstat(file.fd, &info) == 0;
    };
    const bool opened = co_await files_.async_run(std::move(open_file));
    const auto size = opened ? static_cast<std::uint64_t>(info.st_size) : 0;
    const bool all = x.request.body_offset == 0 && x.request.body_length == 0;
    length = all ? size : x.request.body_length;
    if (!opened || x.request.body_offset > size || length > size - x.request.body_offset) {
      co_return fail(ErrorCode::not_found, "the file to upload is not there, or shorter than the range to send");
    }
  }
  HEARTH_CO_TRY(std::string head, request_head(x.request, length));
  if (file.fd < 0 && head.size() + length <= kFilePiece) {
    head.reserve(head.size() + length);
    head += x.request.body;  // one write, one packet for small ones
    for (const std::string_view piece : x.request.rest.pieces) head += piece;
    co_return co_await async_send_all(x, head);
  }
  const auto ec = co_await async_send_all(x, head);
  if (ec) co_return ec;
  if (file.fd >= 0) co_return co_await async_send_file(x, length, file.fd);
  auto sent = co_await async_send_all(x, x.request.body);
  for (const std::string_view piece : x.request.rest.pieces) {
    if (!sent) sent = co_await async_send_all(x, piece);
  }
  co_return sent;
}

Task<Result<boost::system::error_code>> PooledClient::async_send_file(Exchange& x, std::uint64_t length, int fd) {
  std::vector<char> piece(kFilePiece);
  std::uint64_t offset = x.request.body_offset;
  while (length > 0) {
    auto read_piece = [&piece, fd, offset, want = std::min<std::uint64_t>(piece.size(), length)] {
      return ::pread(fd, piece.data(), want, static_cast<off_t>(offset));
    };
    const auto n = co_await files_.async_run(std::move(read_piece));
    if (n <= 0) co_return fail(ErrorCode::internal, "the file to upload cannot be read, or has become shorter");
    const std::string_view bytes{piece.data(), static_cast<std::size_t>(n)};
    const auto ec = co_await async_send_all(x, bytes);
    if (ec) co_return ec;
    offset += static_cast<std::uint64_t>(n);
    length -= static_cast<std::uint64_t>(n);
  }
  co_return boost::system::error_code{};
}

/// Parses the head from what has come and what comes.
Task<boost::system::error_code> PooledClient::async_parse_head(Exchange& x) {
  auto& buffer = x.stream->received.buffer;
  while (true) {
    if (buffer.size() > 0) {
      x.answer_began = true;
      boost::system::error_code ec;
      buffer.consume(x.parser->put(buffer.data(), ec));
      if (x.parser->is_header_done() || (ec && ec != http::error::need_more)) co_return ec;
    }
    set_expiry(x);
    const auto ec = co_await x.stream->async_fill(kReadPiece);
    if (ec == asio::error::eof) co_return x.answer_began ? http::error::partial_message : http::error::end_of_stream;
    if (ec) co_return ec;
  }
}

Task<Result<>> PooledClient::async_receive_head(Exchange& x) {
  for (int interim = 0;; ++interim) {
    Parser& parser = x.parser.emplace();
    parser.header_limit(kMaxAnswerHead);
    parser.body_limit(boost::none);  // counted by who reads it
    parser.skip(x.request.method == "HEAD");
    const auto ec = co_await async_parse_head(x);
    if (ec && !x.answer_began) co_return stream_error(x.send_error ? x.send_error : ec, x.request.url, "no answer");
    if (is_broken(ec)) co_return stream_error(ec, x.request.url, "the answer broke off");
    if (ec) {
      co_return fail(ErrorCode::upstream_error,
                     fmt::format("{}: not an HTTP answer ({})", x.request.url.origin(), ec.message()));
    }
    if (parser.get().result_int() >= 200) break;
    if (interim == kMaxInterimAnswers) {
      co_return fail(ErrorCode::upstream_error, fmt::format("{}: too many 1xx answers", x.request.url.origin()));
    }
  }
  x.response.status = static_cast<int>(x.parser->get().result_int());
  for (const auto& field : x.parser->get()) {
    x.response.headers.add(std::string{field.name_string()}, std::string{field.value()});
  }
  co_return Result<>{};
}

Task<Result<std::string_view>> PooledClient::async_read(Exchange& x) {
  while (!x.parser->is_done()) {
    auto& [buffer, piece] = x.stream->received;
    if (!piece) piece = std::make_unique_for_overwrite<char[]>(kReadPiece);
    auto& body = x.parser->get().body();
    body.data = piece.get();
    body.size = kReadPiece;
    boost::system::error_code ec;
    std::size_t used = 0;
    if (buffer.size() > 0) used = x.parser->put(buffer.data(), ec);
    buffer.consume(used);
    if (ec == http::error::need_more || ec == http::error::need_buffer) ec = {};
    if (!ec && body.size < kReadPiece) co_return std::string_view{piece.get(), kReadPiece - body.size};
    if (!ec && used == 0) {
      if (buffer.size() > kMaxAnswerHead) {  // the parser has no bound for a chunk's extensions and for trailers
        co_return fail(ErrorCode::upstream_error, fmt::format("{}: the framing of the answer is over {} bytes",
                                                              x.request.url.origin(), kMaxAnswerHead));
      }
      set_expiry(x);
      ec = co_await x.stream->async_fill(kReadPiece);
      if (ec == asio::error::eof) x.parser->put_eof(ec);  // without a length the end of the stream is the body's
    }
    if (is_broken(ec)) co_return stream_error(ec, x.request.url, "the answer broke off");
    if (ec) {
      co_return fail(ErrorCode::upstream_error,
                     fmt::format("{}: the answer is malformed ({})", x.request.url.origin(), ec.message()));
    }
  }
  if (x.stream && x.parser->keep_alive() && !x.send_error && x.stream->received.buffer.size() == 0) {
    pool_.put(x.request.url.origin(), std::move(x.stream), Clock::now());
  }
  co_return std::string_view{};
}

Task<Result<>> PooledClient::async_receive_body(Exchange& x, const OnBody& on_body) {
  while (true) {
    HEARTH_CO_TRY(const std::string_view got, co_await async_read(x));
    if (got.empty()) co_return Result<>{};
    if (on_body) {
      HEARTH_CO_CHECKED(on_body(got));
      continue;
    }
    if (x.response.body.size() + got.size() > x.request.max_body_bytes) {
      co_return fail(ErrorCode::upstream_error,
                     fmt::format("{}: the answer is over {} bytes", x.request.url.origin(), x.request.max_body_bytes));
    }
    x.response.body.append(got);
  }
}

}  // namespace

std::unique_ptr<Client> Client::create(asio::any_io_executor executor, Options options) {
  return std::make_unique<PooledClient>(std::move(executor), std::move(options));
}

}  // namespace hearth::net
