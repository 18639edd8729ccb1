// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth {

/// Every way a request can fail, for the whole program. The table in error.cpp is the one place that
/// turns a code into an HTTP status, an API error type, a log level and a retry hint.
enum class ErrorCode : std::uint8_t {
  invalid_request,       // the caller must change the request
  unauthenticated,       // who are you
  forbidden,             // you may not
  not_found,             // no such model, route, blob
  conflict,              // exists already, or is in use
  payload_too_large,     // a size limit was hit
  context_too_long,      // prompt and answer do not fit the model's context
  rate_limited,          // queue full or rate limit; carries retry_after
  budget_exhausted,      // the principal's money is spent
  unsupported,           // well-formed, but this build or model cannot do it
  insufficient_memory,   // the model or the context cannot fit this machine
  corrupt_data,          // a file or a peer's answer is not what it claims to be
  upstream_error,        // another server answered wrongly
  upstream_unavailable,  // another server did not answer
  deadline_exceeded,     // time is up
  cancelled,             // the client went away, or asked for it
  unavailable,           // shutting down or loading
  internal,              // our fault
};

inline constexpr int kErrorCodeCount = static_cast<int>(ErrorCode::internal) + 1;

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// What an ErrorCode means to each layer that has to act on it.
struct ErrorTraits {
  ErrorCode code;
  std::string_view name;  // snake_case, stable: metrics, logs and JSON use it
  int http_status;
  std::string_view openai_type;  // "invalid_request_error", …
  std::string_view anthropic_type;
  LogLevel level;
  bool retryable;  // the same request may succeed later without change
};

/// Total over ErrorCode.
const ErrorTraits& traits(ErrorCode code) noexcept;

/// An expected failure. `message` is for the user: what was wrong and how to mend it; never content of a
/// prompt, an answer or a key.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string param;                                // the request field at fault, if one is
  std::optional<std::chrono::seconds> retry_after;  // for rate_limited and unavailable
};

}  // namespace hearth
