// SPDX-License-Identifier: Apache-2.0
#include "base64.hpp"

#include <algorithm>
#include <string>

#include "text_window.hpp"
#include "types.hpp"

namespace hearth::privacy {
namespace {

constexpr std::size_t kDecodedMax = 64 * 1024;

/// -1: no character of base64 or of base64url.
int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

bool is_text(std::string_view bytes) {
  return std::ranges::all_of(
      bytes, [](char c) { return is_space(c) || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); });
}

}  // namespace

std::size_t check_base64(std::string_view text, std::size_t begin, std::size_t end,
                         const std::function<void(std::string_view, Findings&)>& scan, Findings& out) {
  while (begin > 0 && value_of(text[begin - 1]) >= 0) --begin;
  std::string decoded;
  unsigned bits = 0;
  int held = 0;
  for (end = begin; end < text.size() && value_of(text[end]) >= 0; ++end) {
    bits = (bits << 6) | static_cast<unsigned>(value_of(text[end]));
    held += 6;
    if (held < 8 || decoded.size() >= kDecodedMax) continue;
    held -= 8;
    decoded += static_cast<char>((bits >> held) & 0xFFU);
  }
  if (!is_text(decoded)) return end;
  Findings inside;
  scan(decoded, inside);
  for (const Finding& finding : inside) {
    out.push_back(finding_of(finding.type, begin, end, finding.score));
  }
  return end;
}

}  // namespace hearth::privacy
