// SPDX-License-Identifier: Apache-2.0
#include "json_write.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "hearth/base/text.hpp"

namespace hearth::api {
namespace {

constexpr bool plain(unsigned char c) { return c >= 0x20 && c != '"' && c != '\\'; }

void append_escape(std::string& out, unsigned char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
  }
}

void append_valid(std::string& out, std::string_view text) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (plain(c)) continue;
    out.append(text, done, i - done);
    append_escape(out, c);
    done = i + 1;
  }
  out.append(text, done);
}

template <class T>
void append_finite(std::string& out, T value) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else {
    out += "null";
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  if (text::is_valid_utf8(text)) {
    append_valid(out, text);
  } else {
    append_valid(out, text::to_valid_utf8(text));
  }
  out += '"';
}

void append_json_number(std::string& out, double value) { append_finite(out, value); }

void append_json_number(std::string& out, float value) { append_finite(out, value); }

void append_json_floats(std::string& out, std::span<const float> values) {
  out += '[';
  for (const float value : values) {
    if (out.back() != '[') out += ',';
    append_json_number(out, value);
  }
  out += ']';
}

}  // namespace hearth::api
