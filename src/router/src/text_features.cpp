// SPDX-License-Identifier: Apache-2.0
#include "text_features.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace hearth::router {
namespace {

constexpr std::uint32_t kMask = (1U << QualityModel::kBits) - 1;

bool is_letter(unsigned char c) { return c >= 0x80 || std::isalpha(c) != 0; }
bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

/// FNV-1a with a final mix; `seed` tells kinds of features apart.
std::uint32_t hash(std::string_view text, std::uint32_t seed) {
  std::uint32_t h = 2166136261U ^ (seed * 0x9E3779B9U);
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 16777619U;
  h ^= h >> 15;
  h *= 0x85EBCA6BU;
  return h ^ (h >> 13);
}

/// Words in lower case, numbers as their length in digits (which number it is teaches nothing), single marks.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    std::size_t end = i + 1;
    if (is_letter(c)) {
      while (end < text.size() && is_letter(static_cast<unsigned char>(text[end]))) ++end;
      std::string& word = words.emplace_back(text.substr(i, end - i));
      std::ranges::transform(word, word.begin(), [](unsigned char x) { return static_cast<char>(std::tolower(x)); });
    } else if (is_digit(c)) {
      while (end < text.size() && is_digit(static_cast<unsigned char>(text[end]))) ++end;
      words.emplace_back(std::min<std::size_t>(end - i, 6), '0');
    } else if (std::isspace(c) == 0) {
      words.emplace_back(1, static_cast<char>(c));
    }
    i = end;
  }
  return words;
}

/// Three to five characters: stems, endings and what words have in common.
void add_pieces(std::string_view word, std::vector<std::uint32_t>& out) {
  for (std::size_t n = 3; n <= 5; ++n) {
    for (std::size_t at = 0; at + n <= word.size(); ++at) out.push_back(hash(word.substr(at, n), 20) & kMask);
  }
}

void sort_unique(std::vector<std::uint32_t>& hashes) {
  std::ranges::sort(hashes);
  const auto doubled = std::ranges::unique(hashes);
  hashes.erase(doubled.begin(), doubled.end());
}

}  // namespace

TextFeatures text_features(std::string_view prompt) {
  const std::string_view text = prompt.substr(0, QualityModel::kTextMax);
  const std::vector<std::string> words = words_of(text);
  TextFeatures out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out.words.push_back(hash(words[i], 1) & kMask);
    if (i + 1 < words.size()) out.words.push_back(hash(words[i] + " " + words[i + 1], 2) & kMask);
    add_pieces("<" + words[i] + ">", out.pieces);
  }
  sort_unique(out.words);
  sort_unique(out.pieces);
  // More measures than these were tried: they fit the training rows, and lose on others (bench/RESULTS.md).
  const auto size = static_cast<float>(std::max<std::size_t>(text.size(), 1));
  out.dense = {std::log1p(size), std::log1p(static_cast<float>(std::ranges::count(text, ' ') + 1)),
               static_cast<float>(std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; })) / size,
               std::log1p(static_cast<float>(std::ranges::count(text, '\n')))};
  return out;
}

}  // namespace hearth::router
