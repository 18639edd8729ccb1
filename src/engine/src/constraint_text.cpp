// SPDX-License-Identifier: Apache-2.0
#include "constraint_text.hpp"

#include "hearth/base/text.hpp"

namespace hearth::engine {

std::string to_utf8(char32_t c) {
  std::string out;
  text::append_utf8(out, c);
  return out;
}

std::optional<std::u32string> to_code_points(std::string_view text) {
  static constexpr char32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    const int more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : first >> 3 == 30 ? 3 : -1;
    if (more < 0) return std::nullopt;
    char32_t c = more == 0 ? first : first & (0x3FU >> more);
    for (int k = 0; k < more; ++k) {
      if (i >= text.size() || (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return std::nullopt;
      c = (c << 6) | (static_cast<unsigned char>(text[i++]) & 0x3F);
    }
    if (c < kLeast[more] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return std::nullopt;
    out.push_back(c);
  }
  return out;
}

}  // namespace hearth::engine
