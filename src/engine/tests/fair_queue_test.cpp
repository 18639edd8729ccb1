// SPDX-License-Identifier: Apache-2.0
#include "fair_queue.hpp"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

constexpr Clock::time_point kNow{};
constexpr auto kNoGain = [](int) { return 0; };

TEST(FairQueue, WhatGainsMostGoesFirstButNobodyIsOvertakenForEver) {
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  queue.push("b", 0, 500);  // another user's gain counts among that user's own only
  for (int i = 0; i < 20; ++i) queue.push("a", 0, 100 + i);
  const auto by_size = [](int item) { return item >= 100 ? 1 : 0; };
  for (int i = 0; i < FairQueue<int>::kMostOvertaken; ++i) EXPECT_EQ(queue.take(queue.next(kNow, by_size)), 100 + i);
  EXPECT_EQ(queue.take(queue.next(kNow, by_size)), 1) << "overtaken often enough";
  queue.charge("a", 1);
  EXPECT_EQ(queue.take(queue.next(kNow, by_size)), 500);
}

TEST(FairQueue, WhatMustBeginNowGoesBeforeWhatGainsButNotBeforeOtherUsers) {
  using std::chrono::seconds;
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  queue.push("a", 0, 100, Deadline{kNow + seconds{9}});
  queue.push("a", 0, 2, Deadline{kNow + seconds{6}});
  queue.push("a", 0, 3, Deadline{kNow + seconds{5}});
  queue.push("b", 1, 4);
  const auto by_size = [](int item) { return item; };
  EXPECT_EQ(queue.next(kNow + seconds{7}, by_size)->item, 4);
  queue.take(queue.next(kNow, by_size));
  EXPECT_EQ(queue.next(kNow + seconds{4}, by_size)->item, 100) << "nobody has to hurry yet";
  EXPECT_EQ(queue.take(queue.next(kNow + seconds{7}, by_size)), 3);
  EXPECT_EQ(queue.take(queue.next(kNow + seconds{7}, by_size)), 2);
  EXPECT_EQ(queue.take(queue.next(kNow + seconds{7}, by_size)), 100);
}

TEST(FairQueue, WhoHurriesOvertakesNobodyForEver) {
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  for (int i = 0; i < 20; ++i) queue.push("a", 0, 100 + i, Deadline{kNow});
  for (int i = 0; i < FairQueue<int>::kMostOvertaken; ++i) EXPECT_EQ(queue.take(queue.next(kNow, kNoGain)), 100 + i);
  EXPECT_EQ(queue.take(queue.next(kNow, kNoGain)), 1);
}

TEST(FairQueue, AFloodOfOneUserDoesNotDelayAnother) {
  FairQueue<int> queue;
  for (int i = 0; i < 100; ++i) queue.push("flood", 0, i);
  EXPECT_EQ(queue.take(queue.next(kNow, kNoGain)), 0);
  queue.charge("flood", 500);
  queue.push("quiet", 0, 1000);
  queue.charge("flood", 1);
  EXPECT_EQ(queue.take(queue.next(kNow, kNoGain)), 1000);
  queue.charge("quiet", 10'000);
  EXPECT_EQ(queue.take(queue.next(kNow, kNoGain)), 1) << "within one user first come, first served";
}

TEST(FairQueue, PriorityBeatsFairnessAndPreemptedBeatsBoth) {
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  queue.push("b", 5, 2);
  queue.push_front("c", 3);
  EXPECT_EQ(queue.take(queue.next(kNow, kNoGain)), 3);
  EXPECT_EQ(queue.take(queue.next(kNow, kNoGain)), 2);
  EXPECT_EQ(queue.take(queue.next(kNow, kNoGain)), 1);
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, IdlingSavesUpNothing) {
  FairQueue<int> queue;
  queue.push("busy", 0, 1);
  queue.charge("busy", 100'000);
  queue.push("sleeper", 0, 2);  // starts level with the busiest active, not at zero
  queue.charge("sleeper", 1);
  EXPECT_EQ(queue.take(queue.next(kNow, kNoGain)), 1);
}

TEST(FairQueue, RemovedItemsAreGone) {
  FairQueue<int> queue;
  queue.push("a", 0, 1);
  queue.push("a", 0, 2);
  queue.push_front("a", 1);
  queue.remove_if([](int item) { return item == 1; });
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.next(kNow, kNoGain)->item, 2);
}

}  // namespace
}  // namespace hearth::engine
