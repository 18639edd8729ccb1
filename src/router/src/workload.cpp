// SPDX-License-Identifier: Apache-2.0
#include "workload.hpp"

#include <algorithm>
#include <array>

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

std::string_view language(std::string_view text) {
  std::array<int, kStopwords.size()> seen{};
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
  if (foreign * 3 > letters) return scripted;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \t\n.,;:!?()\"'", at), text.size());
    std::array<char, 8> lower{};
    const std::size_t size = end - at;
    if (size > 0 && size <= lower.size()) {
      std::ranges::transform(text.substr(at, size), lower.begin(),
                             [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
      const std::string_view word{lower.data(), size};
      for (std::size_t i = 0; i < kStopwords.size(); ++i) {
        if (std::ranges::find(kStopwords[i].words, word) != kStopwords[i].words.end()) ++seen[i];
      }
    }
    at = end + 1;
  }
  const auto most = std::ranges::max_element(seen);
  return *most == 0 ? std::string_view{} : kStopwords[static_cast<std::size_t>(most - seen.begin())].language;
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

}  // namespace

TextTraits traits_of(std::string_view text) {
  text = text.substr(0, kLookedAt);
  const auto count = [&](std::string_view marks) {
    return std::ranges::count_if(text, [&](char c) { return marks.find(c) != std::string_view::npos; });
  };
  TextTraits traits{.language = language(text)};
  const auto size = static_cast<std::ptrdiff_t>(text.size());
  traits.code =
      has_any(text, {"```", "#include", "def ", "();", "=> {", "SELECT ", "import ", "std::", "public class", "</"}) ||
      count("{};") * 25 > size + 50;
  traits.mathematics =
      has_any(text, {"\\frac", "\\int", "\\sum", "equation", "integral", "theorem", "derivative", "∫", "∑", "√"}) ||
      count("+*/=^<>%$") * 20 > size + 20;
  return traits;
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
