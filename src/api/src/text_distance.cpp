// SPDX-License-Identifier: Apache-2.0
#include "text_distance.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace hearth::api {
namespace {

constexpr std::size_t kMaxWord = 64;
using Row = std::array<std::size_t, kMaxWord + 1>;

/// Optimal string alignment distance, three rows.
std::size_t distance(std::string_view a, std::string_view b) {
  Row before{}, last{}, now{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = last;
    last = now;
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest_word(std::string_view text, std::span<const std::string_view> words) {
  if (text.size() > kMaxWord) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t least = std::max<std::size_t>(text.size() / 3, 1) + 1;
  for (const std::string_view word : words) {
    if (word.size() > kMaxWord) continue;
    if (const std::size_t d = distance(text, word); d < least) {
      least = d;
      best = word;
    }
  }
  return best;
}

}  // namespace hearth::api
