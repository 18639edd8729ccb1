// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "hearth/inference/request.hpp"

/// Speculative decoding: guess the tokens that come next, compute them in one step with the one that is known, keep
/// those that sampling chooses anyway. Every token is sampled from the model's own distribution, by the request's own
/// sampler in the order of plain decoding, so a guess changes when a token is computed and never which. Pure; one
/// thread.
namespace hearth::engine {

/// Guesses by prompt lookup: what followed the last time that the latest tokens stood there (Saxena 2023; "n-gram" in
/// vLLM). Costs nothing but memory.
class NgramLookup {
 public:
  static constexpr std::size_t kLongest = 4;  // tokens that have to agree; tried first
  static constexpr std::size_t kShortest = 2;

  /// What is likely to follow `tokens`, which only grow from call to call: `most` tokens at most.
  std::vector<inference::TokenId> guess(std::span<const inference::TokenId> tokens, std::size_t most);

 private:
  std::unordered_map<std::uint64_t, std::uint32_t> behind_[kLongest - kShortest + 1];  // by hash: where the latest ends
  std::size_t indexed_ = 0;
};

/// How much a guess is worth believing: an average over guesses whose past fades.
class Acceptance {
 public:
  explicit Acceptance(double prior) : rate_{prior} {}
  /// `accepted` of `guessed` tokens were right; the first that is wrong ends a guess.
  void observe(std::size_t accepted, std::size_t guessed);
  double rate() const noexcept { return rate_; }

 private:
  double rate_;
};

/// What a step takes by the number of tokens that it computes: base + columns * per_column, fitted by least squares to
/// steps whose past fades. Kernels compute columns in panels of a few widths, so nine tokens cost what twelve do.
class StepCost {
 public:
  void observe(std::int32_t tokens, double seconds);
  /// 0 before the first.
  double step(std::int32_t tokens) const;
  /// Steps of one size only do not tell what a token more costs: then it is taken to be in proportion.
  bool tells_slope() const;

 private:
  static double columns(std::int32_t tokens);
  double spread() const;
  double per_column() const;
  double weight_ = 0, x_ = 0, y_ = 0, xx_ = 0, xy_ = 0;
};

/// One stream that can be guessed.
struct Guessable {
  double acceptance = 0;     // of a guess, below 1
  std::size_t most = 0;      // guesses
  double extra_seconds = 0;  // that one costs beside its place in the step
};

/// How many guesses of each stream pay in a step of `tokens` that serves `streams`: the likeliest ones, as many as make
/// the most of what they are worth (the chance that one is reached and right, times a step's time over the streams it
/// serves) less what the step takes longer for all of them; `rows` at most.
std::vector<std::size_t> guesses_that_pay(std::span<const Guessable> guessable, std::int32_t tokens,
                                          std::int32_t streams, std::int32_t rows, const StepCost& cost);

}  // namespace hearth::engine
