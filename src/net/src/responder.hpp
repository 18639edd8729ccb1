// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "connection.hpp"
#include "head_check.hpp"
#include "hearth/net/http.hpp"

namespace hearth::net {

/// Writes one answer to a connection. Lives as long as its request; the session asks it afterwards whether the
/// connection may carry another one. A call out of order (write() before start(), a second send()) fails with
/// `internal`.
class ConnectionResponder final : public Responder {
 public:
  struct Form {
    bool head_only = false;  // HEAD
    bool chunked = true;     // false: HTTP/1.0, a streamed body ends with the connection
    bool keep_alive = true;
    Clock::duration write_timeout{};
  };
  /// `stopping`: once true, answers carry Connection: close.
  ConnectionResponder(Connection& connection, Form form, const std::atomic<bool>& stopping)
      : connection_{connection}, form_{form}, stopping_{stopping} {}

  Task<Result<>> send(int status, Headers headers, std::string body) override;
  Task<Result<>> start(int status, Headers headers) override;
  Task<Result<>> write(std::string_view piece) override;
  Task<Result<>> finish() override;
  bool started() const noexcept override { return state_ != State::fresh; }

  /// The answer is out, whole.
  bool complete() const noexcept { return state_ == State::complete; }
  bool keep_alive() const noexcept { return complete() && form_.keep_alive; }

 private:
  enum class State : std::uint8_t { fresh, streaming, complete, failed };
  Task<Result<>> async_put(Connection::Buffers buffers, State after);

  Connection& connection_;
  Form form_;
  const std::atomic<bool>& stopping_;
  State state_ = State::fresh;
  bool body_allowed_ = true;
};

}  // namespace hearth::net
