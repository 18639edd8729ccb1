// SPDX-License-Identifier: Apache-2.0
#include "schema_number.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "regex_grammar.hpp"

namespace hearth::engine {

Decimal Decimal::of(const Json& number) {
  std::string text = number.dump();
  Decimal out;
  if (text.front() == '-') {
    out.negative = true;
    text.erase(0, 1);
  }
  if (const std::size_t e = text.find_first_of("eE"); e != std::string::npos) {
    out.exponent = std::stoll(text.substr(e + 1));
    text.resize(e);
  }
  if (const std::size_t point = text.find('.'); point != std::string::npos) {
    out.exponent -= static_cast<std::int64_t>(text.size() - point - 1);
    text.erase(point, 1);
  }
  while (!text.empty() && text.back() == '0') {
    text.pop_back();
    ++out.exponent;
  }
  text.erase(0, std::min(text.find_first_not_of('0'), text.size()));
  out.digits = std::move(text);
  if (out.digits.empty()) out = Decimal{};
  return out;
}

std::string Decimal::integer_part() const {
  const auto size = static_cast<std::int64_t>(digits.size());
  if (exponent >= 0 && size > 0) return digits + std::string(static_cast<std::size_t>(exponent), '0');
  return size + exponent <= 0 ? "0" : digits.substr(0, static_cast<std::size_t>(size + exponent));
}

std::string Decimal::fraction_part() const {
  const auto size = static_cast<std::int64_t>(digits.size());
  if (exponent >= 0) return {};
  if (size + exponent >= 0) return digits.substr(static_cast<std::size_t>(size + exponent));
  return std::string(static_cast<std::size_t>(-(size + exponent)), '0') + digits;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.is_zero() || b.is_zero() || a.negative != b.negative) {
    const int sign_a = a.is_zero() ? 0 : a.negative ? -1 : 1;
    const int sign_b = b.is_zero() ? 0 : b.negative ? -1 : 1;
    return sign_a < sign_b ? -1 : sign_a > sign_b ? 1 : 0;
  }
  const auto magnitude = [](const Decimal& d) { return static_cast<std::int64_t>(d.digits.size()) + d.exponent; };
  int order = 0;
  if (magnitude(a) != magnitude(b)) {
    order = magnitude(a) < magnitude(b) ? -1 : 1;
  } else {
    const int c = a.digits.compare(b.digits);  // no trailing zeros: a prefix is smaller
    order = c < 0 ? -1 : c > 0 ? 1 : 0;
  }
  return a.negative ? -order : order;
}

void NumberLimits::raise(Bound bound) {
  const int order = lower ? compare(bound.value, lower->value) : 1;
  if (order > 0 || (order == 0 && bound.exclusive)) lower = std::move(bound);
}

void NumberLimits::reduce(Bound bound) {
  const int order = upper ? compare(bound.value, upper->value) : -1;
  if (order < 0 || (order == 0 && bound.exclusive)) upper = std::move(bound);
}

namespace {

constexpr const char* kInteger = "(0|[1-9][0-9]*)";
constexpr const char* kFraction = R"((\.[0-9]{1,9})?)";

Result<Dfa> unsigned_numbers(NumberKind kind) {
  if (kind == NumberKind::integer) return regex_to_dfa(kInteger, RegexMatch::whole);
  if (kind == NumberKind::any) return regex_to_dfa(std::string{kInteger} + kFraction, RegexMatch::whole);
  return regex_to_dfa(std::string{kInteger} + R"(\.[0-9]{0,8}[1-9])", RegexMatch::whole);
}

/// Magnitudes of at least `value`, as a regular expression over texts with any fraction.
std::string at_least(const Decimal& value) {
  const std::string whole = value.integer_part();
  std::string out = fmt::format("[1-9][0-9]{{{},}}{}", whole.size(), kFraction);
  // Same length, a larger digit after a common prefix.
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i] == '9') continue;
    const char least = static_cast<char>(whole[i] + 1);
    if (i == 0 && whole.size() > 1 && least == '0') continue;
    out += fmt::format("|{}[{}-9][0-9]{{{}}}{}", whole.substr(0, i), least, whole.size() - i - 1, kFraction);
  }
  std::string fraction = value.fraction_part();
  if (fraction.empty()) return out + '|' + whole + kFraction;
  if (fraction.size() > 9) {  // nothing between can be written: round up
    fraction.resize(9);
    std::size_t i = fraction.size();
    while (i > 0 && fraction[i - 1] == '9') --i;
    if (i == 0) return out;
    fraction.resize(i);
    fraction[i - 1] = static_cast<char>(fraction[i - 1] + 1);
  }
  for (std::size_t i = 0; i < fraction.size(); ++i) {
    if (fraction[i] == '9') continue;
    out +=
        fmt::format(R"(|{}\.{}[{}-9][0-9]{{0,8}})", whole, fraction.substr(0, i), static_cast<char>(fraction[i] + 1));
  }
  return out + fmt::format(R"(|{}\.{}[0-9]{{0,9}})", whole, fraction);
}

