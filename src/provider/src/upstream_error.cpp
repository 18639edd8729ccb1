// SPDX-License-Identifier: Apache-2.0
#include "upstream_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>

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
    if (error == std::errc::result_out_of_range) return std::numeric_limits<std::int64_t>::max();
    if (error != std::errc{} || end == text.data() || value < 0) return std::nullopt;
    return value;
  };
  if (const auto ms = headers.get("retry-after-ms")) {
    if (const auto value = number(*ms)) {
      return std::chrono::seconds{(std::min(*value, kLongestWait * 1000) + 999) / 1000};
    }
  }
  if (const auto text = headers.get("retry-after")) {
    return std::chrono::seconds{std::min(number(*text).value_or(1), kLongestWait)};
  }
  return std::nullopt;
}

bool says_any(std::string_view message, std::span<const std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view w) { return message.find(w) != std::string_view::npos; });
}

/// Only what is wrong with the request itself is wrong everywhere: it is not tried at another server. Our key, our
/// bill, our name for the model (401 to 405, 409, 410, 451, …) are this server's matter.
ErrorCode code_of(int status) {
  switch (status) {
    case 400:
    case 422: return ErrorCode::invalid_request;
    case 408: return ErrorCode::upstream_unavailable;
    case 413: return ErrorCode::payload_too_large;
    case 429: return ErrorCode::rate_limited;
    default: return status >= 500 ? ErrorCode::upstream_unavailable : ErrorCode::upstream_error;
  }
}

}  // namespace

bool tells_of_debt(std::string_view message) {
  static constexpr std::array<std::string_view, 4> kWords{"credit balance", "nsufficient balance",
                                                          "nsufficient Balance", "nsufficient credits"};
  return says_any(message, kWords);
}

bool tells_of_overflow(std::string_view message) {
  static constexpr std::array<std::string_view, 6> kWords{
      "maximum context length",          "context length", "exceeds the available context",
      "longer than the model's context", "context window", "is too long"};
  return says_any(message, kWords);
}

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
  if (error.code == ErrorCode::invalid_request && tells_of_debt(message)) error.code = ErrorCode::upstream_error;
  error.message = message.empty() ? fmt::format("the server answered {}", status)
                                  : fmt::format("the server answered {}: {}", status, shortened(message));
  if (error.code == ErrorCode::rate_limited || error.code == ErrorCode::upstream_unavailable) {
    error.retry_after = retry_after(headers);
  }
  return error;
}

}  // namespace hearth::provider
