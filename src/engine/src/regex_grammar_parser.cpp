// SPDX-License-Identifier: Apache-2.0
#include "regex_grammar_parser.hpp"

#include <optional>
#include <string>
#include <utility>

#include "constraint_text.hpp"
#include "regex_grammar.hpp"

namespace hearth::engine {
namespace {

CharSet digits() { return {{U'0', U'9'}}; }
CharSet word() { return {{U'0', U'9'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}}; }
// ECMA-262 WhiteSpace and LineTerminator.
CharSet space() {
  return {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
          {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
}
CharSet not_line_end() { return CharSet{{0x0A, 0x0A}, {0x0D, 0x0D}, {0x2028, 0x2029}}.complement(); }

std::optional<int> hex_value(char32_t c) {
  if (c >= U'0' && c <= U'9') return static_cast<int>(c - U'0');
  if (c >= U'a' && c <= U'f') return static_cast<int>(c - U'a') + 10;
  if (c >= U'A' && c <= U'F') return static_cast<int>(c - U'A') + 10;
  return std::nullopt;
}

class Parser {
 public:
  explicit Parser(std::u32string text) : text_{std::move(text)} {}

  Result<RegexNode> parse() {
    HEARTH_TRY(RegexNode node, choice(0));
    if (at_ < text_.size()) return syntax("an unmatched ')'");
    return node;
  }

 private:
  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char32_t peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : U'\0';
  }
  bool take(char32_t c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] std::unexpected<Error> syntax(const std::string& what) const {
    return fail(ErrorCode::invalid_request,
                "the regular expression has " + what + " at character " + std::to_string(at_ + 1));
  }
  [[nodiscard]] static std::unexpected<Error> unsupported(const std::string& what) {
    return fail(ErrorCode::unsupported,
                "the regular expression uses " + what +
                    ", which cannot be enforced; rewrite it with classes, groups and repetition");
  }

  Result<RegexNode> choice(std::size_t depth) {
    if (depth > kMaxRegexDepth) return unsupported("more than " + std::to_string(kMaxRegexDepth) + " nested groups");
    RegexNode node{.kind = RegexNode::Kind::choice, .set = {}, .children = {}};
    do {
      HEARTH_TRY(RegexNode one, sequence(depth));
      node.children.push_back(std::move(one));
    } while (take(U'|'));
    if (node.children.size() == 1) return RegexNode{std::move(node.children.front())};
    return node;
  }

  Result<RegexNode> sequence(std::size_t depth) {
    RegexNode node;
    while (!done() && peek() != U'|' && peek() != U')') {
      HEARTH_TRY(RegexNode one, atom(depth));
      HEARTH_TRY(RegexNode counted, quantified(std::move(one)));
      node.children.push_back(std::move(counted));
    }
    return node;
  }

  Result<RegexNode> atom(std::size_t depth) {
    const char32_t c = text_[at_++];
    RegexNode node{.kind = RegexNode::Kind::set, .set = {}, .children = {}};
    switch (c) {
      case U'^': node.kind = RegexNode::Kind::begin; return node;
      case U'$': node.kind = RegexNode::Kind::end; return node;
      case U'.': node.set = not_line_end(); return node;
      case U'(': return group(depth);
      case U'[': return char_class();
      case U'*':
      case U'+':
      case U'?': --at_; return syntax("a quantifier with nothing before it");
      case U'\\': {
        HEARTH_TRY(node.set, escape(/*in_class=*/false));
        return node;
      }
      default: node.set.add(c, c); return node;
    }
  }

  Result<RegexNode> group(std::size_t depth) {
    if (take(U'?')) {
      if (take(U':')) {
      } else if (peek() == U'=' || peek() == U'!') {
        return unsupported("lookahead");
      } else if (peek() == U'<' && (peek(1) == U'=' || peek(1) == U'!')) {
        return unsupported("lookbehind");
      } else if (peek() == U'<' || (peek() == U'P' && peek(1) == U'<')) {
        while (!done() && peek() != U'>') ++at_;
        if (!take(U'>')) return syntax("an unfinished group name");
      } else {
        return unsupported("an inline flag or an unknown group '(?'");
      }
    }
    HEARTH_TRY(RegexNode inner, choice(depth + 1));
    if (!take(U')')) return syntax("a '(' that is never closed");
    return inner;
  }

  std::optional<std::uint64_t> number() {
    std::optional<std::uint64_t> value;
    while (peek() >= U'0' && peek() <= U'9') {
      value = std::min<std::uint64_t>(value.value_or(0) * 10 + (text_[at_++] - U'0'), 1'000'000'000);
    }
    return value;
  }

  /// {m}, {m,} or {m,n}; anything else that starts with '{' is a literal brace, as in ECMA-262's annex B.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> braces() {
    const std::size_t start = at_;
    if (take(U'{')) {
      if (const auto min = number()) {
        std::uint64_t max = *min;
        if (take(U',')) max = number().value_or(RegexNode::kUnbounded);
        if (take(U'}')) return std::make_pair(*min, max);
      }
    }
    at_ = start;
    return std::nullopt;
  }

  Result<RegexNode> quantified(RegexNode one) {
    std::pair<std::uint64_t, std::uint64_t> count;
    if (take(U'*')) {
      count = {0, RegexNode::kUnbounded};
    } else if (take(U'+')) {
      count = {1, RegexNode::kUnbounded};
    } else if (take(U'?')) {
      count = {0, 1};
    } else if (const auto b = braces()) {
      count = *b;
    } else {
      return one;
    }
    if (count.first > count.second) return syntax("a repetition whose minimum is above its maximum");
    if (count.first > kMaxRegexRepeat || (count.second != RegexNode::kUnbounded && count.second > kMaxRegexRepeat)) {
      return unsupported("a repetition count above " + std::to_string(kMaxRegexRepeat));
    }
    take(U'?');  // lazy: the same language
    if (peek() == U'+') return unsupported("a possessive quantifier");
    if (peek() == U'*' || peek() == U'?') return syntax("two quantifiers in a row");
    RegexNode node{.kind = RegexNode::Kind::repeat, .set = {}, .children = {}, .min = count.first, .max = count.second};
    node.children.push_back(std::move(one));
    return node;
  }

  Result<char32_t> hex(std::size_t count) {
    char32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto digit = hex_value(peek());
      if (!digit) return syntax("an unfinished hexadecimal escape");
      value = value * 16 + static_cast<char32_t>(*digit);
      ++at_;
    }
    return value;
  }

  Result<char32_t> unicode_escape() {
    if (take(U'{')) {
      char32_t value = 0;
      while (const auto digit = hex_value(peek())) {
        value = std::min<char32_t>(value * 16 + static_cast<char32_t>(*digit), kMaxCodePoint + 1);
        ++at_;
      }
      if (!take(U'}') || value > kMaxCodePoint) return syntax("a bad \\u{...} escape");
      return value;
    }
    HEARTH_TRY(const char32_t high, hex(4));
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high > 0xDBFF || !take(U'\\') || !take(U'u')) return unsupported("half of a surrogate pair");
    HEARTH_TRY(const char32_t low, hex(4));
    if (low < 0xDC00 || low > 0xDFFF) return unsupported("half of a surrogate pair");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  Result<CharSet> escape(bool in_class) {
    if (done()) return syntax("a '\\' at its end");
    const char32_t c = text_[at_++];
    const auto one = [](char32_t value) { return CharSet{{value, value}}; };
    switch (c) {
      case U'd': return digits();
      case U'D': return digits().complement();
      case U'w': return word();
      case U'W': return word().complement();
      case U's': return space();
      case U'S': return space().complement();
      case U't': return one(U'\t');
      case U'n': return one(U'\n');
      case U'r': return one(U'\r');
      case U'f': return one(U'\f');
      case U'v': return one(U'\v');
      case U'0':
        if (peek() >= U'0' && peek() <= U'9') return unsupported("an octal escape");
        return one(U'\0');
      case U'x': {
        HEARTH_TRY(const char32_t value, hex(2));
        return one(value);
      }
      case U'u': {
        HEARTH_TRY(const char32_t value, unicode_escape());
        return one(value);
      }
      case U'c': {
        const char32_t letter = peek() | 0x20U;
        if (letter < U'a' || letter > U'z') return syntax("a bad \\c escape");
        ++at_;
        return one(letter - U'a' + 1);
      }
      case U'b':
        if (in_class) return one(0x08);
        [[fallthrough]];
      case U'B': return unsupported("a word boundary (\\b or \\B)");
      case U'p':
      case U'P': return unsupported("a Unicode property class (\\p)");
      case U'k': return unsupported("a backreference (\\k)");
      default: break;
    }
    if (c >= U'1' && c <= U'9') return unsupported("a backreference (or octal escape)");
    if ((c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z')) {
      return unsupported("the unknown escape '\\" + to_utf8(c) + "'");
    }
    return one(c);
  }

  Result<RegexNode> char_class() {
    RegexNode node{.kind = RegexNode::Kind::set, .set = {}, .children = {}};
    const bool negated = take(U'^');
    while (true) {
      if (done()) return syntax("a '[' that is never closed");
      if (take(U']')) break;
      if (peek() == U'[' && peek(1) == U':') return unsupported("a POSIX class such as [:alpha:]");
      HEARTH_TRY(CharSet low, class_member());
      if (peek() != U'-' || peek(1) == U']' || peek(1) == U'\0') {
        node.set.add(low);
        continue;
      }
      ++at_;
      HEARTH_TRY(const CharSet high, class_member());
      const bool single = is_single(low) && is_single(high);
      if (!single) {  // [\w-x]: the dash is itself
        node.set.add(low);
        node.set.add(high);
        node.set.add(U'-', U'-');
        continue;
      }
      if (low.ranges()[0].lo > high.ranges()[0].lo) return syntax("a range that runs backwards");
      node.set.add(low.ranges()[0].lo, high.ranges()[0].lo);
    }
    if (negated) node.set = node.set.complement();
    return node;
  }

  static bool is_single(const CharSet& set) {
    return set.ranges().size() == 1 && set.ranges()[0].lo == set.ranges()[0].hi;
  }

  Result<CharSet> class_member() {
    const char32_t c = text_[at_++];
    if (c == U'\\') return escape(/*in_class=*/true);
    return CharSet{{c, c}};
  }

  std::u32string text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<RegexNode> parse_regex(std::string_view pattern) {
  if (pattern.size() > kMaxRegexBytes) {
    return fail(ErrorCode::payload_too_large,
                "the regular expression is longer than " + std::to_string(kMaxRegexBytes) + " bytes");
  }
  const auto text = to_code_points(pattern);
  if (!text) return fail(ErrorCode::invalid_request, "the regular expression is not valid UTF-8");
  return Parser{*text}.parse();
}

}  // namespace hearth::engine
