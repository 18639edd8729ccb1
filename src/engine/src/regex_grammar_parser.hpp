// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "automaton.hpp"

namespace hearth::engine {

/// The syntax tree of a regular expression.
struct RegexNode {
  enum class Kind : std::uint8_t { set, begin, end, sequence, choice, repeat };
  static constexpr std::uint64_t kUnbounded = std::numeric_limits<std::uint64_t>::max();

  Kind kind = Kind::sequence;
  CharSet set;                      // of `set`
  std::vector<RegexNode> children;  // of `sequence` and `choice`; exactly one of `repeat`
  std::uint64_t min = 0;            // of `repeat`
  std::uint64_t max = kUnbounded;
};

/// See regex_to_dfa() for the dialect and the errors.
Result<RegexNode> parse_regex(std::string_view pattern);

}  // namespace hearth::engine
