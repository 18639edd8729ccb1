// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "hearth/base/clock.hpp"

namespace hearth::engine {

/// One admitted sequence as the planner sees it.
struct StepWork {
  std::int32_t remaining = 0;  // tokens known but not computed yet; few for a sequence that generates
  bool generating = false;     // its next token goes to a client who is watching
  std::int32_t skipped = 0;    // steps since it last got a slice
  std::int32_t slice_max = 0;  // 0: no limit of its own
};

struct StepSlice {
  std::size_t index = 0;  // into the span given to plan_step
  std::int32_t count = 0;
  bool operator==(const StepSlice&) const = default;
};

/// A sequence that got nothing for so many steps goes first among the prefills.
inline constexpr std::int32_t kPrefillPatience = 8;

/// What one step computes: what is known of every generating sequence first, mostly one token, then prompt chunks with
/// what is left of `budget` tokens, the shortest rest first (it frees its reader soonest), but nobody waits for ever.
/// Pure.
std::vector<StepSlice> plan_step(std::span<const StepWork> work, std::int32_t budget);

/// Learns what a step costs and says how many tokens one may have so that it stays near the target time.
/// Model: time = answers + prompt tokens * per_token, both exponential averages. Pure; the caller measures.
class StepBudget {
 public:
  StepBudget(std::chrono::duration<double> target, std::int32_t batch) : target_{target.count()}, batch_{batch} {}

  /// `generating` tokens of answers run beside the prompts: with none, nobody waits and a step may be full. Prompts get
  /// a multiple of kPrefillChunkMin.
  std::int32_t tokens(std::int32_t generating) const noexcept;
  /// What a prompt's token takes; 0 before one was measured.
  double seconds_a_token() const noexcept { return per_token_; }
  /// How long a prompt and its answer take alone; nothing before some were measured.
  std::chrono::duration<double> expects(std::int32_t prompt, std::int32_t answer) const noexcept;
  /// `tokens` of prompts took so long.
  void observe_prompt(std::int32_t tokens, std::chrono::duration<double> took) noexcept;
  /// One token of each generating sequence took so long.
  void observe_answers(std::chrono::duration<double> took) noexcept;

 private:
  static void average(double& mean, double sample) noexcept;

  double target_;
  std::int32_t batch_;
  double per_token_ = 0;  // seconds a prompt token, from prompts of kPrefillSampleMin tokens and more
  double answers_ = 0;    // seconds a step without prompts
};

/// The last moment to begin what takes `alone` by itself and, beside others, kBeside times that, and must end by
/// `deadline`. Never, where it cannot end in time any more or nothing presses it: it overtakes nobody.
Deadline latest_start(Deadline deadline, Clock::time_point now, std::chrono::duration<double> alone) noexcept;
inline constexpr int kBeside = 2;

inline constexpr std::int32_t kPrefillChunkMin = 64;  // progress even when a step is over its time anyway
inline constexpr std::int32_t kPrefillSampleMin = 24;

}  // namespace hearth::engine
