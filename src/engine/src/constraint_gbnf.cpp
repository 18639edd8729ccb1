// SPDX-License-Identifier: Apache-2.0
#include "constraint_gbnf.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "constraint_text.hpp"
#include "hearth/engine/constraint.hpp"

namespace hearth::engine {
namespace {

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_word(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || c == U'-' || is_digit(c); }

class Parser {
 public:
  explicit Parser(std::u32string text) : text_{std::move(text)} {}

  Result<Gbnf> parse() {
    space(/*newline_ok=*/true);
    while (!done()) HEARTH_CHECKED(rule());
    for (const Gbnf::Rule& r : out_.rules) {
      if (!r.defined)
        return bad(fmt::format("uses the rule '{}', which it never defines", r.name), /*with_line=*/false);
    }
    const auto root = names_.find("root");
    if (root == names_.end()) return bad("has no rule named 'root'", /*with_line=*/false);
    out_.root = root->second;
    return std::move(out_);
  }

 private:
  using Element = Gbnf::Element;

  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char32_t peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : U'\0';
  }
  bool take(char32_t c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] std::unexpected<Error> bad(const std::string& what, bool with_line = true) const {
    if (!with_line) return fail(ErrorCode::invalid_request, "the grammar " + what);
    const auto end = text_.begin() + static_cast<std::ptrdiff_t>(std::min(at_, text_.size()));
    const auto line = std::count(text_.begin(), end, U'\n') + 1;
    return fail(ErrorCode::invalid_request, fmt::format("the grammar {} (line {})", what, line));
  }

