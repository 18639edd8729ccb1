// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

/// Small questions about ASCII text around a place. Bytes of other characters count as letters. Pure.
namespace hearth::privacy {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_letter(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
inline bool is_word(char c) { return is_digit(c) || is_letter(c) || c == '_'; }
inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
inline char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
inline char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

/// No word goes on over this place.
inline bool begins_word(std::string_view text, std::size_t at) { return at == 0 || !is_word(text[at - 1]); }
inline bool ends_word(std::string_view text, std::size_t at) { return at >= text.size() || !is_word(text[at]); }

/// Is one of these (in lower case) said within a few words before the place, or shortly after it?
bool mentions(std::string_view text, std::size_t begin, std::size_t end, std::span<const std::string_view> words);

/// Digits and letters alone, in upper case.
std::string squeezed(std::string_view text);

}  // namespace hearth::privacy
