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

/// What a step takes by the number of tokens that it computes: base + tokens * per_token, fitted by least squares to
/// steps whose past fades. Steps of one size only tell no slope: then a token is taken for a whole step's time.
class StepCost {
 public:
  void observe(std::int32_t tokens, double seconds);
  double step(std::int32_t tokens) const;
  double per_token() const;

 private:
  double weight_ = 0, x_ = 0, y_ = 0, xx_ = 0, xy_ = 0;
};

/// How many guessed tokens of one stream pay: another one does as long as the chance that it is reached and right,
/// times what a token of a stream is worth (a step's time over the streams it serves), is more than what computing it
/// costs. `acceptance` below 1; seconds; `most` at most.
std::size_t guesses_that_pay(double acceptance, double step_seconds, std::int32_t streams, double token_seconds,
                             std::size_t most);

}  // namespace hearth::engine
