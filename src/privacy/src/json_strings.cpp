// SPDX-License-Identifier: Apache-2.0
#include "json_strings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "hearth/base/text.hpp"
#include "text_window.hpp"

namespace hearth::privacy {
namespace {

std::uint32_t hex4(std::string_view text, std::size_t at) {
  std::uint32_t value = 0xFFFD;
  if (at + 4 <= text.size()) std::from_chars(text.data() + at, text.data() + at + 4, value, 16);
  return value;
}

/// Of the characters between the quotes.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    constexpr std::string_view kNames = "nrtbf";
    constexpr std::string_view kMeant = "\n\r\t\b\f";
    if (const std::size_t known = kNames.find(c); known != std::string_view::npos) {
      out += kMeant[known];
    } else if (c != 'u') {
      out += c;
    } else {
      std::uint32_t code = hex4(text, i + 1);
      i += 4;
      const bool high = code >= 0xD800 && code < 0xDC00 && text.substr(std::min(i + 1, text.size()), 2) == "\\u";
      const std::uint32_t low = high ? hex4(text, i + 3) : 0;
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
      }
      text::append_utf8(out, code);
    }
  }
  return out;
}

}  // namespace

std::string escape_json(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string change_json(std::string_view json, const std::function<std::string(std::string_view)>& change) {
  std::string out;
  for (std::size_t i = 0; i < json.size();) {
    if (json[i] == '"') {
      std::size_t end = i + 1;
      while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
      end = std::min(end, json.size());
      const std::string_view raw = json.substr(i + 1, end - i - 1);
      const std::string plain = unescaped(raw);
      std::size_t next = std::min(end + 1, json.size());
      while (next < json.size() && is_space(json[next])) ++next;
      const bool name = next < json.size() && json[next] == ':';
      const std::string changed = name ? plain : change(plain);
      out += '"';
      out += changed == plain ? std::string{raw} : escape_json(changed);
      out += '"';
      i = end + 1;
    } else if (is_digit(json[i])) {
      std::size_t end = i;
      while (end < json.size() && (is_digit(json[end]) || json[end] == '.')) ++end;
      const std::string_view number = json.substr(i, end - i);
      const std::string changed = change(number);
      out += changed == number ? std::string{number} : fmt::format("\"{}\"", escape_json(changed));
      i = end;
    } else {
      out += json[i++];
    }
  }
  return out;
}

}  // namespace hearth::privacy
