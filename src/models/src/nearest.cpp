// SPDX-License-Identifier: Apache-2.0
#include "nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "hearth/base/text.hpp"

namespace hearth::models {
namespace {

constexpr std::size_t kWrittenMax = 64;  // longer words are no misspelling of anything here

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string did_you_mean(std::string_view written, std::span<const std::string_view> names) {
  if (written.size() > kWrittenMax) return {};
  const std::string word = text::to_lower_ascii(written);
  std::string_view best;
  std::size_t least = 1 + word.size() / 2;
  for (const std::string_view name : names) {
    const std::size_t d = distance(word, text::to_lower_ascii(name));
    if (d < least) {
      least = d;
      best = name;
    }
  }
  return best.empty() ? std::string{} : fmt::format("; did you mean '{}'?", best);
}

std::string printable(std::string_view text) {
  constexpr std::size_t kShownMax = 80;
  std::string out;
  for (const char c : text.substr(0, kShownMax)) out += c >= 0x20 && c < 0x7F ? c : '?';
  return text.size() > kShownMax ? out + "..." : out;
}

}  // namespace hearth::models
