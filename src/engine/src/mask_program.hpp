// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "hearth/base/result.hpp"
#include "mask_automaton.hpp"
#include "token_index.hpp"

namespace hearth::engine {

/// A constraint ready to run on one vocabulary: which tokens may come next, remembered for every state that was met.
/// Shared by all sequences of one model that have the same constraint; one thread.
class MaskProgram {
 public:
  static constexpr std::size_t kMaxMaskBytes = 4U << 20;  // of remembered masks; then they are forgotten

  MaskProgram(std::shared_ptr<const MaskGrammar> grammar, std::shared_ptr<const TokenIndex> tokens);

  /// False when its automaton met a bound at the very beginning.
  bool usable() const noexcept { return !automaton_->full(); }
  /// The automaton to go on with: another one than before when that is full.
  const std::shared_ptr<MaskAutomaton>& automaton();
  /// Places of the tokens that may follow `state` of automaton(). Valid until the next call.
  const PlaceSet& mask(MaskAutomaton::StateId state);
  const TokenIndex& tokens() const noexcept { return *tokens_; }

 private:
  void fill(MaskAutomaton::StateId state, PlaceSet& out);
  bool look_ahead(MaskAutomaton::StateId state);

  std::shared_ptr<const MaskGrammar> grammar_;
  std::shared_ptr<const TokenIndex> tokens_;
  std::shared_ptr<MaskAutomaton> automaton_;
  std::unordered_map<MaskAutomaton::StateId, PlaceSet> masks_;
  std::vector<MaskAutomaton::StateId> ahead_;  // where 0, 1, 2, … plain characters lead, as far as they may come
};

/// The programs of one model's latest constraints, so that requests with the same one share what was learned of it.
class MaskPrograms {
 public:
  static constexpr std::size_t kMost = 8;  // each up to some 40 MB by the bounds of MaskAutomaton, most far less

  /// The program of `gbnf`, compiled if it is not there; null when libllama has to follow it, since it names tokens or
  /// goes beyond the bounds of MaskAutomaton at its very beginning. Any thread, takes milliseconds; the program itself
  /// is for the model's thread alone.
  Result<std::shared_ptr<MaskProgram>> of(const std::string& gbnf, const std::shared_ptr<const TokenIndex>& tokens);

 private:
  std::shared_ptr<MaskProgram> find(const std::string& gbnf);

  std::mutex mutex_;  // guards what follows; order: alone (docs/LOCKS.md)
  std::list<std::pair<std::string, std::shared_ptr<MaskProgram>>> latest_;  // first
};

/// Where one answer is in its constraint. One thread.
class MaskMatcher {
 public:
  explicit MaskMatcher(std::shared_ptr<MaskProgram> program);

  /// Places of the tokens that may come next; null when gave_up(). Valid until the next call.
  const PlaceSet* mask();
  /// Whether a token is in it; control tokens never are.
  bool in_mask(TokenId token);
  /// The text may go on in more ways than the bounds of MaskAutomaton allow: what was said no to since may be allowed.
  bool gave_up() const noexcept { return gave_up_; }
  /// The answer may end here.
  bool may_end() const;
  /// Of one token, without computing a mask.
  bool allows(TokenId token);
  bool allows(std::string_view text) { return walked(text) != MaskAutomaton::kDead; }
  /// Goes on by a token, or its text. False: not allowed, and nothing changed.
  bool accept(TokenId token);
  bool accept(std::string_view text);
  const TokenIndex& tokens() const noexcept { return program_->tokens(); }
  /// The text that must come next, whatever is chosen: as far as there is one way only, `most` bytes at most, whole
  /// characters. Empty also where the answer may end.
  std::string forced(std::size_t most);

 private:
  /// Where `text` leads from here.
  MaskAutomaton::StateId walked(std::string_view text);
  /// The byte that must come next, if there is one way only.
  std::optional<unsigned char> only_way(MaskAutomaton::StateId at);
  /// Goes over to a new automaton when ours is full.
  void move_on();

  std::shared_ptr<MaskProgram> program_;
  std::shared_ptr<MaskAutomaton> automaton_;
  MaskAutomaton::StateId state_;
  bool gave_up_ = false;
};

}  // namespace hearth::engine
