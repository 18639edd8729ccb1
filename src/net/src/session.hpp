// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <expected>
#include <optional>
#include <string>

#include "connection.hpp"
#include "head_check.hpp"
#include "hearth/async/blocking_pool.hpp"
#include "hearth/net/server.hpp"
#include "responder.hpp"

namespace hearth::net {

/// What the sessions of one server share. Everything but the counters is fixed before start().
struct ServerShared {
  ServerOptions options;
  Handler handler;
  BodyPlanner planner;
  async::BlockingPool spool_pool{1};
  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> connections{0};

  /// Of a new connection; null: plain.
  SslContextPtr tls_context() const;
  /// The answer to a request that never reaches the handler.
  std::pair<Headers, std::string> render(const Error& error, std::string_view path) const;
};

/// One connection from accept to close: head, body, handler, again. On its io thread only.
class Session {
 public:
  /// `own` cancels the coroutine that runs it.
  Session(ServerShared& shared, asio::ip::tcp::socket socket, asio::cancellation_signal& own);

  Task<> async_run();
  /// Answers 503 at once: too many connections.
  Task<> async_turn_away();
  /// The server stops: between two requests the connection closes now, otherwise after the answer.
  void stop_when_idle();

 private:
  enum class Next : std::uint8_t { request, linger, close };

  Task<Next> async_serve_one();
  Task<std::optional<RequestHead>> async_read_head(Next& on_failure);
  /// The answer to give instead of calling the handler; none with kClientGone.
  static constexpr int kClientGone = 0;
  struct Refusal {
    int status = 400;
    Error error;
  };
  /// Into `request`: its body, or the file that has it.
  Task<std::expected<void, Refusal>> async_read_body(const RequestHead& head, Request& request);
  Task<std::expected<void, Refusal>> async_receive_length(std::uint64_t left, class BodySink& sink);
  Task<std::expected<void, Refusal>> async_receive_chunked(std::uint64_t max_bytes, class BodySink& sink);
  Task<std::expected<void, Refusal>> async_more_body();
  Task<Next> async_answer(const RequestHead& head, Request request);
  Task<bool> async_call_handler(Request& request, ConnectionResponder& responder);
  Task<> async_refuse(Refusal refusal, std::string path);

  ServerShared& shared_;
  const Limits& limits_;
  Connection connection_;
  std::string peer_;
  std::string peer_name_;  // by its certificate
  asio::cancellation_signal& own_;
  bool first_ = true;  // no request yet
  bool idle_ = false;  // waits for the first byte of a request
};

}  // namespace hearth::net
