// SPDX-License-Identifier: Apache-2.0
#include "step_planner.hpp"

#include <gtest/gtest.h>

#include <map>

namespace hearth::engine {
namespace {

TEST(PlanStep, EveryStreamGetsItsTokenBeforeAnyPrompt) {
  const std::vector<StepWork> work{
      {.remaining = 4000}, {.remaining = 1, .generating = true}, {.remaining = 1, .generating = true}};
  const auto slices = plan_step(work, 64);
  EXPECT_EQ(slices, (std::vector<StepSlice>{{1, 1}, {2, 1}, {0, 62}}));
}

TEST(PlanStep, ForcedTokensGoWithTheirStreamAndCrowdNobodyOut) {
  const std::vector<StepWork> work{{.remaining = 9, .generating = true},
                                   {.remaining = 100},
                                   {.remaining = 9, .generating = true},
                                   {.remaining = 1, .generating = true}};
  EXPECT_EQ(plan_step(work, 40), (std::vector<StepSlice>{{0, 9}, {2, 9}, {3, 1}, {1, 21}}));
  EXPECT_EQ(plan_step(work, 10), (std::vector<StepSlice>{{0, 8}, {2, 1}, {3, 1}}));
}

TEST(PlanStep, ShortestRestFirstButNobodyWaitsForEver) {
  std::vector<StepWork> work{{.remaining = 1000}, {.remaining = 100}};
  EXPECT_EQ(plan_step(work, 64), (std::vector<StepSlice>{{1, 64}}));
  work[0].skipped = kPrefillPatience;
  EXPECT_EQ(plan_step(work, 64), (std::vector<StepSlice>{{0, 64}}));
}

TEST(PlanStep, NeverExceedsTheBudgetNorASequencesOwnLimit) {
  const std::vector<StepWork> work{{.remaining = 50, .slice_max = 8}, {.remaining = 60}};
  EXPECT_EQ(plan_step(work, 20), (std::vector<StepSlice>{{0, 8}, {1, 12}}));
  EXPECT_TRUE(plan_step(work, 0).empty());
}

TEST(PlanStep, EveryPromptFinishesUnderASteadyStreamOfShortOnes) {
  StepWork longest{.remaining = 2000};
  int steps = 0;
  while (longest.remaining > 0 && steps < 10'000) {
    const std::vector<StepWork> work{longest, {.remaining = 64}};  // a new short prompt every step
    ++longest.skipped;
    for (const StepSlice& slice : plan_step(work, 64)) {
      if (slice.index != 0) continue;
      longest.remaining -= slice.count;
      longest.skipped = 0;
    }
    ++steps;
  }
  EXPECT_LE(steps, 2000 / 64 * (kPrefillPatience + 1) + kPrefillPatience + 2);
}

TEST(StepBudget, ShrinksWhenStreamsRunAndStepsAreSlow) {
  StepBudget budget{std::chrono::milliseconds{200}, 512};
  EXPECT_EQ(budget.tokens(0), 512);
  budget.observe_prompt(512, std::chrono::milliseconds{512});  // 1 ms a token
  EXPECT_EQ(budget.tokens(0), 512) << "nobody waits";
  EXPECT_EQ(budget.tokens(4), 4 + 3 * kPrefillChunkMin) << "200 tokens' time, in whole chunks";
  budget.observe_answers(std::chrono::milliseconds{100});
  EXPECT_EQ(budget.tokens(4), 4 + kPrefillChunkMin) << "the answers take half of the target";
  budget = {std::chrono::milliseconds{200}, 512};
  for (int i = 0; i < 50; ++i) budget.observe_prompt(64, std::chrono::seconds{1});
  EXPECT_EQ(budget.tokens(4), 4 + kPrefillChunkMin) << "still makes progress";
  for (int i = 0; i < 200; ++i) budget.observe_prompt(512, std::chrono::microseconds{512});
  EXPECT_EQ(budget.tokens(4), 512);
}

TEST(StepBudget, SaysHowLongARequestTakesAlone) {
  StepBudget budget{std::chrono::milliseconds{200}, 512};
  EXPECT_EQ(budget.expects(1000, 1000).count(), 0) << "nothing is known";
  budget.observe_prompt(100, std::chrono::milliseconds{100});
  budget.observe_answers(std::chrono::milliseconds{20});
  EXPECT_DOUBLE_EQ(budget.expects(1000, 100).count(), 3.0);
}

TEST(LatestStart, LeavesTimeForOthersAndGivesUpWhatCannotBeInTime) {
  using std::chrono::seconds;
  const Clock::time_point now{seconds{1000}};
  EXPECT_EQ(latest_start(Deadline{now + seconds{30}}, now, seconds{10}).at(), now + seconds{10});
  EXPECT_EQ(latest_start(Deadline{now + seconds{15}}, now, seconds{10}).at(), now - seconds{5}) << "at once";
  EXPECT_FALSE(latest_start(Deadline{now + seconds{9}}, now, seconds{10}).reachable());
  EXPECT_FALSE(latest_start(Deadline{now - seconds{1}}, now, seconds{0}).reachable());
  EXPECT_FALSE(latest_start(Deadline{}, now, seconds{10}).reachable());
  EXPECT_EQ(latest_start(Deadline{now + seconds{30}}, now, seconds{0}).at(), now + seconds{30}) << "nothing is known";
}

}  // namespace
}  // namespace hearth::engine
