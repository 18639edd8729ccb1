// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/engine/generation.hpp"
#include "hearth/engine/observer.hpp"
#include "hearth/inference/event.hpp"
#include "sampler.hpp"
#include "text_gate.hpp"

namespace hearth::engine {

/// What the choices of one request share.
struct RequestState {
  std::shared_ptr<EventBox> events;
  std::shared_ptr<std::atomic<bool>> cancelled;
  Deadline deadline;
  Clock::time_point submitted;
  int open_choices = 1;
};

/// One choice as its client sees it: samples, turns tokens into text, and reports. Model thread only.
class Answer {
 public:
  struct Options {
    std::int32_t choice = 0;
    std::int32_t max_tokens = -1;  // -1: until the context is full
    std::optional<std::int32_t> logprobs;
    bool ignore_eos = false;
    bool prompt_logprobs = false;
    bool special_pieces = false;
    std::vector<TokenId> visible_control;  // control tokens shown as text
    std::optional<std::chrono::milliseconds> time_limit;
    std::vector<std::string> stops;
  };

  Answer(std::shared_ptr<RequestState> request, Options options, std::unique_ptr<Sampler> sampler, const Model& model,
         Observer& observer);

  Sampler& sampler() noexcept { return *sampler_; }
  bool cancelled() const { return request_->cancelled->load(std::memory_order_relaxed); }
  const RequestState& request() const noexcept { return *request_; }
  const Options& options() const noexcept { return options_; }
  std::int32_t generated() const noexcept { return generated_; }
  bool wants_logits() const noexcept { return options_.logprobs.has_value(); }

  void admitted(Clock::time_point now);
  /// Log probabilities of prompt tokens, in order; reported with the first event.
  void add_prompt_logprob(inference::TokenLogprob logprob) { prompt_logprobs_.push_back(std::move(logprob)); }
  /// The prompt is computed. Once.
  void prompt_done(std::int32_t prompt, std::int32_t reused, Clock::time_point now);
  /// One token; `logprob` only if asked for. True when the answer ends with it; finish() has then been called.
  bool add_token(TokenId token, std::optional<inference::TokenLogprob> logprob, bool context_full,
                 Clock::time_point now);
  void finish(inference::FinishReason reason, std::string stop_sequence, Clock::time_point now);
  /// Ends the whole request with an error; the first call wins.
  void fail_request(const Error& error);

 private:
  void emit(inference::TextDelta delta);
  void push(inference::Event event);

  std::shared_ptr<RequestState> request_;
  Options options_;
  std::unique_ptr<Sampler> sampler_;
  const Model& model_;
  Observer& observer_;
  TextGate gate_;
  std::vector<inference::TokenLogprob> prompt_logprobs_;
  std::vector<inference::TokenLogprob> held_logprobs_;  // of tokens whose text the gate still holds
  std::vector<TokenId> held_tokens_;
  std::int32_t prompt_ = 0;
  std::int32_t reused_ = 0;
  std::int32_t generated_ = 0;
  double logprob_sum_ = 0;
  bool started_ = false;
  Clock::time_point admitted_{};
  Clock::time_point first_token_{};
  Clock::time_point last_token_{};
};

}  // namespace hearth::engine
