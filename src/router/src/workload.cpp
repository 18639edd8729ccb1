// SPDX-License-Identifier: Apache-2.0
#include "workload.hpp"

#include <algorithm>
#include <array>

#include "hearth/base/text.hpp"

namespace hearth::router {
namespace {

struct Stopwords {
  std::string_view language;
  std::array<std::string_view, 8> words;
};
/// Words that are frequent in one of these languages and rare in the others.
constexpr std::array<Stopwords, 7> kStopwords{{
    {"en", {"the", "and", "of", "to", "is", "what", "with", "that"}},
    {"de", {"der", "und", "die", "ist", "nicht", "ein", "das", "mit"}},
    {"fr", {"le", "et", "les", "est", "des", "une", "dans", "pour"}},
    {"es", {"el", "y", "los", "es", "una", "por", "con", "como"}},
    {"it", {"il", "e", "di", "che", "non", "per", "sono", "della"}},
    {"pt", {"o", "os", "uma", "para", "com", "não", "do", "em"}},
    {"nl", {"het", "een", "en", "van", "niet", "zijn", "voor", "dat"}},
}};

/// The script of a character tells the language where only one is written in it.
std::string_view language_of(std::uint32_t c) {
  if (c >= 0x3040 && c <= 0x30FF) return "ja";
  if (c >= 0x4E00 && c <= 0x9FFF) return "zh";
  if (c >= 0xAC00 && c <= 0xD7A3) return "ko";
  if (c >= 0x0400 && c <= 0x04FF) return "ru";
  if (c >= 0x0370 && c <= 0x03FF) return "el";
  if (c >= 0x0590 && c <= 0x05FF) return "he";
  if (c >= 0x0600 && c <= 0x06FF) return "ar";
  if (c >= 0x0900 && c <= 0x097F) return "hi";
  if (c >= 0x0E00 && c <= 0x0E7F) return "th";
  return {};
}

/// The next character of valid UTF-8; a broken one counts as itself.
std::uint32_t next(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const std::uint32_t first = byte(0);
  const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::uint32_t c = size == 1 ? first : first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) c = (c << 6) | (byte(i) & 0x3FU);
  text.remove_prefix(std::min(size, text.size()));
  return c;
}

constexpr std::size_t kLongestStopword = 5;
constexpr std::size_t kGates = 1024;

/// All stopwords by a number that few other words share: their bytes, packed.
constexpr std::uint64_t packed(std::string_view word) {
  std::uint64_t number = 0;
  for (const char c : word) number = (number << 8) | static_cast<unsigned char>(c);
  return number;
}
struct Known {
  std::uint64_t word;
  std::size_t language;
};
constexpr auto kKnown = [] {
  std::array<Known, kStopwords.size() * 8> known{};
  for (std::size_t i = 0; i < kStopwords.size(); ++i) {
    for (std::size_t j = 0; j < 8; ++j) known[i * 8 + j] = {packed(kStopwords[i].words[j]), i};
  }
  std::ranges::sort(known, {}, &Known::word);
  return known;
}();

constexpr std::size_t gate_of(std::uint64_t word) { return (word * 0x9E3779B97F4A7C15ULL) >> 54; }
/// False for nearly all words that are no stopwords, which are most.
constexpr auto kGate = [] {
  std::array<bool, kGates> open{};
  for (const Known& known : kKnown) open[gate_of(known.word)] = true;
  return open;
}();

/// By byte: a letter in lower case, 0 for what ends a word.
constexpr auto kWordBytes = [] {
  std::array<unsigned char, 256> bytes{};
  for (std::size_t c = 0; c < bytes.size(); ++c) {
    const bool ends = c <= '/' || (c >= ':' && c <= '?');
    bytes[c] = ends ? 0 : static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  }
  return bytes;
}();

/// The language of Latin text: whose stopwords are there most.
std::string_view language_by_words(std::string_view text) {
  std::array<int, kStopwords.size()> seen{};
  const auto end_of_word = [&](std::uint64_t word) {
    if (!kGate[gate_of(word)]) return;
    const auto [first, last] = std::ranges::equal_range(kKnown, word, {}, &Known::word);
    for (auto known = first; known != last; ++known) ++seen[known->language];
  };
  std::uint64_t word = 0;  // packed; a longer one loses its front
  std::size_t size = 0;
  for (const char c : text) {
    const unsigned char byte = kWordBytes[static_cast<unsigned char>(c)];
    if (byte != 0) {
      word = (word << 8) | byte;
      ++size;
      continue;
    }
    if (size > 0 && size <= kLongestStopword) end_of_word(word);
    word = 0;
    size = 0;
  }
  if (size > 0 && size <= kLongestStopword) end_of_word(word);
  const auto most = std::ranges::max_element(seen);
  return *most == 0 ? std::string_view{} : kStopwords[static_cast<std::size_t>(most - seen.begin())].language;
}

/// Empty: the letters are Latin, or too few are not.
std::string_view language_by_script(std::string_view text) {
  std::string_view scripted;
  int foreign = 0;
  int letters = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::uint32_t c = next(rest);
    if (c > 0x7F || (c | 0x20) - 'a' < 26) ++letters;
    const std::string_view by_script = c > 0x7F ? language_of(c) : std::string_view{};
    if (by_script.empty()) continue;
    ++foreign;
    if (scripted != "ja") scripted = by_script;  // Japanese has Chinese characters too
  }
  return foreign * 3 > letters ? scripted : std::string_view{};
}

