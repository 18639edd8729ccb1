// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "hearth/policy/policy.hpp"

namespace hearth::policy {
namespace {

constexpr std::array<std::string_view, 5> kActionNames{"chat", "complete", "embed", "rerank", "tools"};
constexpr std::array<std::string_view, 7> kDays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr int kDay = 24 * 60;

auto wrong_hours(std::string_view text) {
  return fail(ErrorCode::invalid_request,
              fmt::format("\"{}\" are no hours; write \"mon-fri 08:00-18:00\", \"sat,sun\" or \"22:00-06:00\" (UTC)",
                          text.substr(0, 64)));
}

/// SIZE_MAX: no day.
std::size_t day_of(std::string_view name) {
  const auto found = std::ranges::find(kDays, name);
  return found == kDays.end() ? SIZE_MAX : static_cast<std::size_t>(found - kDays.begin());
}

/// "mon-wed" or "sat"; 0 for anything else.
std::uint8_t days_of(std::string_view text) {
  const std::size_t dash = text.find('-');
  const std::size_t first = day_of(text.substr(0, dash));
  const std::size_t last = dash == std::string_view::npos ? first : day_of(text.substr(dash + 1));
  if (first == SIZE_MAX || last == SIZE_MAX) return 0;
  std::uint8_t days = 0;
  for (std::size_t day = first;; day = (day + 1) % kDays.size()) {
    days |= static_cast<std::uint8_t>(1U << day);
    if (day == last) return days;
  }
}

/// "08:30"; -1 for anything else.
int minutes_of(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 100'000; };
  if (text.size() != 5 || text[2] != ':') return -1;
  const int hour = digit(0) * 10 + digit(1);
  const int minute = digit(3) * 10 + digit(4);
  const bool midnight = hour == 24 && minute == 0;
  return (hour < 24 && minute < 60) || midnight ? hour * 60 + minute : -1;
}

}  // namespace

Result<Actions> parse_action(std::string_view name) {
  const auto found = std::ranges::find(kActionNames, name);
  if (found != kActionNames.end()) return static_cast<Actions>(1U << (found - kActionNames.begin()));
  return fail(ErrorCode::invalid_request,
              fmt::format("\"{}\" is no action; one of: {}", name.substr(0, 64), fmt::join(kActionNames, ", ")));
}

std::string names_of(Actions actions) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kActionNames.size(); ++i) {
    if ((actions >> i & 1U) != 0) names.push_back(kActionNames[i]);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

bool Hours::covers(int minute_of_week) const {
  const int day = minute_of_week / kDay;
  const int minute = minute_of_week % kDay;
  const auto begins_on = [&](int d) { return (days >> ((d + 7) % 7) & 1) != 0; };
  if (begin < end) return begins_on(day) && minute >= begin && minute < end;
  return (begins_on(day) && minute >= begin) || (begins_on(day - 1) && minute < end);
}

Result<Hours> parse_hours(const std::string& text) {
  Hours hours;
  std::string_view rest = text;
  const std::size_t colon = text.find(':');
  const std::size_t space = text.find(' ');
  if (colon == std::string::npos || space != std::string::npos) {  // days come first
    hours.days = 0;
    std::string_view days = rest.substr(0, space);
    rest = space == std::string::npos ? std::string_view{} : rest.substr(space + 1);
    while (!days.empty()) {
      const std::string_view one = days.substr(0, days.find(','));
      days.remove_prefix(std::min(one.size() + 1, days.size()));
      const std::uint8_t known = days_of(one);
      if (known == 0) return wrong_hours(text);
      hours.days |= known;
    }
  }
  if (!rest.empty()) {
    const std::size_t dash = rest.find('-');
    hours.begin = minutes_of(rest.substr(0, dash));
    hours.end = dash == std::string_view::npos ? -1 : minutes_of(rest.substr(dash + 1));
    if (hours.begin < 0 || hours.end < 0 || hours.begin == hours.end) return wrong_hours(text);
  }
  if (hours.days == 0) return wrong_hours(text);
  return hours;
}

std::string to_string(const Hours& hours) {
  std::vector<std::string_view> days;
  for (std::size_t i = 0; i < kDays.size(); ++i) {
    if ((hours.days >> i & 1) != 0) days.push_back(kDays[i]);
  }
  return fmt::format("{} {:02}:{:02}-{:02}:{:02}", fmt::join(days, ","), hours.begin / 60, hours.begin % 60,
                     hours.end / 60, hours.end % 60);
}

int minute_of_week(WallClock::time_point time) {
  using namespace std::chrono;
  constexpr int kMonday = 3 * kDay;  // 1 January 1970 was a Thursday
  const auto since = duration_cast<minutes>(time.time_since_epoch()).count() + kMonday;
  return static_cast<int>((since % kMinutesOfWeek + kMinutesOfWeek) % kMinutesOfWeek);
}

}  // namespace hearth::policy
