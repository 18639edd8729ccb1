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
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t plain = std::min(text.find('\\', i), text.size()) - i;
    out += text.substr(i, plain);
    i += plain;
    if (i >= text.size()) break;
    if (i + 1 == text.size()) {
      out += text[i];
      break;
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

/// A string of JSON text, from its first quote on.
struct JsonString {
  std::string_view raw;  // between the quotes
  std::size_t end = 0;   // behind the closing quote
  bool is_name = false;  // of a member
};

JsonString string_at(std::string_view json, std::size_t begin) {
  std::size_t end = begin + 1;
  for (bool open = true; open;) {
    end = std::min(json.find('"', end), json.size());
    std::size_t slashes = 0;
    while (json[end - slashes - 1] == '\\') ++slashes;  // ends at the first quote
    open = slashes % 2 == 1 && end < json.size();
    if (open) ++end;
  }
  JsonString out{.raw = json.substr(begin + 1, end - begin - 1), .end = std::min(end + 1, json.size())};
  std::size_t next = out.end;
  while (next < json.size() && is_space(json[next])) ++next;
  out.is_name = next < json.size() && json[next] == ':';
  return out;
}

bool has_escape(std::string_view raw) { return raw.find('\\') != std::string_view::npos; }

}  // namespace

void each_escaped(std::string_view json, const std::function<void(std::string_view)>& look) {
  for (std::size_t at = json.find('"'); at != std::string_view::npos;) {
    const JsonString text = string_at(json, at);
    if (has_escape(text.raw)) look(unescaped(text.raw));
    at = json.find('"', text.end);
  }
}

std::string without_strings(std::string_view json, std::size_t least,
                            const std::function<bool(std::string_view)>& known) {
  std::string out;
  std::size_t kept = 0;
  for (std::size_t at = json.find('"'); at != std::string_view::npos;) {
    const JsonString text = string_at(json, at);
    const bool may_go = !text.is_name && text.raw.size() >= least;
    if (may_go && (has_escape(text.raw) ? known(unescaped(text.raw)) : known(text.raw))) {
      out += json.substr(kept, at + 1 - kept);
      kept = text.end - 1;
    }
    at = json.find('"', text.end);
  }
  out += json.substr(kept);
  return out;
}

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
      const JsonString text = string_at(json, i);
      const std::string plain = unescaped(text.raw);
      const std::string changed = text.is_name ? plain : change(plain);
      out += '"';
      out += changed == plain ? std::string{text.raw} : escape_json(changed);
      out += '"';
      i = text.end;
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
