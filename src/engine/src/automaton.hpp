// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::engine {

inline constexpr char32_t kMaxCodePoint = 0x10FFFF;
/// No automaton grows beyond this; an operation that would fails with `unsupported`.
inline constexpr std::size_t kMaxAutomatonStates = 6000;

struct CodeRange {
  char32_t lo = 0;
  char32_t hi = 0;
  bool operator==(const CodeRange&) const = default;
};

/// A set of Unicode code points: sorted, disjoint, merged ranges. A value; pure.
class CharSet {
 public:
  CharSet() = default;
  CharSet(std::initializer_list<CodeRange> ranges);
  static CharSet all() { return CharSet{{0, kMaxCodePoint}}; }

  /// Of ranges in any order.
  static CharSet of(std::vector<CodeRange> ranges);
  void add(char32_t lo, char32_t hi);
  void add(const CharSet& other);
  [[nodiscard]] CharSet complement() const;
  [[nodiscard]] CharSet intersect(const CharSet& other) const;
  [[nodiscard]] bool contains(char32_t c) const;
  [[nodiscard]] bool contains_all(char32_t lo, char32_t hi) const;
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] const std::vector<CodeRange>& ranges() const { return ranges_; }

 private:
  std::vector<CodeRange> ranges_;
};

/// A deterministic automaton over code points. State 0 is the start; a missing edge rejects. A value; pure, any thread.
class Dfa {
 public:
  struct Edge {
    char32_t lo;
    char32_t hi;
    std::uint32_t to;
    bool operator==(const Edge&) const = default;
  };
  struct State {
    std::vector<Edge> edges;  // sorted by lo, disjoint
    bool accepting = false;
  };
  std::vector<State> states{State{}};

  static Dfa everything();
  static Dfa nothing() { return Dfa{}; }
  static Result<Dfa> of_length(std::uint64_t min, std::uint64_t max);
  /// Exactly these texts (a trie). Fails with `unsupported` beyond kMaxAutomatonStates.
  static Result<Dfa> of_literals(const std::vector<std::u32string>& texts);

  [[nodiscard]] bool accepts(std::u32string_view text) const;
  [[nodiscard]] bool empty() const;
  /// Length of the longest text; nothing if there is none longest. Of a simplified automaton.
  [[nodiscard]] std::optional<std::uint64_t> longest() const;
  /// The same language after one more leading character.
  [[nodiscard]] Dfa prefixed(char32_t c) const;
  /// Drops states that no accepted text visits, merges equal ones (small automata only: it is quadratic).
  void simplify();
};

enum class SetOperation : std::uint8_t { intersect, unite, subtract };
Result<Dfa> combine(const Dfa& a, const Dfa& b, SetOperation operation);

/// A nondeterministic automaton under construction: what a regular expression compiles to. `begin` and `end` edges are
/// the anchors: passable without a character at the start and at the end of the text only.
class Nfa {
 public:
  struct Fragment {
    std::uint32_t in;
    std::uint32_t out;
  };
  enum class Gate : std::uint8_t { free, begin, end };

  std::uint32_t add_state();
  void link(std::uint32_t from, std::uint32_t to, Gate gate = Gate::free);
  void link(std::uint32_t from, std::uint32_t to, const CharSet& set);
  [[nodiscard]] std::size_t size() const { return states_.size(); }
  [[nodiscard]] std::size_t steps() const { return steps_; }  // character ranges of all states
  /// Subset construction; `unsupported` beyond kMaxAutomatonStates.
  [[nodiscard]] Result<Dfa> determinise(Fragment whole) const;

 private:
  struct Jump {
    std::uint32_t to;
    Gate gate;
  };
  struct Step {
    CodeRange range;
    std::uint32_t to;
  };
  struct State {
    std::vector<Jump> jumps;
    std::vector<Step> steps;
  };
  using Subset = std::vector<std::uint32_t>;
  void close(Subset& subset, bool at_begin, bool at_end) const;
  [[nodiscard]] bool accepts_here(Subset subset, bool at_begin, std::uint32_t out) const;

  /// What can be read from a state of the subset construction: its pieces, and where each leads.
  struct Piece {
    std::uint64_t lo;
    std::uint64_t end;
    Subset to;  // sorted, not closed
  };
  [[nodiscard]] Result<std::vector<Piece>> pieces(const Subset& subset) const;

  std::vector<State> states_;
  std::size_t steps_ = 0;
};

}  // namespace hearth::engine
