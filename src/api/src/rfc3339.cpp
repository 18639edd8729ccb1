// SPDX-License-Identifier: Apache-2.0
#include "rfc3339.hpp"

#include <chrono>

#include <fmt/format.h>

namespace hearth::api {

std::string rfc3339(WallClock::time_point at) {
  using std::chrono::days;
  using std::chrono::nanoseconds;
  const auto day = std::chrono::floor<days>(at);
  const std::chrono::year_month_day date{day};
  const auto ns = std::chrono::duration_cast<nanoseconds>(at - day).count();
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t seconds = ns / kSecond;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), seconds / 3600,
                     seconds / 60 % 60, seconds % 60, ns % kSecond);
}

}  // namespace hearth::api
