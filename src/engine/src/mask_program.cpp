// SPDX-License-Identifier: Apache-2.0
#include "mask_program.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "hearth/base/text.hpp"

namespace hearth::engine {

using StateId = MaskAutomaton::StateId;

MaskProgram::MaskProgram(std::shared_ptr<const MaskGrammar> grammar, std::shared_ptr<const TokenIndex> tokens)
    : grammar_{std::move(grammar)},
      tokens_{std::move(tokens)},
      automaton_{std::make_shared<MaskAutomaton>(*grammar_)} {}

const std::shared_ptr<MaskAutomaton>& MaskProgram::automaton() {
  if (automaton_->full()) {
    automaton_ = std::make_shared<MaskAutomaton>(*grammar_);
    masks_.clear();
  }
  return automaton_;
}

const PlaceSet& MaskProgram::mask(StateId state) {
  if (const auto known = masks_.find(state); known != masks_.end()) return known->second;
  const std::size_t bytes = tokens_->tokens().size() / 8 + 1;
  if ((masks_.size() + 1) * bytes > kMaxMaskBytes) masks_.clear();
  PlaceSet& out = masks_.emplace(state, PlaceSet{tokens_->tokens().size()}).first->second;
  fill(state, out);
  return out;
}

/// Fills `ahead_`. False: somewhere ahead it matters which plain character comes, or one has to end first.
bool MaskProgram::look_ahead(StateId state) {
  if (automaton_->within_character(state)) return false;
  ahead_.assign(1, state);
  const std::size_t most = std::max(tokens_->longest_plain(), tokens_->longest_behind());
  while (ahead_.size() <= most) {
    const auto next = automaton_->next_plain(ahead_.back());
    if (!next) return false;
    if (*next == MaskAutomaton::kDead) break;
    ahead_.push_back(*next);
  }
  return true;
}

void MaskProgram::fill(StateId state, PlaceSet& out) {
  const auto next = [this](StateId from, unsigned char byte) { return automaton_->next(from, byte); };
  if (!look_ahead(state)) {
    const auto ahead = [this](StateId at, std::size_t most) { return automaton_->plain_ahead(at, most) == most; };
    tokens_->plain().collect(state, MaskAutomaton::kDead, next, ahead, out);
    tokens_->rest().collect(state, MaskAutomaton::kDead, next, out);
    return;
  }
  const std::size_t plain = ahead_.size() - 1;
  out.add(tokens_->plain_up_to(std::min(plain, tokens_->longest_plain())));
  for (std::size_t length = 0; length <= std::min(plain, tokens_->longest_behind()); ++length) {
    tokens_->behind_plain(length).collect(ahead_[length], MaskAutomaton::kDead, next, out);
  }
  tokens_->long_plain().collect(state, MaskAutomaton::kDead, next, out);
}

std::shared_ptr<MaskProgram> MaskPrograms::find(const std::string& gbnf) {
  const std::scoped_lock lock{mutex_};
  const auto known = std::ranges::find(latest_, gbnf, &decltype(latest_)::value_type::first);
  if (known == latest_.end()) return nullptr;
  latest_.splice(latest_.begin(), latest_, known);
  return known->second;
}

Result<std::shared_ptr<MaskProgram>> MaskPrograms::of(const std::string& gbnf,
                                                      const std::shared_ptr<const TokenIndex>& tokens) {
  if (auto known = find(gbnf)) return known;
  HEARTH_TRY(const Gbnf parsed, parse_gbnf(gbnf));
  auto grammar = MaskGrammar::of(parsed);
  if (!grammar) return nullptr;
  const auto made = std::make_shared<MaskProgram>(std::make_shared<const MaskGrammar>(*std::move(grammar)), tokens);
  if (!made->usable()) return nullptr;
  decltype(latest_) dropped;  // freed behind the lock
  const std::scoped_lock lock{mutex_};
  latest_.emplace_front(gbnf, made);
  if (latest_.size() > kMost) dropped.splice(dropped.begin(), latest_, std::prev(latest_.end()));
  return made;
}

MaskMatcher::MaskMatcher(std::shared_ptr<MaskProgram> program)
    : program_{std::move(program)}, automaton_{program_->automaton()}, state_{automaton_->start()} {}

void MaskMatcher::move_on() {
  const auto& now = program_->automaton();
  if (now == automaton_) return;
  state_ = now->adopt(*automaton_, state_);
  automaton_ = now;
}

const PlaceSet* MaskMatcher::mask() {
  move_on();
  const PlaceSet& first = program_->mask(state_);
  if (!automaton_->full()) return &first;
  move_on();  // it became full on the way, so some of the tokens are missing
  const PlaceSet& second = program_->mask(state_);
  gave_up_ = gave_up_ || automaton_->full();
  return gave_up_ ? nullptr : &second;
}

bool MaskMatcher::in_mask(TokenId token) {
  const TokenPlace place = program_->tokens().place(token);
  if (place == TokenIndex::kNowhere) return false;
  const PlaceSet* allowed = mask();
  return allowed != nullptr && allowed->contains(place);
}

bool MaskMatcher::may_end() const { return automaton_->accepting(state_); }

StateId MaskMatcher::walked(std::string_view text) {
  move_on();
  StateId at = state_;
  for (const char c : text) {
    StateId next = automaton_->next(at, static_cast<unsigned char>(c));
    if (next == MaskAutomaton::kDead && automaton_->full()) {  // perhaps not dead, but one state too many
      const auto full = automaton_;
      move_on();
      next = automaton_->next(automaton_->adopt(*full, at), static_cast<unsigned char>(c));
      gave_up_ = gave_up_ || automaton_->full();
    }
    at = next;
  }
  return at;
}

bool MaskMatcher::allows(TokenId token) {
  const std::string& text = program_->tokens().text(token);
  return !text.empty() && allows(std::string_view{text});
}

bool MaskMatcher::accept(TokenId token) {
  const std::string& text = program_->tokens().text(token);
  return !text.empty() && accept(std::string_view{text});
}

bool MaskMatcher::accept(std::string_view text) {
  const StateId to = walked(text);
  if (to == MaskAutomaton::kDead) return false;
  state_ = to;
  return true;
}

std::optional<unsigned char> MaskMatcher::only_way(StateId at) {
  std::optional<unsigned char> only;
  for (int byte = 0; byte < 256; ++byte) {
    if (automaton_->next(at, static_cast<unsigned char>(byte)) == MaskAutomaton::kDead) continue;
    if (only) return std::nullopt;
    only = static_cast<unsigned char>(byte);
  }
  return automaton_->full() ? std::nullopt : only;  // what is full knows no other ways
}

std::string MaskMatcher::forced(std::size_t most) {
  move_on();
  std::string out;
  if (automaton_->within_character(state_)) return out;
  StateId at = state_;
  while (out.size() < most && !automaton_->accepting(at)) {
    const auto byte = only_way(at);
    if (!byte) break;
    out += static_cast<char>(*byte);
    at = automaton_->next(at, *byte);
  }
  out.resize(text::complete_utf8_prefix(out));
  return out;
}

}  // namespace hearth::engine
