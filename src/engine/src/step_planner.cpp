// SPDX-License-Identifier: Apache-2.0
#include "step_planner.hpp"

#include <algorithm>
#include <utility>

namespace hearth::engine {

std::vector<StepSlice> plan_step(std::span<const StepWork> work, std::int32_t budget) {
  std::vector<StepSlice> slices;
  std::vector<std::size_t> prefills;
  auto behind = static_cast<std::int32_t>(  // answers that must still find room for a token
      std::ranges::count_if(work, [](const StepWork& w) { return w.generating && w.remaining > 0; }));
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (work[i].remaining <= 0) continue;
    if (!work[i].generating) {
      prefills.push_back(i);
      continue;
    }
    --behind;
    if (budget <= 0) continue;
    slices.push_back({i, std::min(work[i].remaining, std::max(1, budget - behind))});
    budget -= slices.back().count;
  }
  std::ranges::sort(prefills, [&](std::size_t a, std::size_t b) {
    const bool a_patient = work[a].skipped < kPrefillPatience;
    const bool b_patient = work[b].skipped < kPrefillPatience;
    if (a_patient != b_patient) return b_patient;
    return std::pair{work[a].remaining, a} < std::pair{work[b].remaining, b};
  });
  for (const std::size_t i : prefills) {
    std::int32_t count = std::min(work[i].remaining, budget);
    if (work[i].slice_max > 0) count = std::min(count, work[i].slice_max);
    if (count <= 0) continue;
    slices.push_back({i, count});
    budget -= count;
  }
  return slices;
}

std::int32_t StepBudget::tokens(std::int32_t generating) const noexcept {
  if (generating == 0) return batch_;
  std::int32_t prompt = 2 * kPrefillChunkMin;  // nothing learned yet
  if (per_token_ > 0) {
    const double room = (target_ - answers_) / per_token_;
    prompt = room >= batch_ ? batch_ : static_cast<std::int32_t>(std::max(room, 0.0));
    prompt = std::max(prompt / kPrefillChunkMin, 1) * kPrefillChunkMin;  // whole tiles of the attention
  }
  return std::min(batch_, generating + prompt);
}

std::chrono::duration<double> StepBudget::expects(std::int32_t prompt, std::int32_t answer) const noexcept {
  return std::chrono::duration<double>{prompt * per_token_ + answer * answers_};
}

Deadline latest_start(Deadline deadline, Clock::time_point now, std::chrono::duration<double> alone) noexcept {
  const std::chrono::duration<double> left = deadline.at() - now;
  if (!deadline.reachable() || alone > left) return {};
  return Deadline{deadline.at() - std::chrono::duration_cast<Clock::duration>(kBeside * alone)};
}

void StepBudget::observe_prompt(std::int32_t tokens, std::chrono::duration<double> took) noexcept {
  if (tokens < kPrefillSampleMin) return;  // dominated by the cost of streaming the weights once
  average(per_token_, took.count() / tokens);
}

void StepBudget::observe_answers(std::chrono::duration<double> took) noexcept { average(answers_, took.count()); }

void StepBudget::average(double& mean, double sample) noexcept {
  mean = mean == 0 ? sample : 0.8 * mean + 0.2 * sample;
}

}  // namespace hearth::engine
