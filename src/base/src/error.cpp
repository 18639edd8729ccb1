// SPDX-License-Identifier: Apache-2.0
#include "hearth/base/error.hpp"

#include <array>

namespace hearth {
namespace {

using enum ErrorCode;
using enum LogLevel;

constexpr std::array<ErrorTraits, kErrorCodeCount> kTable{{
    // code                 name                    http openai type               anthropic type           level
    // retryable
    {invalid_request, "invalid_request", 400, "invalid_request_error", "invalid_request_error", info, false},
    {unauthenticated, "unauthenticated", 401, "authentication_error", "authentication_error", info, false},
    {forbidden, "forbidden", 403, "permission_error", "permission_error", info, false},
    {not_found, "not_found", 404, "not_found_error", "not_found_error", info, false},
    {conflict, "conflict", 409, "invalid_request_error", "invalid_request_error", info, false},
    {payload_too_large, "payload_too_large", 413, "invalid_request_error", "request_too_large", info, false},
    {context_too_long, "context_length_exceeded", 400, "invalid_request_error", "invalid_request_error", info, false},
    {rate_limited, "rate_limit_exceeded", 429, "rate_limit_error", "rate_limit_error", info, true},
    {budget_exhausted, "insufficient_quota", 429, "insufficient_quota", "rate_limit_error", info, false},
    {unsupported, "unsupported", 400, "invalid_request_error", "invalid_request_error", info, false},
    {insufficient_memory, "insufficient_memory", 507, "server_error", "api_error", warn, false},
    {corrupt_data, "corrupt_data", 422, "invalid_request_error", "invalid_request_error", warn, false},
    {upstream_error, "upstream_error", 502, "server_error", "api_error", warn, true},
    {upstream_unavailable, "upstream_unavailable", 503, "server_error", "overloaded_error", warn, true},
    {deadline_exceeded, "deadline_exceeded", 504, "server_error", "api_error", warn, true},
    {cancelled, "cancelled", 499, "cancelled_error", "api_error", info, false},
    {unavailable, "unavailable", 503, "server_error", "overloaded_error", warn, true},
    {internal, "internal", 500, "server_error", "api_error", error, false},
}};

consteval bool in_enum_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].code) != i) return false;
  }
  return true;
}
static_assert(in_enum_order(), "the table is indexed by the code");

}  // namespace

const ErrorTraits& traits(ErrorCode code) noexcept { return kTable[static_cast<std::size_t>(code)]; }

}  // namespace hearth
