// SPDX-License-Identifier: Apache-2.0
#include "fair_queue.hpp"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

TEST(FairQueue, AFloodOfOneUserDoesNotDelayAnother) {
  FairQueue<int> queue;
  for (int i = 0; i < 100; ++i) queue.push("flood", 0, i);
  EXPECT_EQ(queue.pop_front(), 0);
  queue.charge("flood", 500);
  queue.push("quiet", 0, 1000);
  queue.charge("flood", 1);
  EXPECT_EQ(queue.pop_front(), 1000);
  queue.charge("quiet", 10'000);
  EXPECT_EQ(queue.pop_front(), 1) << "within one user first come, first served";
}

TEST(FairQueue, PriorityBeatsFairnessAndPreemptedBeatsBoth) {
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  queue.push("b", 5, 2);
  queue.push_front("c", 3);
  EXPECT_EQ(queue.pop_front(), 3);
  EXPECT_EQ(queue.pop_front(), 2);
  EXPECT_EQ(queue.pop_front(), 1);
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, IdlingSavesUpNothing) {
  FairQueue<int> queue;
  queue.push("busy", 0, 1);
  queue.charge("busy", 100'000);
  queue.push("sleeper", 0, 2);  // starts level with the busiest active, not at zero
  queue.charge("sleeper", 1);
  EXPECT_EQ(queue.pop_front(), 1);
}

TEST(FairQueue, RemovedItemsAreGone) {
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  queue.push("a", 0, 2);
  queue.push_front("a", 1);
  queue.remove_if([](int item) { return item == 1; });
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.front(), 2);
}

}  // namespace
}  // namespace hearth::engine