  void space(bool newline_ok) {
    while (!done()) {
      const char32_t c = peek();
      if (c == U'#') {
        while (!done() && peek() != U'\n' && peek() != U'\r') ++at_;
      } else if (c == U' ' || c == U'\t' || (newline_ok && (c == U'\n' || c == U'\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  Result<std::string> name() {
    std::string out;
    while (is_word(peek())) out += static_cast<char>(text_[at_++]);
    if (out.empty()) return bad("needs a rule name here; names are letters, digits and '-'");
    return out;
  }

  std::uint32_t rule_id(const std::string& name) {
    const auto [it, added] = names_.try_emplace(name, static_cast<std::uint32_t>(out_.rules.size()));
    if (added) out_.rules.push_back({name, {}, false});
    return it->second;
  }
  std::uint32_t made_rule() {
    out_.rules.push_back({{}, {}, true});
    return static_cast<std::uint32_t>(out_.rules.size() - 1);
  }

  Result<> rule() {
    HEARTH_TRY(const std::string rule_name, name());
    const std::uint32_t id = rule_id(rule_name);
    if (out_.rules[id].defined) return bad(fmt::format("defines the rule '{}' twice", rule_name));
    space(/*newline_ok=*/false);
    if (!take(U':') || !take(U':') || !take(U'=')) return bad("needs '::=' after the rule name");
    space(/*newline_ok=*/true);
    HEARTH_TRY(auto alternatives, choice(0));
    out_.rules[id].alternatives = std::move(alternatives);
    out_.rules[id].defined = true;
    if (!done() && peek() != U'\n' && peek() != U'\r') {
      return bad(fmt::format("has an unexpected '{}'", to_utf8(peek())));
    }
    space(/*newline_ok=*/true);
    return {};
  }

  Result<std::vector<Gbnf::Alternative>> choice(std::size_t depth) {
    if (depth > kMaxGrammarDepth) return bad(fmt::format("nests parentheses deeper than {}", kMaxGrammarDepth));
    std::vector<Gbnf::Alternative> out;
    while (true) {
      HEARTH_TRY(auto one, sequence(depth));
      out.push_back(std::move(one));
      if (!take(U'|')) return out;
      space(/*newline_ok=*/true);
    }
  }

  Result<Gbnf::Alternative> sequence(std::size_t depth) {
    Gbnf::Alternative out;
    std::size_t last = 0;  // where the item that a quantifier would apply to begins
    bool has_item = false;
    while (!done()) {
      const char32_t c = peek();
      if (c == U'*' || c == U'+' || c == U'?' || c == U'{') {
        if (!has_item || last == out.size()) return bad("has a repetition with nothing before it");
        HEARTH_CHECKED(repetition(out, last, depth > 0));
        continue;
      }
      const std::size_t before = out.size();
      if (c == U'"') {
        HEARTH_CHECKED(literal(out));
      } else if (c == U'[') {
        HEARTH_CHECKED(char_class(out));
      } else if (c == U'.') {
        ++at_;
        push_set(out, CharSet::all());
      } else if (c == U'<' || c == U'!') {
        HEARTH_CHECKED(token(out));
      } else if (is_word(c)) {
        HEARTH_TRY(const std::string n, name());
        out.push_back({Element::Kind::rule, rule_id(n)});
      } else if (c == U'(') {
        HEARTH_CHECKED(group(out, depth));
      } else {
        break;
      }
      last = before;
      has_item = true;
      HEARTH_CHECKED(count_elements(out.size() - before));
      space(depth > 0);
    }
    return out;
  }

  Result<> group(Gbnf::Alternative& out, std::size_t depth) {
    ++at_;
    space(/*newline_ok=*/true);
    const std::size_t rules_before = out_.rules.size();
    const std::uint32_t id = made_rule();
    HEARTH_TRY(auto alternatives, choice(depth + 1));
    if (!take(U')')) return bad("has a '(' that is never closed");
    out_.rules[id].alternatives = std::move(alternatives);
    out.push_back({Element::Kind::rule, id});
    weight_ = std::max<std::uint64_t>(1, out_.rules.size() - rules_before);
    return {};
  }

  Result<> count_elements(std::size_t more) {
    elements_ += more;
    if (elements_ <= kMaxGrammarElements && out_.rules.size() <= kMaxGrammarElements) return {};
    return bad(fmt::format("expands to more than {} elements; use smaller repetition counts", kMaxGrammarElements));
  }

  Result<char32_t> hex(std::size_t count) {
    char32_t value = 0;
    for (std::size_t i = 0; i < count; ++i, ++at_) {
      const char32_t c = peek();
      const char32_t low = c | 0x20U;
      if (is_digit(c)) {
        value = value * 16 + (c - U'0');
      } else if (low >= U'a' && low <= U'f' && c < 0x80) {
        value = value * 16 + (low - U'a' + 10);
      } else {
        return bad(fmt::format("needs {} hexadecimal digits in this escape", count));
      }
    }
    if (value > kMaxCodePoint) return bad("escapes a character beyond U+10FFFF");
    return value;
  }

  Result<char32_t> character() {
    if (done()) return bad("ends inside a literal or a class");
    const char32_t c = text_[at_++];
    if (c != U'\\') return c;
    const char32_t e = peek();
    ++at_;
    switch (e) {
      case U'x': return hex(2);
      case U'u': return hex(4);
      case U'U': return hex(8);
      case U't': return U'\t';
      case U'r': return U'\r';
      case U'n': return U'\n';
      case U'\\':
      case U'"':
      case U'[':
      case U']':
      case U'-': return e;
      default: return bad(R"(has an unknown escape; known are \x \u \U \t \r \n \\ \" \[ \] \-)");
    }
  }

  void push_set(Gbnf::Alternative& out, const CharSet& set) {
    out.push_back({Element::Kind::chars, static_cast<std::uint32_t>(out_.sets.size())});
    out_.sets.push_back(set);
    weight_ = 1;
  }

  Result<> literal(Gbnf::Alternative& out) {
    ++at_;
    while (!take(U'"')) {
      HEARTH_TRY(const char32_t c, character());
      push_set(out, {{c, c}});
      if (out_.sets.size() > kMaxGrammarElements) return count_elements(kMaxGrammarElements);
    }
    return {};
  }

  Result<> char_class(Gbnf::Alternative& out) {
    ++at_;
    const bool negated = take(U'^');
    std::vector<CodeRange> ranges;
    while (!take(U']')) {
      HEARTH_TRY(const char32_t lo, character());
      char32_t hi = lo;
      if (peek() == U'-' && peek(1) != U']') {
        ++at_;
        HEARTH_TRY(hi, character());
      }
      if (hi < lo) return bad("has a character range that runs backwards");
      ranges.push_back({lo, hi});
    }
    const CharSet set = CharSet::of(std::move(ranges));
    if (set.empty()) return bad("has an empty character class");
    push_set(out, negated ? set.complement() : set);
    return {};
  }

  Result<> token(Gbnf::Alternative& out) {
    take(U'!');
    if (!take(U'<') || !take(U'[')) return bad("names a token by its text; write its number: <[123]>");
    if (!number()) return bad("needs a token number below 2^31");
    if (!take(U']') || !take(U'>')) return bad("has an unfinished token: write <[123]>");
    out.push_back({Element::Kind::token, 0});
    weight_ = 1;
    return {};
  }

  std::optional<std::uint64_t> number() {
    std::optional<std::uint64_t> value;
    while (is_digit(peek())) {
      value = value.value_or(0) * 10 + (text_[at_++] - U'0');
      if (*value >= 1ULL << 31) return std::nullopt;
    }
    return value;
  }

  /// {m}, {m,} and {m,n}; a missing upper bound is kNoLimit.
  Result<std::pair<std::uint64_t, std::uint64_t>> bounds(bool newline_ok) {
    const auto too_many = fmt::format("has a repetition count above {}", kMaxGrammarRepeat);
    ++at_;
    space(newline_ok);
    if (!is_digit(peek())) return bad("needs a number in '{...}'");
    const auto min = number();
    if (!min || *min > kMaxGrammarRepeat) return bad(too_many);
    space(newline_ok);
    std::uint64_t max = *min;
    if (take(U',')) {
      space(newline_ok);
      max = kNoLimit;
      if (is_digit(peek())) {
        const auto upper = number();
        if (!upper || *upper > kMaxGrammarRepeat) return bad(too_many);
        max = *upper;
      }
      space(newline_ok);
    }
    if (!take(U'}')) return bad("has an unfinished '{...}'");
    if (max < *min) return bad("has a repetition whose minimum is above its maximum");
    return std::make_pair(*min, max);
  }

  Result<> repetition(Gbnf::Alternative& out, std::size_t last, bool newline_ok) {
    const char32_t c = peek();
    std::uint64_t min = c == U'+' ? 1 : 0;
    std::uint64_t max = c == U'?' ? 1 : kNoLimit;
    if (c == U'{') {
      HEARTH_TRY(const auto both, bounds(newline_ok));
      std::tie(min, max) = both;
    } else {
      ++at_;
    }
    space(newline_ok);
    const std::uint64_t copies = max != kNoLimit && max > 0 ? max : std::max<std::uint64_t>(min, 1);
    if (weight_ * copies > kMaxGrammarRepeat) return bad("repeats a large group too often; use smaller counts");
    weight_ *= copies;
    const Gbnf::Alternative item(out.begin() + static_cast<std::ptrdiff_t>(last), out.end());
    HEARTH_CHECKED(count_elements(item.size() * copies + copies));
    out.resize(last);
    for (std::uint64_t i = 0; i < min; ++i) out.insert(out.end(), item.begin(), item.end());
    std::optional<std::uint32_t> rest;
    for (std::uint64_t i = 0; i < (max == kNoLimit ? 1 : max - min); ++i) {
      const std::uint32_t id = made_rule();
      Gbnf::Alternative more = item;
      if (max == kNoLimit) {
        more.push_back({Element::Kind::rule, id});
      } else if (rest) {
        more.push_back({Element::Kind::rule, *rest});
      }
      out_.rules[id].alternatives = {std::move(more), {}};
      rest = id;
    }
    if (rest) out.push_back({Element::Kind::rule, *rest});
    return {};
  }

  static constexpr std::uint64_t kNoLimit = ~0ULL;
  std::u32string text_;
  std::size_t at_ = 0;
  std::size_t elements_ = 0;
  std::uint64_t weight_ = 1;  // rules that one copy of the last item stands for
  Gbnf out_;
  std::map<std::string, std::uint32_t> names_;
};

}  // namespace

Result<Gbnf> parse_gbnf(std::string_view text) {
  if (text.size() > kMaxGrammarBytes) {
    return fail(ErrorCode::payload_too_large, fmt::format("the grammar is longer than {} bytes", kMaxGrammarBytes));
  }
  if (text.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::invalid_request, "the grammar contains a NUL character; write it as \\x00");
  }
  const auto points = to_code_points(text);
  if (!points) return fail(ErrorCode::invalid_request, "the grammar is not valid UTF-8");
  return Parser{*points}.parse();
}

}  // namespace hearth::engine
