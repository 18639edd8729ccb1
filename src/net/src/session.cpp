// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <fmt/format.h>
#include <boost/core/demangle.hpp>

#include "body_sink.hpp"
#include "chunked_decoder.hpp"
#include "hearth/base/log.hpp"

namespace hearth::net {
namespace {

using Wake = Connection::Wake;

constexpr std::size_t kHeadPiece = 4 * 1024;
constexpr std::size_t kBodyPiece = 64 * 1024;

Error client_error(ErrorCode code, std::string message) { return Error{code, std::move(message), {}, {}}; }

ErrorCode code_of(int status) { return status == 413 ? ErrorCode::payload_too_large : ErrorCode::invalid_request; }

}  // namespace

std::pair<Headers, std::string> ServerShared::render(const Error& error, std::string_view path) const {
  std::pair<Headers, std::string> out;
  if (options.render_error) {
    out = options.render_error(error, path);
  } else {
    out.first.add("Content-Type", "text/plain; charset=utf-8");
    out.second = error.message + "\n";
  }
  if (error.retry_after && !out.first.get("Retry-After")) {
    out.first.add("Retry-After", fmt::format("{}", error.retry_after->count()));
  }
  return out;
}

SslContextPtr ServerShared::tls_context() const {
  return options.tls ? static_cast<const ServerTlsImpl&>(*options.tls).context() : nullptr;
}

Session::Session(ServerShared& shared, asio::ip::tcp::socket socket, asio::cancellation_signal& own)
    : shared_{shared},
      limits_{shared.options.limits},
      connection_{std::move(socket), shared.tls_context()},
      peer_{connection_.peer()},
      own_{own} {}

void Session::stop_when_idle() {
  if (idle_) connection_.cancel_wait();
}

Task<> Session::async_run() {
  if (!co_await connection_.async_handshake(Clock::now() + limits_.head_timeout)) co_return;
  peer_name_ = connection_.client_name();
  Next next = Next::request;
  while (next == Next::request) next = co_await async_serve_one();
  if (next == Next::linger) co_await connection_.async_linger(Clock::now() + limits_.linger_timeout);
}

Task<> Session::async_turn_away() {
  if (!co_await connection_.async_handshake(Clock::now() + limits_.head_timeout)) co_return;
  Error error = client_error(ErrorCode::unavailable, "too many connections; try again in a moment");
  error.retry_after = std::chrono::seconds{1};
  Refusal refusal{503, std::move(error)};
  co_await async_refuse(std::move(refusal), {});
  co_await connection_.async_linger(Clock::now() + limits_.linger_timeout);
}

Task<Session::Next> Session::async_serve_one() {
  Next on_failure = Next::linger;
  auto head = co_await async_read_head(on_failure);
  if (!head) co_return on_failure;
  Request request{.method = head->method,
                  .path = head->target.path,
                  .query = std::move(head->target.query),
                  .headers = std::move(head->headers),
                  .body = {},
                  .spooled = {},
                  .peer = peer_,
                  .peer_name = peer_name_};
  if (head->framing != Framing::none) {
    auto read = co_await async_read_body(*head, request);
    if (!read) {
      if (read.error().status == kClientGone) co_return Next::close;
      co_await async_refuse(std::move(read).error(), std::move(request.path));
      co_return Next::linger;
    }
  }
  co_return co_await async_answer(*head, std::move(request));
}

Task<std::optional<RequestHead>> Session::async_read_head(Next& on_failure) {
  const bool first = std::exchange(first_, false);
  auto deadline = Clock::now() + limits_.head_timeout;
  std::size_t looked_at = 0;
  if (connection_.input().empty()) {
    if (shared_.stopping) co_return std::nullopt;
    idle_ = true;
    const Wake wake =
        co_await connection_.async_fill(kHeadPiece, first ? deadline : Clock::now() + limits_.idle_timeout);
    idle_ = false;
    if (wake != Wake::ready) {
      if (wake == Wake::closed && !shared_.stopping) on_failure = Next::close;
      co_return std::nullopt;
    }
    if (!first) deadline = Clock::now() + limits_.head_timeout;
  }
  const HeadLimits head_limits{limits_.max_head_bytes, limits_.max_header_fields};
  while (true) {
    const std::string_view input = connection_.input();
    const HeadEnd end = find_head_end(input, looked_at);
    looked_at = input.size();
    Refusal refusal;
    if (end.state == HeadEnd::State::complete) {
      auto head = check_head(input.substr(0, end.size), head_limits);
      if (head) {
        connection_.consume(end.size);
        co_return std::move(*head);
      }
      refusal = {head.error().status, client_error(ErrorCode::invalid_request, std::move(head.error().message))};
    } else if (end.state == HeadEnd::State::malformed) {
      refusal = {400,
                 client_error(ErrorCode::invalid_request, "a line of the head ends in LF without CR, or is empty")};
    } else if (input.size() >= limits_.max_head_bytes) {
      refusal = {431, client_error(ErrorCode::invalid_request,
                                   fmt::format("the head is over {} bytes", limits_.max_head_bytes))};
    } else {
      const std::size_t room = std::min(kHeadPiece, limits_.max_head_bytes + 1 - input.size());
      const Wake wake = co_await connection_.async_fill(room, deadline);
      if (wake == Wake::ready) continue;
      if (wake == Wake::closed) {
        on_failure = Next::close;
        co_return std::nullopt;
      }
      refusal = {408, client_error(ErrorCode::deadline_exceeded, "the head of the request did not arrive in time")};
    }
    co_await async_refuse(std::move(refusal), {});
    co_return std::nullopt;
  }
}

Task<std::expected<void, Session::Refusal>> Session::async_read_body(const RequestHead& head, Request& request) {
  BodyPlan plan{.max_bytes = limits_.max_body_bytes, .spool_path = {}};
  if (shared_.planner) {
    auto planned = shared_.planner(request);
    if (!planned) {
      const int status = traits(planned.error().code).http_status;
      co_return std::unexpected{Refusal{status, std::move(planned).error()}};
    }
    plan = std::move(*planned);
  }
  if (head.framing == Framing::length && head.content_length > plan.max_bytes) {
    co_return std::unexpected{Refusal{
        413, client_error(ErrorCode::payload_too_large, fmt::format("the body has {} bytes; at most {} are accepted",
                                                                    head.content_length, plan.max_bytes))}};
  }
  if (head.expect_continue && connection_.input().empty()) {
    const Connection::Buffers go_on{asio::const_buffer{"HTTP/1.1 100 Continue\r\n\r\n", 25}, {}, {}};
    if (!co_await connection_.async_write(go_on, limits_.write_timeout))
      co_return std::unexpected{Refusal{kClientGone, {}}};
  }
  BodySink sink{shared_.spool_pool, plan.spool_path};
  std::expected<void, Refusal> received;
  if (head.framing == Framing::length) {
    received = co_await async_receive_length(head.content_length, sink);
  } else {
    received = co_await async_receive_chunked(plan.max_bytes, sink);
  }
  if (!received) co_return std::unexpected{std::move(received).error()};
  auto body = co_await sink.async_finish();
  if (!body) co_return std::unexpected{Refusal{500, std::move(body).error()}};
  request.body = std::move(*body);
  request.spooled = std::move(plan.spool_path);
  co_return std::expected<void, Refusal>{};
}

Task<std::expected<void, Session::Refusal>> Session::async_more_body() {
  const Wake wake = co_await connection_.async_fill(kBodyPiece, Clock::now() + limits_.body_timeout);
  if (wake == Wake::ready) co_return std::expected<void, Refusal>{};
  if (wake == Wake::closed) co_return std::unexpected{Refusal{kClientGone, {}}};
  co_return std::unexpected{
      Refusal{408, client_error(ErrorCode::deadline_exceeded, "the body of the request did not arrive in time")}};
}

Task<std::expected<void, Session::Refusal>> Session::async_receive_length(std::uint64_t left, BodySink& sink) {
  while (true) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, connection_.input().size()));
    const bool full = sink.append(connection_.input().substr(0, n));
    connection_.consume(n);
    if (full) {
      auto stored = co_await sink.async_flush();
      if (!stored) co_return std::unexpected{Refusal{500, std::move(stored).error()}};
    }
    left -= n;
    if (left == 0) co_return std::expected<void, Refusal>{};
    auto more = co_await async_more_body();
    if (!more) co_return more;
  }
}

