// SPDX-License-Identifier: Apache-2.0
#include "model_series.hpp"

namespace hearth::telemetry {
namespace {

using Outcome = engine::Observer::Outcome;

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::completed: return "completed";
    case Outcome::cancelled: return "cancelled";
    case Outcome::expired: return "expired";
    case Outcome::failed: break;
  }
  return "failed";
}

}  // namespace

ModelSeries::ModelSeries(Families& families, const std::string& model)
    : queue_time_{families.queue_time.Add({{"model", model}}, wait_buckets())},
      first_token_time_{families.first_token_time.Add({{"model", model}}, wait_buckets())},
      token_gap_{families.token_gap.Add({{"model", model}}, gap_buckets())},
      step_time_{families.step_time.Add({{"model", model}}, gap_buckets())},
      step_tokens_{families.step_tokens.Add({{"model", model}}, batch_buckets())},
      prompt_tokens_{families.prompt_tokens.Add({{"model", model}})},
      cached_tokens_{families.cached_tokens.Add({{"model", model}})},
      completion_tokens_{families.completion_tokens.Add({{"model", model}})},
      preemptions_{families.preemptions.Add({{"model", model}})} {
  for (const Outcome outcome : {Outcome::completed, Outcome::cancelled, Outcome::failed, Outcome::expired}) {
    // All of them from the start: a rate over a series that appears with its first failure misses that failure.
    outcomes_.at(static_cast<std::size_t>(outcome)) =
        &families.outcomes.Add({{"model", model}, {"outcome", name_of(outcome)}});
  }
}

void ModelSeries::step(std::int32_t tokens, Seconds took) {
  step_tokens_.Observe(tokens);
  step_time_.Observe(took.count());
}

void ModelSeries::ended(Outcome outcome, const inference::Usage& usage) {
  outcomes_.at(static_cast<std::size_t>(outcome))->Increment();
  prompt_tokens_.Increment(static_cast<double>(usage.prompt_tokens));
  cached_tokens_.Increment(static_cast<double>(usage.cached_tokens));
  completion_tokens_.Increment(static_cast<double>(usage.completion_tokens));
}

}  // namespace hearth::telemetry
