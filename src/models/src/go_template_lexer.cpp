// SPDX-License-Identifier: Apache-2.0
#include "go_template_lexer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nearest.hpp"

namespace hearth::models::go {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

bool is_space(char c) { return kSpace.find(c) != std::string_view::npos; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c); }

// Where the "}}" that ends an action stands: not one inside a string.
std::size_t action_end(std::string_view s) {
  char quote = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (quote != 0) {
      if (s[i] == '\\' && quote != '`') {
        ++i;
      } else if (s[i] == quote) {
        quote = 0;
      }
    } else if (s[i] == '"' || s[i] == '`' || s[i] == '\'') {
      quote = s[i];
    } else if (s.substr(i).starts_with("}}")) {
      return i;
    }
  }
  return std::string_view::npos;
}

class Lexer {
 public:
  explicit Lexer(const Segment& segment) : rest_{segment.text}, line_{segment.line} {}

  Result<std::vector<Token>> run() {
    std::vector<Token> out;
    bool glued = false;
    while (!rest_.empty()) {
      if (is_space(rest_.front())) {
        rest_.remove_prefix(1);
        glued = false;
        continue;
      }
      HEARTH_TRY(auto token, next());
      token.glued = glued;
      out.push_back(std::move(token));
      glued = true;
    }
    out.push_back({});
    return out;
  }

 private:
  Result<Token> next() {
    const char c = rest_.front();
    if (c == '"' || c == '`') return quoted(c);
    if (is_digit(c) || (c == '-' && rest_.size() > 1 && is_digit(rest_[1]))) return number();
    if (c == '.') {
      rest_.remove_prefix(1);
      std::string field = name();
      return Token{field.empty() ? Token::Kind::dot : Token::Kind::field, std::move(field), false};
    }
    if (c == '$') {
      rest_.remove_prefix(1);
      return Token{Token::Kind::variable, name(), false};
    }
    if (is_name(c)) return Token{Token::Kind::word, name(), false};
    if (rest_.starts_with(":=")) return Token{Token::Kind::sign, take(2), false};
    if (std::string_view{"()|=,"}.find(c) != std::string_view::npos) return Token{Token::Kind::sign, take(1), false};
    return broken(line_, fmt::format("unexpected '{}'", printable({&c, 1})));
  }

  std::string take(std::size_t n) {
    std::string out{rest_.substr(0, n)};
    rest_.remove_prefix(n);
    return out;
  }

  Token number() {
    const auto inside = [](char c) { return is_name(c) || c == '.'; };
    const auto end = std::ranges::find_if_not(rest_.substr(1), inside) - rest_.substr(1).begin();
    return {Token::Kind::number, take(1 + static_cast<std::size_t>(end)), false};
  }

  std::string name() {
    return take(static_cast<std::size_t>(std::ranges::find_if_not(rest_, is_name) - rest_.begin()));
  }

  Result<Token> quoted(char quote) {
    Token out{Token::Kind::text, {}, false};
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      char c = rest_[i];
      if (c == quote) {
        rest_.remove_prefix(i + 1);
        return out;
      }
      if (c == '\\' && quote == '"' && i + 1 < rest_.size()) {
        HEARTH_TRY(c, escaped(rest_[++i]));
      }
      out.text += c;
    }
    return broken(line_, "a string is not closed");
  }

  Result<char> escaped(char c) const {
    switch (c) {
      case 'n': return '\n';
      case 't': return '\t';
      case 'r': return '\r';
      case '"':
      case '\\':
      case '\'': return c;
      default: return broken(line_, fmt::format("the escape '\\{}' is not supported", printable({&c, 1})));
    }
  }

  std::string_view rest_;
  std::size_t line_;
};

}  // namespace

std::unexpected<Error> broken(std::size_t line, std::string_view why) {
  return fail(ErrorCode::invalid_request, fmt::format("template line {}: {}", line, why), "template");
}

Result<std::vector<Segment>> split(std::string_view text) {
  std::vector<Segment> out;
  std::size_t line = 1;
  const auto lines = [](std::string_view s) { return static_cast<std::size_t>(std::ranges::count(s, '\n')); };
  bool trim_left = false;
  while (!text.empty()) {
    const auto open = std::min(text.find("{{"), text.size());
    std::string_view plain = text.substr(0, open);
    const std::size_t plain_lines = lines(plain);
    if (trim_left) plain.remove_prefix(std::min(plain.find_first_not_of(kSpace), plain.size()));
    text.remove_prefix(open);
    const bool trim_right = text.size() > 3 && text[2] == '-' && is_space(text[3]);
    if (trim_right) plain = plain.substr(0, plain.find_last_not_of(kSpace) + 1);
    if (!plain.empty()) out.push_back({false, std::string{plain}, line});
    line += plain_lines;
    if (text.empty()) break;
    text.remove_prefix(trim_right ? 3 : 2);
    const auto first = std::min(text.find_first_not_of(kSpace), text.size());
    const bool comment = text.substr(first).starts_with("/*");
    // Quotes inside a comment open no string, so its end is looked for first.
    const auto comment_end = comment ? text.find("*/", first + 2) : 0;
    if (comment_end == std::string_view::npos) return broken(line, "a comment is not closed");
    const auto close = action_end(text.substr(comment_end));
    if (close == std::string_view::npos) return broken(line, "{{ is not closed by }}");
    std::string_view action = text.substr(0, comment_end + close);
    trim_left = action.size() > 1 && action.back() == '-' && is_space(action[action.size() - 2]);
    if (!comment) out.push_back({true, std::string{trim_left ? action.substr(0, action.size() - 1) : action}, line});
    line += lines(action);
    text.remove_prefix(comment_end + close + 2);
  }
  return out;
}

Result<std::vector<Token>> tokens(const Segment& action) { return Lexer{action}.run(); }

}  // namespace hearth::models::go
