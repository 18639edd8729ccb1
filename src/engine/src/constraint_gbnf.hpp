// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "automaton.hpp"
#include "hearth/base/result.hpp"

namespace hearth::engine {

/// A parsed GBNF grammar with groups and repetitions written out as rules, the way llama.cpp does it.
struct Gbnf {
  struct Element {
    enum class Kind : std::uint8_t { chars, rule, token };
    Kind kind = Kind::chars;
    std::uint32_t index = 0;  // into `sets` or `rules`
  };
  using Alternative = std::vector<Element>;
  struct Rule {
    std::string name;  // empty: made for a group or a repetition
    std::vector<Alternative> alternatives;
    bool defined = false;
  };
  std::vector<Rule> rules;
  std::vector<CharSet> sets;
  std::uint32_t root = 0;
};

/// Syntax, undefined rules and sizes (see check_gbnf). Never throws, never recurses deeper than kMaxGrammarDepth.
Result<Gbnf> parse_gbnf(std::string_view text);

}  // namespace hearth::engine