Task<std::expected<void, Session::Refusal>> Session::async_receive_chunked(std::uint64_t max_bytes, BodySink& sink) {
  ChunkedDecoder decoder{max_bytes};
  while (true) {
    std::size_t used = 0;
    while (!decoder.done()) {
      auto step = decoder.next(connection_.input().substr(used));
      if (!step) {
        const int status = step.error().status;
        co_return std::unexpected{Refusal{status, client_error(code_of(status), std::move(step.error().message))}};
      }
      if (step->consumed == 0) break;
      used += step->consumed;
      if (!sink.append(step->data)) continue;
      auto stored = co_await sink.async_flush();
      if (!stored) co_return std::unexpected{Refusal{500, std::move(stored).error()}};
    }
    connection_.consume(used);
    if (decoder.done()) co_return std::expected<void, Refusal>{};
    auto more = co_await async_more_body();
    if (!more) co_return more;
  }
}

Task<Session::Next> Session::async_answer(const RequestHead& head, Request request) {
  const ConnectionResponder::Form form{.head_only = head.method == "HEAD",
                                       .chunked = head.minor_version > 0,
                                       .keep_alive = head.keep_alive,
                                       .write_timeout = limits_.write_timeout};
  ConnectionResponder responder{connection_, form, shared_.stopping};
  bool gone = false;
  connection_.watch(limits_.max_head_bytes, [this, &gone] {
    gone = true;
    own_.emit(asio::cancellation_type::terminal);
  });
  const bool handled = co_await async_call_handler(request, responder);
  connection_.unwatch();
  if (gone) {
    if (handled) co_return Next::close;  // it was quicker than the news
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  }
  if (gone && !responder.started()) {
    // A client that only closed its sending side looks the same and can still read why nothing comes.
    co_await async_refuse({400, client_error(ErrorCode::invalid_request,
                                             "the connection's sending side was closed before the answer was ready, "
                                             "which counts as going away; keep it open until the answer has come")},
                          std::move(request.path));
  }
  if (gone || !responder.complete()) co_return Next::close;
  co_return responder.keep_alive() ? Next::request : Next::linger;
}

