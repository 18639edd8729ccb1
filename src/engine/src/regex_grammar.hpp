// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "automaton.hpp"
#include "hearth/base/result.hpp"

namespace hearth::engine {

inline constexpr std::size_t kMaxRegexBytes = 16 * 1024;
inline constexpr std::size_t kMaxRegexDepth = 100;        // nested groups
inline constexpr std::uint64_t kMaxRegexRepeat = 2000;    // the largest count in {m,n}
inline constexpr std::size_t kMaxRegexStates = 20'000;    // of the nondeterministic automaton
inline constexpr std::size_t kMaxRegexSteps = 1'000'000;  // character ranges in it

enum class RegexMatch : std::uint8_t {
  whole,   // the expression describes the whole text
  search,  // it is found somewhere in the text, as JSON Schema's `pattern` says
};

/// The texts that a regular expression matches: the common part of ECMA-262 and RE2 (literals, classes, escapes \d \w
/// \s, groups, alternation, greedy and lazy quantifiers, ^ and $ as start and end of the text). Lookaround,
/// backreferences,
/// \b, \p and inline flags fail with `unsupported`, by name; syntax errors with `invalid_request`. Pure, any thread.
Result<Dfa> regex_to_dfa(std::string_view pattern, RegexMatch match);

}  // namespace hearth::engine
