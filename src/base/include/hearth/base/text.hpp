// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// UTF-8 and number formatting, for every module that shows or cuts text.
namespace hearth::text {

/// Length of the longest prefix that ends on a character border: bytes of a last, incomplete but so far valid
/// UTF-8 sequence are left out. Invalid bytes count as characters of their own, so this never sticks.
std::size_t complete_utf8_prefix(std::string_view bytes) noexcept;

/// Replaces every maximal invalid sequence by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

/// One character. What is none (a surrogate, beyond U+10FFFF) becomes U+FFFD.
void append_utf8(std::string& out, char32_t c);

/// How many bytes at the front are ASCII.
std::size_t ascii_prefix(std::string_view bytes) noexcept;

bool is_valid_utf8(std::string_view bytes) noexcept;

/// "1.3 MB", "4.7 GB": decimal units, as Ollama and disk vendors count.
std::string human_bytes(std::uint64_t bytes);

std::string to_lower_ascii(std::string_view s);

std::string base64_encode(std::string_view bytes);

}  // namespace hearth::text
