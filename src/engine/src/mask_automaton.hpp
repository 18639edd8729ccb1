// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mask_grammar.hpp"

namespace hearth::engine {

/// A deterministic automaton over bytes (UTF-8) for a context-free grammar, built as far as it is walked. A state is
/// the set of stacks on which a pushdown automaton could be; equal stacks and equal sets are kept once, so that states
/// that come back are found again: a string's inside is one state, however long the string. Rules that end an
/// alternative leave no trace on the stack, so what repeats keeps its stack. One thread at a time. The grammar must
/// outlive it, must have passed check_gbnf(), and so has no left recursion.
class MaskAutomaton {
 public:
  using StateId = std::uint32_t;
  static constexpr StateId kDead = 0;
  static constexpr std::size_t kMaxStates = 8'192;         // each up to 1 kB with its edges
  static constexpr std::size_t kMaxStacks = 1U << 18;      // stack entries in all
  static constexpr std::size_t kMaxStacksAState = 20'000;  // ways in which a text may go on at once
  static constexpr std::size_t kMaxHeld = 1U << 19;        // stacks of all states together
  static constexpr std::size_t kMaxLooks = 1U << 23;       // at a stack, while states are made: some 50 ms

  explicit MaskAutomaton(const MaskGrammar& grammar);

  StateId start() const noexcept { return start_; }
  StateId next(StateId state, unsigned char byte) {
    if (!states_[state].first[byte]) return kDead;
    const auto& edges = states_[state].edges;
    if (edges && (*edges)[byte] != kUnknown) return (*edges)[byte];
    return compute_next(state, byte);
  }
  /// Where every plain character (is_plain) leads, or every end of the one that has begun; nothing when they do not all
  /// lead to one state.
  std::optional<StateId> next_plain(StateId state);
  /// How many plain characters may follow in whatever order, each leading on from where the one before led: up to
  /// `most`.
  std::size_t plain_ahead(StateId state, std::size_t most);
  /// The state of another automaton for the same grammar, here.
  StateId adopt(const MaskAutomaton& other, StateId state);
  /// The text so far is a whole match.
  bool accepting(StateId state) const { return states_[state].accepting; }
  /// A character has begun.
  bool within_character(StateId state) const { return states_[state].missing > 0; }
  std::size_t size() const noexcept { return states_.size(); }
  /// It has met one of its bounds. States from before are still right; new ones are all dead, so whoever walks it must
  /// ask, and go on in a new automaton, which adopts the state.
  bool full() const noexcept { return full_; }

 private:
  using StackId = std::uint32_t;
  static constexpr StackId kEmpty = 0;  // nothing is left to match
  static constexpr std::uint32_t kUnknown = ~0U;

  struct Entry {
    std::uint32_t position = 0;  // on top: of a set; below: where to go on
    StackId below = kEmpty;
  };
  struct State {
    std::vector<StackId> stacks;  // sorted; their tops are sets
    std::uint32_t partial = 0;    // of a character that has begun: its bits so far
    std::uint8_t missing = 0;     // and how many bytes it lacks
    std::uint8_t length = 0;      // of the whole character
    bool any = false;             // however it ends, every stack takes it: `partial` and `length` are 0
    bool accepting = false;
    std::optional<StateId> plain;
    bool plain_known = false;
    std::bitset<256> first;  // bytes that may come next; more than that where a character has begun
    std::unique_ptr<std::array<StateId, 256>> edges;
  };

  StateId compute_next(StateId from, unsigned char byte);
  StateId step(StateId from, unsigned char byte);
  StateId begin_character(StateId from, unsigned char byte);
  StateId go_on_with_character(StateId from, unsigned char byte);
  StateId go_on_with_any(StateId from);
  /// Over one whole character for which `takes(set)` holds.
  template <class Takes>
  StateId over(StateId from, Takes takes);
  StateId partly(StateId from, std::uint32_t partial, std::uint8_t missing, std::uint8_t length);
  void close(std::uint32_t position, StackId below);
  /// Counts looks at the stacks of `from`; they are given.
  const std::vector<StackId>& stacks_of(StateId from);
  StackId push(std::uint32_t position, StackId below);
  StateId intern(State state);
  std::bitset<256> first_bytes(const State& state) const;

  const MaskGrammar& grammar_;
  std::vector<Entry> entries_{Entry{}};
  std::unordered_map<std::uint64_t, StackId> known_entries_;
  std::vector<State> states_;
  std::unordered_map<std::uint64_t, std::vector<StateId>> known_states_;  // by hash
  std::vector<StackId> closed_;                                           // of the state being made
  std::vector<Entry> todo_;
  std::unordered_set<std::uint64_t> seen_;
  StateId start_ = kDead;
  std::size_t held_ = 0;
  std::size_t looks_ = 0;
  bool full_ = false;
};

}  // namespace hearth::engine
