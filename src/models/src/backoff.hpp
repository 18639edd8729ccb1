// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

#include "hearth/base/error.hpp"

namespace hearth::models {

inline constexpr std::chrono::milliseconds kBackoffMax{10'000};

/// How long to wait before try `attempt` + 1 (attempt counts from 0): doubles up to kBackoffMax.
constexpr std::chrono::milliseconds backoff(std::chrono::milliseconds first, unsigned attempt) {
  return std::min(first * (1U << std::min(attempt, 16U)), kBackoffMax);
}

/// True for what another try may mend: the peer or the line, not the request and not this machine.
inline bool worth_retrying(ErrorCode code) {
  return code == ErrorCode::upstream_error || code == ErrorCode::upstream_unavailable ||
         code == ErrorCode::rate_limited || code == ErrorCode::deadline_exceeded;
}

}  // namespace hearth::models
