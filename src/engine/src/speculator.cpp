// SPDX-License-Identifier: Apache-2.0
#include "speculator.hpp"

#include <algorithm>

namespace hearth::engine {
namespace {

// Guesses that seem not to pay, of which one is computed: prices and texts change.
constexpr std::uint32_t kTryEvery = 16;         // where they are mostly right
constexpr std::uint32_t kTrySeldomEvery = 256;  // of a draft model that is mostly wrong: nothing else would tell

std::int32_t room(const Sequence& sequence, std::int32_t rows, std::int32_t context) {
  return std::min({static_cast<std::int32_t>(Speculator::kMost), rows, context - sequence.size() - 1});
}

}  // namespace

std::size_t Speculator::length_that_pays(double acceptance, double extra_seconds, std::size_t most,
                                         std::uint32_t rarely) {
  if (mode_ == Speculation::always) return most;
  const std::size_t pays =
      guesses_that_pay(acceptance, step_seconds_, streams_, cost_.per_token() + extra_seconds, most);
  return pays == 0 && most > 0 && rarely > 0 && ++untried_ % rarely == 0 ? 1 : pays;
}

void Speculator::propose(std::span<const std::unique_ptr<Sequence>> running, std::int32_t rows, std::int32_t context) {
  if (mode_ == Speculation::off) return;
  std::vector<Sequence*> streams;
  std::int32_t tokens = 0;
  for (const auto& sequence : running) {
    sequence->draft.clear();
    sequence->guessing.shadow.reset();
    if (!sequence->generating() || sequence->id < 0) continue;
    streams.push_back(sequence.get());
    tokens += sequence->remaining();
  }
  if (streams.empty()) return;
  step_seconds_ = cost_.step(tokens);
  streams_ = static_cast<std::int32_t>(streams.size());
  std::vector<Sequence*> unguessed;
  for (Sequence* sequence : streams) {
    const std::int32_t most = room(*sequence, rows, context);
    auto& guessing = sequence->guessing;
    if (most > 0) sequence->draft = guessing.lookup.guess(sequence->tokens, static_cast<std::size_t>(most));
    if (sequence->draft.empty()) {
      unguessed.push_back(sequence);
      continue;
    }
    guessing.shadow = sequence->draft.front();
    guessing.by_model = false;
    // Looking up is judged without computing it, so what is mostly wrong need not be tried.
    const std::uint32_t rarely = guessing.lookups.rate() > 0.5 ? kTryEvery : 0;
    sequence->draft.resize(length_that_pays(guessing.lookups.rate(), 0, sequence->draft.size(), rarely));
    rows -= static_cast<std::int32_t>(sequence->draft.size());
    if (sequence->draft.empty()) unguessed.push_back(sequence);
  }
  if (draft_) ask_draft_model(unguessed, rows, context);
}

void Speculator::ask_draft_model(std::span<Sequence* const> streams, std::int32_t& rows, std::int32_t context) {
  std::vector<DraftModel::Ask> asks;
  std::vector<Sequence*> who;
  for (Sequence* sequence : streams) {
    auto& guessing = sequence->guessing;
    if (!guessing.drafts) guessing.drafts = drafts_;
    const std::int32_t most = room(*sequence, rows, context);
    const std::size_t length =
        most <= 0 ? 0
                  : length_that_pays(guessing.drafts->rate(), draft_seconds_ / streams_, static_cast<std::size_t>(most),
                                     guessing.drafts->rate() > 0.5 ? kTryEvery : kTrySeldomEvery);
    if (length == 0) continue;
    rows -= static_cast<std::int32_t>(length);
    asks.push_back({.id = sequence->id, .tokens = sequence->tokens, .most = length, .guess = {}});
    who.push_back(sequence);
  }
  if (asks.empty()) return;
  const double took = draft_->guess(asks);
  if (took > 0) draft_seconds_ = draft_seconds_ == 0 ? took : 0.9 * draft_seconds_ + 0.1 * took;
  for (std::size_t i = 0; i < asks.size(); ++i) {
    if (asks[i].guess.empty()) continue;
    who[i]->draft = std::move(asks[i].guess);
    who[i]->guessing.by_model = true;
  }
}

void Speculator::judge(Sequence& sequence, TokenId sampled, std::size_t hits, std::size_t guessed) {
  auto& guessing = sequence.guessing;
  if (guessing.by_model && guessed > 0) {
    guessing.drafts->observe(hits, guessed);
    drafts_.observe(hits, guessed);
  } else if (guessed > 0) {
    guessing.lookups.observe(hits, guessed);
  }
  // What lookup would have guessed is known without computing it, so it is judged also when it did not pay.
  if (guessing.shadow && (guessed == 0 || guessing.by_model)) {
    guessing.lookups.observe(*guessing.shadow == sampled ? 1 : 0, 1);
  }
}

}  // namespace hearth::engine
