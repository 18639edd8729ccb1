// SPDX-License-Identifier: Apache-2.0
#include "text_window.hpp"

#include <algorithm>
#include <array>

namespace hearth::privacy {
namespace {

constexpr std::size_t kBefore = 48;
constexpr std::size_t kAfter = 16;

/// Does one of the words begin where a word begins in here? "tel" is not in "hotel", but in "telephone".
bool has_word(std::string_view window, bool inside_word, std::span<const std::string_view> words) {
  std::array<char, kBefore> lower;
  const std::size_t size = std::min(window.size(), lower.size());
  std::ranges::transform(window.substr(0, size), lower.begin(), to_lower);
  const std::string_view text{lower.data(), size};
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool goes_on = at == 0 ? inside_word : is_word(text[at - 1]);
    if (goes_on || !is_word(text[at])) continue;
    if (std::ranges::any_of(
            words, [&](std::string_view word) { return word[0] == text[at] && text.substr(at).starts_with(word); })) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool mentions(std::string_view text, std::size_t begin, std::size_t end, std::span<const std::string_view> words) {
  const std::size_t from = begin - std::min(begin, kBefore);
  return has_word(text.substr(from, begin - from), from > 0 && is_word(text[from - 1]), words) ||
         has_word(text.substr(end, kAfter), end > 0 && is_word(text[end - 1]), words);
}

std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_digit(c) || is_letter(c)) out += to_upper(c);
  }
  return out;
}

}  // namespace hearth::privacy
