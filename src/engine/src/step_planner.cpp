// SPDX-License-Identifier: Apache-2.0
#include "step_planner.hpp"

#include <algorithm>
#include <utility>

namespace hearth::engine {

std::vector<StepSlice> plan_step(std::span<const StepWork> work, std::int32_t budget) {
  std::vector<StepSlice> slices;
  std::vector<std::size_t> prefills;
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (work[i].remaining <= 0) continue;
    if (!work[i].generating) {
      prefills.push_back(i);
    } else if (budget > 0) {
      slices.push_back({i, 1});
      --budget;
    }
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
  if (per_token_ <= 0) return std::min(batch_, generating + 2 * kPrefillChunkMin);  // nothing learned yet
  const double room = target_ / per_token_;
  const std::int32_t prompt = room >= batch_ ? batch_ : static_cast<std::int32_t>(room);
  return std::min(batch_, generating + std::max(kPrefillChunkMin, prompt - generating));
}

void StepBudget::observe(std::int32_t tokens, std::chrono::duration<double> took) noexcept {
  if (tokens < kPrefillSampleMin) return;  // dominated by the cost of streaming the weights once
  const double sample = took.count() / tokens;
  per_token_ = per_token_ == 0 ? sample : 0.8 * per_token_ + 0.2 * sample;
}

}  // namespace hearth::engine
