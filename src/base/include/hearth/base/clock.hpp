// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace hearth {

/// Monotonic time. Decisions take a time_point as an argument; only edges call now().
using Clock = std::chrono::steady_clock;
using WallClock = std::chrono::system_clock;

/// A point in time after which work is pointless. Unreachable by default.
class Deadline {
 public:
  constexpr Deadline() noexcept = default;
  constexpr explicit Deadline(Clock::time_point at) noexcept : at_{at} {}

  /// Overflow-safe: a huge duration means never.
  static constexpr Deadline after(Clock::time_point now, Clock::duration left) noexcept {
    return left >= Clock::time_point::max() - now ? Deadline{} : Deadline{now + left};
  }

  constexpr bool reachable() const noexcept { return at_ != Clock::time_point::max(); }
  constexpr bool passed(Clock::time_point now) const noexcept { return now >= at_; }
  constexpr Clock::time_point at() const noexcept { return at_; }
  constexpr Deadline earlier(Deadline other) const noexcept { return Deadline{std::min(at_, other.at_)}; }

 private:
  Clock::time_point at_ = Clock::time_point::max();
};

}  // namespace hearth
