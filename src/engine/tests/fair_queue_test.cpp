// SPDX-License-Identifier: Apache-2.0
#include "fair_queue.hpp"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

constexpr auto kNoGain = [](int) { return 0; };

TEST(FairQueue, WhatGainsMostGoesFirstButNobodyIsOvertakenForEver) {
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  queue.push("b", 0, 500);  // another user's gain counts among that user's own only
  for (int i = 0; i < 20; ++i) queue.push("a", 0, 100 + i);
  const auto by_size = [](int item) { return item >= 100 ? 1 : 0; };
  for (int i = 0; i < FairQueue<int>::kMostOvertaken; ++i) EXPECT_EQ(queue.take(queue.next(by_size)), 100 + i);
  EXPECT_EQ(queue.take(queue.next(by_size)), 1) << "overtaken often enough";
  queue.charge("a", 1);
  EXPECT_EQ(queue.take(queue.next(by_size)), 500);
}

TEST(FairQueue, AFloodOfOneUserDoesNotDelayAnother) {
  FairQueue<int> queue;
  for (int i = 0; i < 100; ++i) queue.push("flood", 0, i);
  EXPECT_EQ(queue.take(queue.next(kNoGain)), 0);
  queue.charge("flood", 500);
  queue.push("quiet", 0, 1000);
  queue.charge("flood", 1);
  EXPECT_EQ(queue.take(queue.next(kNoGain)), 1000);
  queue.charge("quiet", 10'000);
  EXPECT_EQ(queue.take(queue.next(kNoGain)), 1) << "within one user first come, first served";
}

TEST(FairQueue, PriorityBeatsFairnessAndPreemptedBeatsBoth) {
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  queue.push("b", 5, 2);
  queue.push_front("c", 3);
  EXPECT_EQ(queue.take(queue.next(kNoGain)), 3);
  EXPECT_EQ(queue.take(queue.next(kNoGain)), 2);
  EXPECT_EQ(queue.take(queue.next(kNoGain)), 1);
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, IdlingSavesUpNothing) {
  FairQueue<int> queue;
  queue.push("busy", 0, 1);
  queue.charge("busy", 100'000);
  queue.push("sleeper", 0, 2);  // starts level with the busiest active, not at zero
  queue.charge("sleeper", 1);
  EXPECT_EQ(queue.take(queue.next(kNoGain)), 1);
}

TEST(FairQueue, RemovedItemsAreGone) {
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  queue.push("a", 0, 2);
  queue.push_front("a", 1);
  queue.remove_if([](int item) { return item == 1; });
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.next(kNoGain)->item, 2);
}

}  // namespace
}  // namespace hearth::engine
