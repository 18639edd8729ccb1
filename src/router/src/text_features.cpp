// SPDX-License-Identifier: Apache-2.0
#include "text_features.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace hearth::router {
namespace {

constexpr std::uint32_t kMask = (1U << QualityModel::kBits) - 1;
constexpr std::size_t kHeadWords = 4;  // the first words say what kind of question it is

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

struct Counts {
  float letters = 0, digits = 0, upper = 0, marks = 0, lines = 0, questions = 0, sentences = 0, maths = 0, code = 0;
};

Counts count(std::string_view text) {
  Counts n;
  for (const char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    n.letters += is_letter(c) ? 1 : 0;
    n.digits += is_digit(c) ? 1 : 0;
    n.upper += std::isupper(c) != 0 ? 1 : 0;
    n.marks += std::ispunct(c) != 0 ? 1 : 0;
    n.lines += c == '\n' ? 1 : 0;
    n.questions += c == '?' ? 1 : 0;
    n.sentences += c == '.' || c == '?' || c == '!' ? 1 : 0;
    n.maths += std::string_view{"+-*/=^<>%$"}.find(raw) != std::string_view::npos ? 1 : 0;
    n.code += std::string_view{"{}[]();_|\\"}.find(raw) != std::string_view::npos ? 1 : 0;
  }
  return n;
}

void fill_dense(std::string_view text, const std::vector<std::string>& words, TextFeatures& out) {
  const Counts n = count(text);
  const auto size = static_cast<float>(std::max<std::size_t>(text.size(), 1));
  const auto word_count = static_cast<float>(std::max<std::size_t>(words.size(), 1));
  const auto last_line = text.substr(0, std::min(text.find('\n'), text.size()));  // the question before its options
  float numbers = 0;
  float long_words = 0;
  for (const std::string& word : words) {
    numbers += word[0] == '0' ? 1 : 0;
    long_words += word.size() > 8 ? 1 : 0;
  }
  const auto share = [&](float x) { return x / size; };
  out.dense = {std::log1p(size),
               std::log1p(word_count),
               n.letters / word_count,
               share(n.digits),
               share(n.upper),
               share(n.marks),
               std::log1p(n.lines),
               std::log1p(n.questions),
               std::log1p(n.sentences),
               std::log1p(n.maths),
               std::log1p(n.code),
               std::log1p(numbers),
               long_words / word_count,
               std::log1p(static_cast<float>(last_line.size())),
               static_cast<float>(last_line.size()) / size,
               word_count / (n.sentences + 1),
               text.find("not ") != std::string_view::npos || text.find("NOT ") != std::string_view::npos ? 1.0F : 0.0F,
               text.find("____") != std::string_view::npos ? 1.0F : 0.0F,
               text.find("Statement 1") != std::string_view::npos ? 1.0F : 0.0F,
               text.find("\"") != std::string_view::npos ? 1.0F : 0.0F};
}

}  // namespace

TextFeatures text_features(std::string_view prompt) {
  const std::string_view text = prompt.substr(0, QualityModel::kTextMax);
  const std::vector<std::string> words = words_of(text);
  TextFeatures out;
  out.sparse.reserve(words.size() * 12);
  for (std::size_t i = 0; i < words.size(); ++i) {
    out.sparse.push_back(hash(words[i], 1) & kMask);
    if (i + 1 < words.size()) out.sparse.push_back(hash(words[i] + " " + words[i + 1], 2) & kMask);
    add_pieces("<" + words[i] + ">", out.sparse);
    if (i < kHeadWords) out.sparse.push_back(hash(words[i], 4 + static_cast<std::uint32_t>(i)) & kMask);
  }
  std::ranges::sort(out.sparse);
  const auto doubled = std::ranges::unique(out.sparse);
  out.sparse.erase(doubled.begin(), doubled.end());
  fill_dense(text, words, out);
  return out;
}

}  // namespace hearth::router