/// Magnitudes equal to `value`.
std::string equal_to(const Decimal& value) {
  const std::string fraction = value.fraction_part();
  if (fraction.empty()) return value.integer_part() + R"((\.0{1,9})?)";
  return value.integer_part() + R"(\.)" + fraction + "0{0,9}";
}

class Builder {
 public:
  explicit Builder(Dfa unsigned_texts) : unsigned_{std::move(unsigned_texts)} {}

  [[nodiscard]] Result<Dfa> all() const { return combine(unsigned_, unsigned_.prefixed(U'-'), SetOperation::unite); }

  /// Texts of numbers >= bound, or > bound.
  [[nodiscard]] Result<Dfa> above(const NumberLimits::Bound& bound) const {
    Decimal magnitude = bound.value;
    magnitude.negative = false;
    HEARTH_TRY(const Dfa ge, matching(at_least(magnitude)));
    HEARTH_TRY(const Dfa eq, matching(equal_to(magnitude)));
    HEARTH_TRY(const Dfa gt, combine(ge, eq, SetOperation::subtract));
    if (!bound.value.negative && !bound.value.is_zero()) return bound.exclusive ? gt : ge;
    // Zero or below: everything without a sign, and the small magnitudes with one.
    HEARTH_TRY(const Dfa small, combine(unsigned_, bound.exclusive ? ge : gt, SetOperation::subtract));
    if (bound.value.is_zero() && bound.exclusive) return gt;
    return combine(unsigned_, small.prefixed(U'-'), SetOperation::unite);
  }

  [[nodiscard]] Result<Dfa> equal(const Decimal& value) const {
    HEARTH_TRY(Dfa eq, matching(equal_to(value)));
    if (value.is_zero()) return combine(eq, eq.prefixed(U'-'), SetOperation::unite);
    return value.negative ? eq.prefixed(U'-') : eq;
  }

 private:
  [[nodiscard]] Result<Dfa> matching(const std::string& regex) const {
    HEARTH_TRY(const Dfa dfa, regex_to_dfa(regex, RegexMatch::whole));
    return combine(dfa, unsigned_, SetOperation::intersect);
  }
  Dfa unsigned_;
};

struct Multiple {
  std::uint64_t numerator;  // of numerator / 10^places
  std::uint64_t places;
};

Result<Multiple> as_ratio(const Decimal& value) {
  const auto refuse = [] {
    return fail(ErrorCode::unsupported,
                fmt::format("only multiples up to {} with at most {} digits after the point can be enforced",
                            kMaxMultiple, kMaxMultipleDigits));
  };
  if (value.digits.size() > 4 || value.exponent > 3 || -value.exponent > kMaxMultipleDigits) return refuse();
  Multiple out{std::stoull(value.digits), 0};
  for (std::int64_t i = 0; i < value.exponent; ++i) out.numerator *= 10;
  if (value.exponent < 0) out.places = static_cast<std::uint64_t>(-value.exponent);
  if (out.numerator > kMaxMultiple) return refuse();
  return out;
}