std::string_view language(std::string_view text) {
  const bool ascii = text::ascii_prefix(text) == text.size();
  const std::string_view by_script = ascii ? std::string_view{} : language_by_script(text);
  return by_script.empty() ? language_by_words(text) : by_script;
}

bool begins_with_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return text.starts_with(word); });
}

/// Marks that are counted, and the beginnings of lines that say it at once.
struct Signs {
  int code = 0;
  int maths = 0;
  bool code_line = false;
  bool maths_word = false;
};
/// The bytes that signs_of has to look at; letters and digits, most of a text, are not among them.
constexpr auto kMarks = [] {
  std::array<bool, 256> marks{};
  for (const char c : std::string_view{"\n{};`(:\\+*/=^<>%$ "}) marks[static_cast<unsigned char>(c)] = true;
  return marks;
}();

bool begins_with_code(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return begins_with_any(line, {"#include", "def ", "import ", "SELECT ", "public class", "class ", "```"});
}

Signs signs_of(std::string_view text) {
  Signs signs;
  signs.code_line = begins_with_code(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!kMarks[static_cast<unsigned char>(text[i])]) continue;
    const std::string_view rest = text.substr(i);
    switch (text[i]) {
      case '\n': signs.code_line |= begins_with_code(rest.substr(1)); break;
      case '{':
      case '}':
      case ';': ++signs.code; break;
      case '`': signs.code_line |= rest.starts_with("```"); break;
      case '(': signs.code_line |= rest.starts_with("();"); break;
      case ':': signs.code_line |= rest.starts_with("::"); break;
      case '\\': signs.maths_word |= begins_with_any(rest, {"\\frac", "\\int", "\\sum", "\\sqrt"}); break;
      case ' ':
        if (rest.size() > 1 && (rest[1] == 'e' || rest[1] == 'i' || rest[1] == 't' || rest[1] == 'd')) {
          signs.maths_word |= begins_with_any(rest.substr(1), {"equation", "integral", "theorem", "derivative"});
        }
        break;
      default: ++signs.maths; break;
    }
  }
  return signs;
}

}  // namespace

TextTraits traits_of(std::string_view text) {
  text = text.substr(0, kLookedAt);
  const Signs signs = signs_of(text);
  const auto size = static_cast<int>(text.size());
  return {.language = language(text),
          .code = signs.code_line || signs.code * 25 > size + 50,
          .mathematics = signs.maths_word || signs.maths * 20 > size + 20};
}

std::string_view name_of(WorkloadClass workload) {
  switch (workload) {
    case WorkloadClass::sensitive: return "sensitive";
    case WorkloadClass::latency_critical: return "latency-critical";
    case WorkloadClass::heavy: return "heavy";
    case WorkloadClass::simple: break;
  }
  return "simple";
}

}  // namespace hearth::router
