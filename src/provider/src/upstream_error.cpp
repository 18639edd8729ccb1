// SPDX-License-Identifier: Apache-2.0
#include "upstream_error.hpp"

#include <fmt/format.h>

#include <charconv>

#include "hearth/base/text.hpp"

namespace hearth::provider {
namespace {

constexpr std::size_t kMessageMax = 500;
constexpr std::int64_t kLongestWait = 3600;  // seconds; a server that says more is as good as down

/// Seconds, or milliseconds in OpenAI's own field. Dates are rare among these servers and count as a second.
std::optional<std::chrono::seconds> retry_after(const net::Headers& headers) {
  const auto number = [](std::string_view text) -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data() || value < 0) return std::nullopt;
    return value;
  };
  if (const auto ms = headers.get("retry-after-ms")) {
    if (const auto value = number(*ms)) {
      return std::chrono::seconds{std::min<std::int64_t>((*value + 999) / 1000, kLongestWait)};
    }
  }
  if (const auto text = headers.get("retry-after")) {
    return std::chrono::seconds{std::min(number(*text).value_or(1), kLongestWait)};
  }
  return std::nullopt;
}

ErrorCode code_of(int status) {
  switch (status) {
    case 401:
    case 403:
    case 404: return ErrorCode::upstream_error;  // our key, our name for the model: the client can do nothing
    case 408: return ErrorCode::upstream_unavailable;
    case 413: return ErrorCode::payload_too_large;
    case 429: return ErrorCode::rate_limited;
    default: break;
  }
  if (status >= 500) return ErrorCode::upstream_unavailable;
  return status >= 400 ? ErrorCode::invalid_request : ErrorCode::upstream_error;
}

}  // namespace

std::string shortened(std::string_view message) {
  std::string out;
  for (const char c : message.substr(0, kMessageMax)) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  }
  out.resize(text::complete_utf8_prefix(out));
  return text::to_valid_utf8(out);
}

Error upstream_error(int status, const net::Headers& headers, std::string_view message) {
  Error error{.code = code_of(status), .message = {}, .param = {}, .retry_after = {}};
  error.message = message.empty() ? fmt::format("the server answered {}", status)
                                  : fmt::format("the server answered {}: {}", status, shortened(message));
  if (error.code == ErrorCode::rate_limited || error.code == ErrorCode::upstream_unavailable) {
    error.retry_after = retry_after(headers);
  }
  return error;
}

}  // namespace hearth::provider
