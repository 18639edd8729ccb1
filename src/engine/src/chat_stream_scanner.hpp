// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::engine {

/// Finds the first marker in plain text, or the beginning of one at its end. Pure; the markers must outlive it.
class MarkerScanner {
 public:
  struct Hit {
    std::size_t offset = 0;  // everything before it is plain; the text's size if there is no marker
    bool complete = false;   // a whole marker stands at offset; otherwise what is there may still become one
  };

  explicit MarkerScanner(const std::vector<std::string>& markers) : markers_{&markers} {
    for (const std::string& marker : markers) first_[static_cast<unsigned char>(marker.front())] = true;
  }

  Hit find(std::string_view text) const {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (!first_[static_cast<unsigned char>(text[i])]) continue;
      bool partial = false;
      for (const std::string& marker : *markers_) {
        if (text.compare(i, marker.size(), marker) == 0) return {i, true};
        partial = partial || std::string_view{marker}.starts_with(text.substr(i));
      }
      if (partial) return {i, false};
    }
    return {text.size(), false};
  }

  /// The same inside a JSON string, which its closing quote ends too; an escape sequence is not cut.
  Hit find_in_json_string(std::string_view text) const {
    const Hit marker = find(text);
    for (std::size_t i = 0; i < marker.offset; ++i) {
      if (text[i] == '"') return {i, true};
      if (text[i] != '\\') continue;
      const std::size_t size = escape_size(text.substr(i));
      if (size == 0 || i + size > text.size()) return {i, size == 0};
      i += size - 1;
    }
    return marker;
  }

  /// Where the beginning of a marker starts that `text` ends in; its size if it ends in none.
  std::size_t open_end(std::string_view text) const {
    const std::size_t from = text.size() - std::min(text.size(), longest_marker());
    for (std::size_t i = from; i < text.size(); ++i) {
      if (!first_[static_cast<unsigned char>(text[i])]) continue;
      for (const std::string& marker : *markers_) {
        if (marker.size() > text.size() - i && marker.starts_with(text.substr(i))) return i;
      }
    }
    return text.size();
  }

 private:
  /// Of the escape sequence that `text` begins with; 0 if JSON has no such.
  static std::size_t escape_size(std::string_view text) {
    if (text.size() < 2) return 2;
    if (std::string_view{"\"\\/bfnrt"}.find(text[1]) != std::string_view::npos) return 2;
    if (text[1] != 'u') return 0;
    const std::string_view digits = text.substr(2, 4);
    return digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos ? 6 : 0;
  }

  std::size_t longest_marker() const {
    std::size_t longest = 0;
    for (const std::string& marker : *markers_) longest = std::max(longest, marker.size());
    return longest;
  }

  const std::vector<std::string>* markers_;
  std::array<bool, 256> first_{};
};

}  // namespace hearth::engine
