// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "draft_model.hpp"
#include "sequence.hpp"
#include "speculation.hpp"

namespace hearth::engine {

/// Decides what is guessed for the streams of one instance: by prompt lookup, else by the draft model if there is one,
/// as long as measured acceptance and measured costs say that it pays. Model thread only.
class Speculator {
 public:
  static constexpr std::size_t kMost = 8;  // guesses of one stream a step

  Speculator(Speculation mode, std::unique_ptr<DraftModel> draft) : mode_{mode}, draft_{std::move(draft)} {}

  /// Fills `draft` of those that generate; `rows`: of logits that are left for guesses. `context`: longest sequence.
  void propose(std::span<const std::unique_ptr<Sequence>> running, std::int32_t rows, std::int32_t context);
  /// `sampled` was chosen next, `hits` of `guessed` computed guesses were right.
  void judge(Sequence& sequence, TokenId sampled, std::size_t hits, std::size_t guessed);
  /// A step of `tokens` without prompts.
  void observe(std::int32_t tokens, std::chrono::duration<double> took) { cost_.observe(tokens, took.count()); }
  /// The sequence id stands for nothing any more.
  void forget(std::int32_t id) {
    if (draft_) draft_->forget(id);
  }
  std::uint64_t bytes() const { return draft_ ? draft_->bytes() : 0; }

 private:
  /// Which guesses pay in a step of `tokens`, `rows` at most; all of them where the mode says so.
  std::vector<std::size_t> lengths_that_pay(std::span<const Guessable> guessable, std::int32_t tokens,
                                            std::int32_t rows) const;
  /// The number of the stream, of so many, that the draft model shall try though it seems not to pay, or of none.
  std::size_t draft_try(std::span<Sequence* const> streams, std::span<const Guessable> guessable);
  std::int32_t look_up(std::span<Sequence* const> streams, std::int32_t rows, std::int32_t context,
                       std::int32_t tokens);
  void ask_draft_model(std::span<Sequence* const> streams, std::int32_t rows, std::int32_t context,
                       std::int32_t tokens);

  Speculation mode_;
  std::unique_ptr<DraftModel> draft_;
  StepCost cost_;
  std::int32_t streams_ = 0;  // in the step that is planned
  std::uint32_t steps_ = 0;
  std::int32_t trying_ = -1;  // sequence id that the draft model tries until it has caught up with it
  double draft_seconds_ = 0;  // of the draft model for one more guess of every stream
  Acceptance drafts_{0.7};    // of the draft model over all streams, where new ones begin
};

}  // namespace hearth::engine
