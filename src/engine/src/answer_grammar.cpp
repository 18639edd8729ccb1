// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/answer_grammar.hpp"

#include <fmt/format.h>

#include <vector>

#include "hearth/base/text.hpp"

namespace hearth::engine {
namespace {

struct Word {
  std::string text;
  bool blank_before = false;  // else it follows the one before directly
  bool follows = false;       // may be said together with the one before
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
/// Inside JSON strings these mean something else, so no value goes beyond them.
bool is_border(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }
bool is_letter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Letters and digits in a row are one word, every other character is one by itself.
std::vector<Word> words_of(std::string_view message) {
  std::vector<Word> out;
  bool blank = false;
  bool border = true;
  for (std::size_t i = 0; i < message.size();) {
    const char c = message[i];
    if (is_blank(c) || is_border(c)) {
      blank = blank || is_blank(c);
      border = border || !is_blank(c);
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (is_letter(c) && end < message.size() && is_letter(message[end])) ++end;
    out.push_back({std::string{message.substr(i, end - i)}, blank, !border && !out.empty()});
    blank = border = false;
    i = end;
  }
  return out;
}

}  // namespace

std::string answer_grammar(std::string_view grammar, std::string_view message) {
  const std::string valid = text::to_valid_utf8(message);
  const std::vector<Word> words = words_of(valid);
  std::string out{grammar};
  out += "\nuser-words ::= ";
  for (std::size_t i = 0; i < words.size(); ++i) out += fmt::format("{}user-word-{}", i == 0 ? "" : " | ", i);
  if (words.empty()) out += "\"\"";
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += fmt::format("\nuser-word-{} ::= \"{}\"", i, words[i].text);
    if (i + 1 < words.size() && words[i + 1].follows)
      out += fmt::format(" (\"{}\" user-word-{})?", words[i + 1].blank_before ? " " : "", i + 1);
  }
  return out + "\n";
}

}  // namespace hearth::engine
