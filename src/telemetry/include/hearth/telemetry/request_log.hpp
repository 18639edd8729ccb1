// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "hearth/base/error.hpp"
#include "hearth/inference/event.hpp"

namespace hearth::telemetry {

/// One answered request. Views: valid during the call. There is no field for content, on purpose.
struct RequestLine {
  std::string_view id;
  std::string_view method;
  std::string_view route;
  std::string_view model;
  std::string_view principal;
  int status = 0;  // 0: the client was gone before an answer began
  bool streamed = false;
  std::optional<ErrorCode> error;
  std::chrono::nanoseconds duration{};
  std::optional<std::chrono::nanoseconds> first_token;
  inference::Usage usage;
};

/// Writes one structured line. Level: that of the error's table entry for server faults, info otherwise. Any thread.
void log_request(const RequestLine& line);

/// The level log_request uses. Pure.
LogLevel level_of(const RequestLine& line) noexcept;

}  // namespace hearth::telemetry