/// Unsigned texts whose value is a multiple. A state is (digits after the point so far, remainder); before the point
/// the remainder is of the integer, after it of the number without its point.
Result<Dfa> multiples_of(const Decimal& value) {
  HEARTH_TRY(const Multiple m, as_ratio(value));
  using Key = std::pair<std::uint64_t, std::uint64_t>;  // (0 = before the point, 1 + digits after it), remainder
  std::map<Key, std::uint32_t> number;
  std::vector<Key> order;
  const auto state_of = [&](Key key) {
    const auto [it, added] = number.try_emplace(key, static_cast<std::uint32_t>(order.size()));
    if (added) order.push_back(key);
    return it->second;
  };
  const auto divides = [&m](std::uint64_t remainder, std::uint64_t digits) {
    for (std::uint64_t i = digits; i < m.places; ++i) remainder = remainder * 10 % m.numerator;
    return remainder == 0;
  };
  Dfa out;
  out.states.clear();
  state_of({0, 0});
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto [place, remainder] = order[i];
    Dfa::State state;
    const std::uint64_t after = place == 0 ? 0 : place - 1;
    state.accepting = place != 1 && divides(remainder, after);
    if (place == 0 && m.places > 0) state.edges.push_back({U'.', U'.', state_of({1, remainder})});
    if (place == 0 || after < m.places) {
      for (char32_t d = 0; d < 10; ++d) {
        const Key next{place == 0 ? 0 : place + 1, (remainder * 10 + d) % m.numerator};
        state.edges.push_back({U'0' + d, U'0' + d, state_of(next)});
      }
    }
    out.states.push_back(std::move(state));
    if (order.size() > kMaxAutomatonStates) return fail(ErrorCode::unsupported, "its automaton is too large");
  }
  out.simplify();
  return out;
}

bool reasonable(const Decimal& value) { return value.exponent < kMaxBoundDigits && -value.exponent < kMaxBoundDigits; }

}  // namespace

Result<Dfa> number_language(NumberKind kind, const NumberLimits& limits, const std::vector<Decimal>& excluded) {
  const Decimal zero;
  for (const auto& bound : {limits.lower, limits.upper}) {
    if (bound && !reasonable(bound->value)) {
      return fail(ErrorCode::unsupported, fmt::format("a bound has more than {} digits", kMaxBoundDigits));
    }
  }
  HEARTH_TRY(Dfa unsigned_texts, unsigned_numbers(kind));
  for (const Decimal& multiple : limits.multiples) {
    HEARTH_TRY(const Dfa only, multiples_of(multiple));
    HEARTH_TRY(unsigned_texts, combine(unsigned_texts, only, SetOperation::intersect));
  }
  const Builder builder{std::move(unsigned_texts)};
  HEARTH_TRY(Dfa out, builder.all());
  if (limits.lower) {
    HEARTH_TRY(const Dfa above, builder.above(*limits.lower));
    HEARTH_TRY(out, combine(out, above, SetOperation::intersect));
  }
  if (limits.upper) {  // x <= b is not (x > b)
    HEARTH_TRY(const Dfa above, builder.above({limits.upper->value, !limits.upper->exclusive}));
    HEARTH_TRY(out, combine(out, above, SetOperation::subtract));
  }
  for (const Decimal& value : excluded) {
    if (!reasonable(value)) continue;  // no text of ours is as long
    HEARTH_TRY(const Dfa same, builder.equal(value));
    HEARTH_TRY(out, combine(out, same, SetOperation::subtract));
  }
  return out;
}

bool within(const Decimal& value, const NumberLimits& limits) {
  if (limits.lower) {
    const int order = compare(value, limits.lower->value);
    if (order < 0 || (order == 0 && limits.lower->exclusive)) return false;
  }
  if (limits.upper) {
    const int order = compare(value, limits.upper->value);
    if (order > 0 || (order == 0 && limits.upper->exclusive)) return false;
  }
  return std::ranges::all_of(limits.multiples, [&](const Decimal& multiple) {
    const auto texts = multiples_of(multiple);
    if (!texts) return false;
    const std::string fraction = value.fraction_part();
    const std::string text = value.integer_part() + (fraction.empty() ? "" : "." + fraction);
    return texts->accepts(std::u32string(text.begin(), text.end()));
  });
}

}  // namespace hearth::engine