// Ends by value also when the handler throws: a throwing operand of || would hide behind the other one.
Task<bool> Session::async_call_handler(Request& request, ConnectionResponder& responder) {
  std::string failure;
  try {
    co_await shared_.handler(request, responder);
    if (responder.started()) co_return true;
    failure = "no answer";
  } catch (const std::exception& e) {
    failure = boost::core::demangle(typeid(e).name());  // not what(): it may quote the request
  } catch (...) {
    failure = "an exception of unknown type";
  }
  const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
  if (cancelled != asio::cancellation_type::none) co_return false;
  log::error("handler failed", {{"method", request.method}, {"error", failure}});
  if (responder.started()) co_return false;
  Error error = client_error(ErrorCode::internal, "internal error; the server's log says more");
  auto answer = shared_.render(error, request.path);
  co_return (co_await responder.send(500, std::move(answer.first), std::move(answer.second))).has_value();
}

Task<> Session::async_refuse(Refusal refusal, std::string path) {
  const ConnectionResponder::Form form{
      .head_only = false, .chunked = false, .keep_alive = false, .write_timeout = limits_.linger_timeout};
  ConnectionResponder responder{connection_, form, shared_.stopping};
  auto answer = shared_.render(refusal.error, path);
  const auto sent = co_await responder.send(refusal.status, std::move(answer.first), std::move(answer.second));
  if (!sent) log::debug("refusal not delivered", {{"status", refusal.status}});
}

}  // namespace hearth::net
