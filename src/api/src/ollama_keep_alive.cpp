// SPDX-License-Identifier: Apache-2.0
#include "ollama_keep_alive.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace hearth::api::ollama {
namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
// Longest first where one name begins another ("ms" before "m").
constexpr std::array<Unit, 8> kUnits{{{"ns", 1e-9},
                                      {"us", 1e-6},
                                      {"\xC2\xB5s", 1e-6},
                                      {"\xCE\xBCs", 1e-6},
                                      {"ms", 1e-3},
                                      {"s", 1},
                                      {"m", 60},
                                      {"h", 3600}}};

std::unexpected<Error> bad() {
  return fail(ErrorCode::invalid_request,
              "keep_alive must be seconds or a duration such as \"5m\", \"1h30m\" or \"-1\" (for ever)", "keep_alive");
}

std::optional<double> take_number(std::string_view& text) {
  double value = 0;
  // fixed only: Go's durations know no exponent, no "inf" and no sign inside.
  if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '.')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<double> take_unit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (text.starts_with(unit.name)) {
      text.remove_prefix(unit.name.size());
      return unit.seconds;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::chrono::seconds> keep_alive_of(double seconds) {
  if (!std::isfinite(seconds)) return bad();
  if (seconds < 0 || seconds > static_cast<double>(kMaxKeepAlive.count())) return kKeepForever;
  return std::chrono::seconds{static_cast<std::int64_t>(std::ceil(seconds))};
}

Result<std::chrono::seconds> parse_keep_alive(std::string_view text) {
  bool negative = false;
  if (text.starts_with('-') || text.starts_with('+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  double total = 0;
  bool first = true;
  do {
    const std::optional<double> number = take_number(text);
    if (!number) return bad();
    if (text.empty() && first) {  // a bare number
      total = *number;
      break;
    }
    const std::optional<double> unit = take_unit(text);
    if (!unit) return bad();
    total += *number * *unit;
    first = false;
  } while (!text.empty());
  return keep_alive_of(negative ? -total : total);
}

}  // namespace hearth::api::ollama
