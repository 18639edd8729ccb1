// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "constraint_gbnf.hpp"
#include "hearth/base/result.hpp"

namespace hearth::engine {

/// What a JSON string, and much other text, is made of without further meaning: every code point from the blank on but
/// the quotation mark, the backslash and delete. Most tokens of a vocabulary hold nothing else.
inline bool is_plain(char32_t c) { return c >= 0x20 && c != U'"' && c != U'\\' && c != 0x7F; }

/// A grammar in the form that `MaskAutomaton` runs: every alternative a row of positions, closed by one of kind `end`.
/// Immutable; any thread.
struct MaskGrammar {
  struct Position {
    enum class Kind : std::uint8_t { set, rule, end };
    Kind kind = Kind::end;
    std::uint32_t index = 0;  // into `sets` or `starts`
  };
  struct Set {
    CharSet chars;
    std::bitset<256> first;  // bytes with which its characters begin in UTF-8
    bool all_plain = false;  // holds every plain character that is valid UTF-8
    bool no_plain = false;   // holds none
  };
  std::vector<Position> positions;
  std::vector<std::vector<std::uint32_t>> starts;  // of a rule: the first position of each alternative
  std::vector<Set> sets;
  std::uint32_t root = 0;

  /// Fails with `unsupported` for grammars that name tokens, which only libllama's own sampler knows.
  static Result<MaskGrammar> of(const Gbnf& gbnf);
};

}  // namespace hearth::engine
