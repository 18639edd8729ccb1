// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "automaton.hpp"
#include "schema_document.hpp"

namespace hearth::engine {

/// A decimal number, exactly: sign, then digits with the point after `digits.size() + exponent` of them.
/// Zero has no digits; otherwise neither end of `digits` is '0'.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t exponent = 0;

  static Decimal of(const Json& number);
  [[nodiscard]] bool is_zero() const { return digits.empty(); }
  [[nodiscard]] bool is_integer() const { return exponent >= 0; }
  [[nodiscard]] std::string integer_part() const;   // of the magnitude, "0" if none
  [[nodiscard]] std::string fraction_part() const;  // of the magnitude, "" if none
  bool operator==(const Decimal&) const = default;
};
int compare(const Decimal& a, const Decimal& b);

struct NumberLimits {
  struct Bound {
    Decimal value;
    bool exclusive = false;
  };
  std::optional<Bound> lower;
  std::optional<Bound> upper;
  std::vector<Decimal> multiples;

  void raise(Bound bound);  // keeps the tighter one
  void reduce(Bound bound);
  [[nodiscard]] bool any() const { return lower || upper || !multiples.empty(); }
};

enum class NumberKind : std::uint8_t { integer, fractional, any };

inline constexpr std::uint64_t kMaxMultiple = 1000;    // multipleOf: numerator over a power of ten, at most this
inline constexpr std::int64_t kMaxMultipleDigits = 9;  // multipleOf: digits after the point
inline constexpr std::int64_t kMaxBoundDigits = 310;   // digits before or after the point of a bound

/// The texts, without exponents and with at most nine digits after the point, of the numbers within `limits` that equal
/// none of `excluded`. Integers are plain digits. `fractional` means not integral. Fails with `unsupported`.
Result<Dfa> number_language(NumberKind kind, const NumberLimits& limits, const std::vector<Decimal>& excluded);

/// Whether the value is within the limits (exactly; multiples included).
bool within(const Decimal& value, const NumberLimits& limits);

}  // namespace hearth::engine
