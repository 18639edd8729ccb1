// SPDX-License-Identifier: Apache-2.0
#include "speculator.hpp"

#include <algorithm>

namespace hearth::engine {
namespace {

// Steps without guesses, of which one tries one all the same: prices and texts change.
constexpr std::uint32_t kTryEvery = 32;         // where they are mostly right
constexpr std::uint32_t kTrySeldomEvery = 256;  // of a draft model that is mostly wrong: nothing else would tell
constexpr double kMostlyRight = 0.5;

std::int32_t room(const Sequence& sequence, std::int32_t rows, std::int32_t context) {
  return std::clamp(std::min(rows, context - sequence.size() - 1), 0, static_cast<std::int32_t>(Speculator::kMost));
}

}  // namespace

std::vector<std::size_t> Speculator::lengths_that_pay(std::span<const Guessable> guessable, std::int32_t tokens,
                                                      std::int32_t rows) const {
  if (mode_ != Speculation::always) return guesses_that_pay(guessable, tokens, streams_, rows, cost_);
  std::vector<std::size_t> all;
  for (const Guessable& stream : guessable) all.push_back(stream.most);
  return all;
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
  ++steps_;
  streams_ = static_cast<std::int32_t>(streams.size());
  const std::int32_t looked_up = look_up(streams, rows, context, tokens);
  if (draft_) ask_draft_model(streams, rows - looked_up, context, tokens + looked_up);
}

/// How many guesses were made.
std::int32_t Speculator::look_up(std::span<Sequence* const> streams, std::int32_t rows, std::int32_t context,
                                 std::int32_t tokens) {
  std::vector<Guessable> guessable;
  for (Sequence* sequence : streams) {
    auto& guessing = sequence->guessing;
    const auto most = static_cast<std::size_t>(room(*sequence, rows, context));
    sequence->draft = guessing.lookup.guess(sequence->tokens, most);
    if (!sequence->draft.empty()) guessing.shadow = sequence->draft.front();
    guessing.by_model = false;
    guessable.push_back({.acceptance = guessing.lookups.rate(), .most = sequence->draft.size()});
  }
  std::vector<std::size_t> lengths = lengths_that_pay(guessable, tokens, rows);
  // Looking up is judged without computing it; what guesses cost is not. So many that the step's size changes enough.
  if (!cost_.tells_slope() && steps_ % kTryEvery == 0) {
    const auto likelihood = [](const Guessable& stream) { return stream.most > 0 ? stream.acceptance : 0; };
    const auto likely = std::ranges::max_element(guessable, {}, likelihood);
    const auto enough = (streams.size() + 3) / 4;
    if (likelihood(*likely) > kMostlyRight) {
      std::size_t& length = lengths[static_cast<std::size_t>(likely - guessable.begin())];
      length = std::max(length, std::min(enough, likely->most));
    }
  }
  std::int32_t made = 0;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const auto length = std::min(lengths[i], static_cast<std::size_t>(std::max(0, rows - made)));
    streams[i]->draft.resize(length);
    made += static_cast<std::int32_t>(length);
  }
  return made;
}

void Speculator::ask_draft_model(std::span<Sequence* const> streams, std::int32_t rows, std::int32_t context,
                                 std::int32_t tokens) {
  std::vector<Guessable> guessable;
  std::vector<Sequence*> unguessed;
  for (Sequence* sequence : streams) {
    if (!sequence->draft.empty()) continue;
    auto& guessing = sequence->guessing;
    if (!guessing.drafts) guessing.drafts = drafts_;
    unguessed.push_back(sequence);
    guessable.push_back({.acceptance = guessing.drafts->rate(),
                         .most = static_cast<std::size_t>(room(*sequence, rows, context)),
                         .extra_seconds = draft_seconds_ / streams_});
  }
  if (unguessed.empty()) return;
  std::vector<std::size_t> lengths = lengths_that_pay(guessable, tokens, rows);
  const std::size_t tried = draft_try(unguessed, guessable);
  if (tried < unguessed.size()) {
    lengths[tried] = std::max(lengths[tried], std::min<std::size_t>(1, guessable[tried].most));
  }
  std::vector<DraftModel::Ask> asks;
  std::vector<Sequence*> who;
  for (std::size_t i = 0; i < unguessed.size(); ++i) {
    const auto length = std::min(lengths[i], static_cast<std::size_t>(std::max(0, rows)));
    if (length == 0) continue;
    rows -= static_cast<std::int32_t>(length);
    asks.push_back({.id = unguessed[i]->id, .tokens = unguessed[i]->tokens, .most = length, .guess = {}});
    who.push_back(unguessed[i]);
  }
  if (asks.empty()) return;
  const double took = draft_->guess(asks);
  if (took > 0) draft_seconds_ = draft_seconds_ == 0 ? took : 0.9 * draft_seconds_ + 0.1 * took;
  for (std::size_t i = 0; i < asks.size(); ++i) {
    if (asks[i].guess.empty()) continue;
    if (who[i]->id == trying_) trying_ = -1;
    who[i]->draft = std::move(asks[i].guess);
    who[i]->guessing.by_model = true;
  }
}

std::size_t Speculator::draft_try(std::span<Sequence* const> streams, std::span<const Guessable> guessable) {
  const bool seldom = steps_ % kTrySeldomEvery == 0;
  if (steps_ % kTryEvery == 0) {  // each stream in its turn
    const std::size_t turn = steps_ / (seldom ? kTrySeldomEvery : kTryEvery) % streams.size();
    if (seldom || guessable[turn].acceptance > kMostlyRight) trying_ = streams[turn]->id;
  }
  return static_cast<std::size_t>(std::ranges::find(streams, trying_, &Sequence::id) - streams.begin());
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
