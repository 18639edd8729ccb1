// SPDX-License-Identifier: Apache-2.0
#include "throttle.hpp"

#include <algorithm>
#include <functional>

namespace hearth::identity {
namespace {

constexpr std::int64_t kMinute = 60'000'000'000;

std::int64_t ns(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::int64_t Rate::cost(std::int64_t units) const {
  return static_cast<std::int64_t>(static_cast<double>(units) * static_cast<double>(kMinute) /
                                   static_cast<double>(per_minute_));
}

std::optional<std::chrono::nanoseconds> Rate::wait(Clock::time_point now) const {
  if (per_minute_ == 0) return std::nullopt;
  const std::int64_t due = due_.load(std::memory_order_relaxed);
  const std::int64_t over = std::max(due, ns(now)) + cost(1) - ns(now) - kMinute;
  if (over <= 0) return std::nullopt;
  return std::chrono::nanoseconds{over};
}

std::optional<std::chrono::nanoseconds> Rate::take(Clock::time_point now) {
  if (per_minute_ == 0) return std::nullopt;
  std::int64_t due = due_.load(std::memory_order_relaxed);
  while (true) {
    const std::int64_t next = std::max(due, ns(now)) + cost(1);
    if (next - ns(now) > kMinute) return std::chrono::nanoseconds{next - ns(now) - kMinute};
    if (due_.compare_exchange_weak(due, next, std::memory_order_relaxed)) return std::nullopt;
  }
}

void Rate::charge(std::int64_t units, Clock::time_point now) {
  if (per_minute_ == 0 || units <= 0) return;
  std::int64_t due = due_.load(std::memory_order_relaxed);
  while (!due_.compare_exchange_weak(due, std::max(due, ns(now)) + cost(units), std::memory_order_relaxed)) {
  }
}

bool WrongKeys::note(std::string_view address, int most, Clock::time_point now) {
  auto& place = places_[std::hash<std::string_view>{}(address) % kPlaces];
  const auto minute = static_cast<std::uint64_t>(ns(now) / kMinute) & UINT32_MAX;
  std::uint64_t old = place.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    const std::uint64_t count = old >> 32 == minute ? std::min<std::uint64_t>(old & UINT32_MAX, UINT32_MAX - 1) : 0;
    next = minute << 32 | (count + 1);
  } while (!place.compare_exchange_weak(old, next, std::memory_order_relaxed));
  return (next & UINT32_MAX) > static_cast<std::uint64_t>(most);
}

}  // namespace hearth::identity
