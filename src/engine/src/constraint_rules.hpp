// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "automaton.hpp"
#include "hearth/base/result.hpp"

namespace hearth::engine {

/// A grammar under construction: rules of alternatives of symbols, written as GBNF at the end. Owned by one conversion.
/// A rule without alternatives matches nothing; finish() removes it and every alternative that needs it.
class RuleSet {
 public:
  using RuleId = std::uint32_t;
  struct Symbol {
    std::string terminal;  // a GBNF literal or class; empty: a reference
    RuleId rule = 0;
  };
  using Sequence = std::vector<Symbol>;
  enum class Encoding : std::uint8_t { plain, json_string };

  RuleId add() {
    rules_.emplace_back();
    return static_cast<RuleId>(rules_.size() - 1);
  }
  void alternative(RuleId rule, Sequence sequence) { rules_[rule].push_back(std::move(sequence)); }
  RuleId rule_of(std::vector<Sequence> alternatives);
  [[nodiscard]] std::size_t size() const { return rules_.size(); }

  static Symbol literal(std::string_view utf8);  // must not be empty
  static Symbol set(const CharSet& set);         // must not be empty
  static Symbol ref(RuleId rule) { return {{}, rule}; }

  /// The texts of `dfa`, then `tail`. json_string: the texts as they may be spelt inside a JSON string.
  RuleId language(const Dfa& dfa, Encoding encoding, const Sequence& tail);
  /// `element` min to max times (max kUnbounded: no limit). Large counts by powers of two, so rules stay few.
  static constexpr std::uint64_t kUnbounded = ~0ULL;
  Sequence repeated(RuleId element, std::uint64_t min, std::uint64_t max);

  RuleId json_char();  // one code point inside a JSON string, any spelling
  RuleId space();      // nothing, one blank, or a line break with bounded indentation
  RuleId one_blank();  // nothing or one blank

  /// The GBNF text with `root` as its root. Fails with `invalid_request` if nothing can match, `unsupported` if too
  /// large.
  Result<std::string> finish(RuleId root);

 private:
  using Alternatives = std::vector<Sequence>;
  Sequence exactly(RuleId element, std::uint64_t count);
  RuleId at_most(RuleId element, std::uint64_t count);
  RuleId power(RuleId element, unsigned exponent);
  RuleId escaped_beyond_ascii();
  RuleId escaped_control();
  void json_edges(RuleId from, const CharSet& set, RuleId to);
  void drop_unproductive();
  void break_unit_cycles();
  [[nodiscard]] std::vector<bool> reachable(RuleId root) const;

  std::vector<Alternatives> rules_;
  std::map<std::pair<RuleId, std::uint64_t>, RuleId> at_most_;
  std::map<std::pair<RuleId, unsigned>, RuleId> power_;
  std::map<std::string, RuleId> shared_;
};

}  // namespace hearth::engine
