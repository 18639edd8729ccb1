// SPDX-License-Identifier: Apache-2.0
#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hearth::cli {

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string human_age(double seconds) {
  struct Unit {
    double length;
    const char* name;
  };
  static constexpr Unit kUnits[] = {{31'557'600, "year"}, {2'629'800, "month"}, {604'800, "week"},
                                    {86'400, "day"},      {3'600, "hour"},      {60, "minute"}};
  const double size = std::abs(seconds);
  std::string text = "less than a minute";
  for (const Unit& unit : kUnits) {
    if (size < unit.length) continue;
    const auto n = static_cast<long>(size / unit.length);
    text = fmt::format("{} {}{}", n, unit.name, n == 1 ? "" : "s");
    break;
  }
  return seconds < 0 ? "in " + text : text + " ago";
}

std::string short_digest(const std::string& digest) {
  const std::string hex = digest.starts_with("sha256:") ? digest.substr(7) : digest;
  return hex.substr(0, 12);
}

}  // namespace hearth::cli
