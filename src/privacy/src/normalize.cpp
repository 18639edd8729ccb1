// SPDX-License-Identifier: Apache-2.0
#include "normalize.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "hearth/base/text.hpp"
#include "text_window.hpp"

namespace hearth::privacy {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 1;
};

Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t size = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  if (size == 1 || at + size > text.size()) return {first, 1};
  std::uint32_t code = first & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80) return {first, 1};
    code = (code << 6) | (byte(at + i) & 0x3FU);
  }
  return {code, size};
}

bool is_invisible(std::uint32_t c) {
  return c == 0xAD || c == 0x34F || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2064) || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF ||
         (c >= 0xE0000 && c <= 0xE007F);
}

/// The first digits of scripts that have ten of their own in a row (Unicode, category Nd).
constexpr auto kZeros = std::to_array<std::uint32_t>(
    {0x660, 0x6F0, 0x7C0,  0x966,  0x9E6,  0xA66,  0xAE6,   0xB66,   0xBE6,   0xC66,   0xCE6,   0xD66,  0xE50,
     0xED0, 0xF20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1FBF0});

/// Letters that are Latin ones to the eye (of Unicode's confusables.txt, those of Cyrillic and Greek).
constexpr auto kLookalikes = std::to_array<std::pair<std::uint32_t, char>>(
    {{0x391, 'A'}, {0x392, 'B'}, {0x395, 'E'}, {0x396, 'Z'}, {0x397, 'H'}, {0x399, 'I'}, {0x39A, 'K'}, {0x39C, 'M'},
     {0x39D, 'N'}, {0x39F, 'O'}, {0x3A1, 'P'}, {0x3A4, 'T'}, {0x3A5, 'Y'}, {0x3A7, 'X'}, {0x3BD, 'v'}, {0x3BF, 'o'},
     {0x3C1, 'p'}, {0x405, 'S'}, {0x406, 'I'}, {0x408, 'J'}, {0x410, 'A'}, {0x412, 'B'}, {0x415, 'E'}, {0x41A, 'K'},
     {0x41C, 'M'}, {0x41D, 'H'}, {0x41E, 'O'}, {0x420, 'P'}, {0x421, 'C'}, {0x422, 'T'}, {0x423, 'Y'}, {0x425, 'X'},
     {0x430, 'a'}, {0x435, 'e'}, {0x43E, 'o'}, {0x440, 'p'}, {0x441, 'c'}, {0x443, 'y'}, {0x445, 'x'}, {0x455, 's'},
     {0x456, 'i'}, {0x458, 'j'}, {0x501, 'd'}, {0x51B, 'q'}, {0x51D, 'w'}});

/// 0: none.
char ascii_form(std::uint32_t c) {
  if (c >= 0xFF01 && c <= 0xFF5E) return static_cast<char>(c - 0xFF01 + '!');  // full width
  if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFE58 || c == 0xFE63) return '-';
  if (c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000) return ' ';
  if (c == 0x3002 || c == 0xFF61 || c == 0x2024) return '.';
  for (const std::uint32_t zero : kZeros) {
    if (c >= zero && c < zero + 10) return static_cast<char>('0' + (c - zero));
  }
  return 0;
}

char lookalike(std::uint32_t c) {
  if (c < 0x391 || c > 0x51D) return 0;
  const auto found = std::ranges::lower_bound(kLookalikes, c, {}, &std::pair<std::uint32_t, char>::first);
  return found != kLookalikes.end() && found->first == c ? found->second : '\0';
}

}  // namespace

bool needs_normalizing(std::string_view text) {
  // Letters of Latin, é and ß, begin with C3 to CA; everything that is mapped above comes later, but for the soft
  // hyphen and the no-break space.
  return std::ranges::any_of(text.substr(text::ascii_prefix(text)), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0xCD || byte == 0xC2;
  });
}

Normalized normalize(std::string_view text) {
  Normalized out;
  out.text.reserve(text.size());
  out.origin.reserve(text.size() + 1);
  const auto put = [&](std::string_view bytes, std::size_t from) {
    for (std::size_t i = 0; i < bytes.size(); ++i) out.origin.push_back(static_cast<std::uint32_t>(from + i));
    out.text += bytes;
  };
  bool latin = false;  // has the run of characters since the last space a Latin letter or a digit
  std::size_t run_end = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (at >= run_end) {
      run_end = at;
      while (run_end < text.size() && !is_space(text[run_end])) ++run_end;
      latin = std::ranges::any_of(text.substr(at, run_end - at),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x80 && is_letter(c); });
      if (run_end == at) ++run_end;
    }
    const Character c = character_at(text, at);
    const char plain = c.size == 1 ? '\0' : ascii_form(c.code);
    const char like = c.size == 1 || plain != 0 || !latin ? '\0' : lookalike(c.code);
    if (plain != 0 || like != 0) {
      put(std::string_view{plain != 0 ? &plain : &like, 1}, at);
    } else if (c.size == 1 || !is_invisible(c.code)) {
      put(text.substr(at, c.size), at);
    }
    at += c.size;
  }
  out.origin.push_back(static_cast<std::uint32_t>(text.size()));
  return out;
}

}  // namespace hearth::privacy
