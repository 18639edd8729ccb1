// SPDX-License-Identifier: Apache-2.0
#include "client_stream.hpp"

#include <fmt/format.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace hearth::net {
namespace {

using asio::ip::tcp;

// Literal addresses need no resolver, which is a thread of its own.
Task<Result<std::vector<tcp::endpoint>>> async_endpoints(Url url) {
  std::string host = url.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  boost::system::error_code not_literal;
  const auto address = asio::ip::make_address(host, not_literal);
  if (!not_literal) co_return std::vector{tcp::endpoint{address, url.port}};
  tcp::resolver resolver{co_await asio::this_coro::executor};
  auto resolved = co_await resolver.async_resolve(host, std::to_string(url.port), use_tuple);
  auto& [ec, results] = resolved;
  if (ec) co_return stream_error(ec, url, "cannot find the host");
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : results) endpoints.push_back(entry.endpoint());
  co_return endpoints;
}

}  // namespace

std::unexpected<Error> stream_error(boost::system::error_code ec, const Url& url, std::string_view what) {
  const bool cancelled = ec == asio::error::operation_aborted;
  return fail(cancelled ? ErrorCode::cancelled : ErrorCode::upstream_unavailable,
              fmt::format("{}: {} ({})", url.origin(), what, ec == asio::error::timed_out ? "timeout" : ec.message()));
}

/// Ends what runs on a socket when its deadline passes. Deadlines mostly move away, request after request, so the timer
/// is left where it stands and looks again when it fires. Lives as long as the timer's handler; forgets the socket
/// when that goes.
class ClientStream::Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(const asio::any_io_executor& executor, tcp::socket& socket) : timer_{executor}, socket_{&socket} {}

  void expires(Deadline deadline) {
    deadline_ = deadline.at();
    expired_ = false;
    if (deadline_ < armed_) arm();
  }
  void forget() {
    socket_ = nullptr;
    timer_.cancel();
  }
  bool expired() const { return expired_; }

 private:
  void arm() {
    armed_ = deadline_;
    timer_.expires_at(armed_);  // ends an earlier wait
    timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
      if (!ec) self->look();
    });
  }
  void look() {
    armed_ = Clock::time_point::max();
    if (socket_ == nullptr || deadline_ == armed_) return;
    if (Clock::now() < deadline_) return arm();
    expired_ = true;
    boost::system::error_code ignored;
    socket_->cancel(ignored);
  }

  asio::steady_timer timer_;
  tcp::socket* socket_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point armed_ = Clock::time_point::max();
  bool expired_ = false;
};

ClientStream::ClientStream(const asio::any_io_executor& executor, asio::ssl::context* tls) {
  if (tls == nullptr) {
    plain_ = std::make_unique<tcp::socket>(executor);
  } else {
    tls_ = std::make_unique<asio::ssl::stream<tcp::socket>>(executor, *tls);
  }
  watch_ = std::make_shared<Watch>(executor, tcp());
}

ClientStream::~ClientStream() { watch_->forget(); }

void ClientStream::close() {
  boost::system::error_code ignored;
  tcp().close(ignored);
}

void ClientStream::expires(Deadline deadline) { watch_->expires(deadline); }

ClientStream::ErrorCode ClientStream::blame(ErrorCode ec) const {
  return ec == asio::error::operation_aborted && watch_->expired() ? ErrorCode{asio::error::timed_out} : ec;
}

Task<ClientStream::ErrorCode> ClientStream::async_fill(std::size_t room) {
  const auto space = received.buffer.prepare(room);
  const auto [ec, n] =
      tls_ ? co_await tls_->async_read_some(space, use_tuple) : co_await plain_->async_read_some(space, use_tuple);
  received.buffer.commit(n);
  co_return blame(ec);
}

Task<ClientStream::ErrorCode> ClientStream::async_write_some(std::string_view bytes, std::size_t& written) {
  const auto data = asio::buffer(bytes);
  const auto [ec, n] =
      tls_ ? co_await tls_->async_write_some(data, use_tuple) : co_await plain_->async_write_some(data, use_tuple);
  written = n;
  co_return blame(ec);
}

Task<Result<>> ClientStream::async_open(Url url, std::chrono::milliseconds timeout, Deadline deadline) {
  HEARTH_CO_TRY(const auto endpoints, co_await async_endpoints(url));
  expires(deadline.earlier(Deadline::after(Clock::now(), timeout)));
  const auto connected = co_await asio::async_connect(tcp(), endpoints, use_tuple);
  if (std::get<0>(connected)) co_return stream_error(blame(std::get<0>(connected)), url, "cannot connect");
  boost::system::error_code ignored;
  tcp().set_option(tcp::no_delay{true}, ignored);
  if (!tls_) co_return Result<>{};

  std::string host = url.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  boost::system::error_code not_literal;
  (void)asio::ip::make_address(host, not_literal);
  if (not_literal) SSL_set_tlsext_host_name(tls_->native_handle(), host.c_str());  // SNI carries names only
  tls_->set_verify_mode(asio::ssl::verify_peer);
  tls_->set_verify_callback(asio::ssl::host_name_verification{host});
  expires(deadline.earlier(Deadline::after(Clock::now(), timeout)));
  const auto [ended] = co_await tls_->async_handshake(asio::ssl::stream_base::client, use_tuple);
  const ErrorCode ec = blame(ended);
  if (ec) {
    const long verdict = SSL_get_verify_result(tls_->native_handle());
    const bool judged = verdict != X509_V_OK;
    co_return stream_error(ec, url,
                           judged ? fmt::format("no trusted TLS connection, {}", X509_verify_cert_error_string(verdict))
                                  : std::string{"no trusted TLS connection"});
  }
  co_return Result<>{};
}

bool ClientStream::is_fresh() {
  char byte;
  const auto n = ::recv(tcp().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return received.buffer.size() == 0 && n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace hearth::net
