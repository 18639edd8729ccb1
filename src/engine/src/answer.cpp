// SPDX-License-Identifier: Apache-2.0
#include "answer.hpp"

#include <algorithm>

namespace hearth::engine {

using inference::Event;
using inference::FinishReason;

Answer::Answer(std::shared_ptr<RequestState> request, Options options, std::unique_ptr<Sampler> sampler,
               const Model& model, Observer& observer)
    : request_{std::move(request)},
      options_{std::move(options)},
      sampler_{std::move(sampler)},
      model_{model},
      observer_{observer},
      gate_{options_.stops} {}

void Answer::push(Event event) {
  // A reader that lags behind gets longer deltas, not more of them: the box stays as small as the answer is.
  request_->events->push(std::move(event), [](Event& last, Event& next) {
    auto* into = std::get_if<inference::TextDelta>(&last.body);
    auto* from = std::get_if<inference::TextDelta>(&next.body);
    if (into == nullptr || from == nullptr || last.choice != next.choice) return false;
    into->text += from->text;
    std::ranges::move(from->logprobs, std::back_inserter(into->logprobs));
    into->tokens.insert(into->tokens.end(), from->tokens.begin(), from->tokens.end());
    return true;
  });
}

void Answer::emit(inference::TextDelta delta) {
  if (delta.text.empty() && delta.tokens.empty()) return;
  push({.choice = options_.choice, .body = std::move(delta)});
}

void Answer::admitted(Clock::time_point now) {
  if (admitted_ != Clock::time_point{}) return;  // again after a preemption
  admitted_ = now;
  observer_.queued(now - request_->submitted);
}

void Answer::prompt_done(std::int32_t prompt, std::int32_t reused, Clock::time_point now) {
  if (started_) return;
  started_ = true;
  prompt_ = prompt;
  reused_ = reused;
  first_token_ = last_token_ = now;
  observer_.first_token(now - request_->submitted);
  push({.choice = options_.choice,
        .body = inference::PromptDone{
            .prompt_tokens = prompt, .cached_tokens = reused, .prompt_logprobs = std::move(prompt_logprobs_)}});
}

bool Answer::add_token(TokenId token, std::optional<inference::TokenLogprob> logprob, bool context_full,
                       Clock::time_point now) {
  if (generated_ > 0 && now != last_token_) observer_.next_token(now - last_token_);  // forced ones come together
  last_token_ = now;
  ++generated_;
  if (logprob) logprob_sum_ += logprob->logprob;
  if (model_.is_end_of_generation(token) && !options_.ignore_eos) {
    finish(FinishReason::stop, {}, now);
    return true;
  }
  const bool visible =
      options_.special_pieces || std::ranges::find(options_.visible_control, token) != options_.visible_control.end();
  const TextGate::Step step = gate_.feed(model_.piece(token, visible));
  held_tokens_.push_back(token);
  if (logprob) held_logprobs_.push_back(std::move(*logprob));
  if (!gate_.holds_text() || step.stop || !step.text.empty()) {
    emit({.text = step.text, .logprobs = std::exchange(held_logprobs_, {}), .tokens = std::exchange(held_tokens_, {})});
  }
  if (step.stop) {
    finish(FinishReason::stop_sequence, *step.stop, now);
    return true;
  }
  const bool late = options_.time_limit && now - first_token_ >= *options_.time_limit;
  if (context_full || late || (options_.max_tokens >= 0 && generated_ >= options_.max_tokens)) {
    finish(FinishReason::length, {}, now);
    return true;
  }
  return false;
}

void Answer::finish(FinishReason reason, std::string stop_sequence, Clock::time_point now) {
  emit({.text = gate_.flush(),
        .logprobs = std::exchange(held_logprobs_, {}),
        .tokens = std::exchange(held_tokens_, {})});
  inference::Finished finished{.reason = reason, .stop_sequence = std::move(stop_sequence), .usage = {}, .timings = {}};
  finished.usage = {.prompt_tokens = prompt_, .cached_tokens = reused_, .completion_tokens = generated_};
  finished.timings.queue = admitted_ - request_->submitted;
  finished.timings.prompt = first_token_ - admitted_;
  finished.timings.generation = now - first_token_;
  if (generated_ > 0) finished.mean_logprob = logprob_sum_ / generated_;
  observer_.ended(Observer::Outcome::completed, finished.usage);
  push({.choice = options_.choice, .body = std::move(finished)});
  if (--request_->open_choices == 0) request_->events->close();
}

void Answer::fail_request(const Error& error) {
  if (request_->events->closed()) return;
  const auto outcome = error.code == ErrorCode::cancelled           ? Observer::Outcome::cancelled
                       : error.code == ErrorCode::deadline_exceeded ? Observer::Outcome::expired
                                                                    : Observer::Outcome::failed;
  observer_.ended(outcome, {.prompt_tokens = prompt_, .cached_tokens = reused_, .completion_tokens = generated_});
  push({.choice = options_.choice, .body = inference::Failed{error}});
  request_->events->close();
}

}  // namespace hearth::engine
