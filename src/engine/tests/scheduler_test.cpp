// SPDX-License-Identifier: Apache-2.0
#include "scheduler.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

namespace hearth::engine {
namespace {

/// Mirrors which tokens stand under which id, so that the tests see sharing as the real cache would.
class RecordingCache : public KvCache {
 public:
  void copy(std::int32_t from, std::int32_t to, std::int32_t length) override {
    ++copies;
    copied += length;
    EXPECT_NE(from, to);
  }
  void remove(std::int32_t) override { ++removals; }
  void truncate(std::int32_t, std::int32_t) override { ++truncations; }
  int copies = 0;
  int removals = 0;
  int truncations = 0;
  std::int32_t copied = 0;
};

std::unique_ptr<Sequence> prompt(int first, int length, std::string principal = "p", std::string salt = {}) {
  auto sequence = std::make_unique<Sequence>();
  sequence->tokens.resize(length);
  std::iota(sequence->tokens.begin(), sequence->tokens.end(), first);
  sequence->prompt = length;
  sequence->principal = std::move(principal);
  sequence->salt = std::move(salt);
  return sequence;
}

/// And keeps what loses its cells; `slow`: as if in files.
class KeepingCache final : public RecordingCache {
 public:
  struct Kept {
    std::vector<inference::TokenId> tokens;
    std::string salt;
    bool ready = true;
  };
  void save(std::int32_t, const std::vector<inference::TokenId>& tokens, const std::string& salt) override {
    kept[++last] = {tokens, salt, !slow};
  }
  PrefixShelf::Found find_saved(const std::vector<inference::TokenId>& tokens, std::int32_t limit,
                                const std::string& salt) const override {
    PrefixShelf::Found best;
    for (const auto& [key, entry] : kept) {
      const auto n = std::min({entry.tokens.size(), tokens.size(), static_cast<std::size_t>(limit)});
      const auto length =
          std::mismatch(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(n), entry.tokens.begin()).first -
          tokens.begin();
      if (entry.salt == salt && length > best.length) {
        best = {key, static_cast<std::int32_t>(length), static_cast<std::int32_t>(entry.tokens.size()), entry.ready};
      }
    }
    return best;
  }
  void fetch(PrefixShelf::Key key) override { asked = key; }
  bool fetching(PrefixShelf::Key key) const override { return key == asked && !kept.at(key).ready; }
  bool restore(PrefixShelf::Key key, std::int32_t, std::int32_t) override {
    ++restores;
    if (!broken) return true;
    kept.erase(key);
    return false;
  }
  std::map<PrefixShelf::Key, Kept> kept;
  PrefixShelf::Key last = 0;
  PrefixShelf::Key asked = 0;
  int restores = 0;
  bool slow = false;
  bool broken = false;
};

template <class Cache>
struct RigWith {
  explicit RigWith(Scheduler::Limits limits) : scheduler{limits, cache} {}
  Cache cache;
  Scheduler scheduler;
  std::int64_t computed = 0;

  /// One step; sequences whose prompt is done get one more token. Returns the slices' sizes by sequence.
  std::map<Sequence*, std::int32_t> step(std::int32_t budget, int next_token = 7) {
    scheduler.admit({});
    std::map<Sequence*, std::int32_t> counts;
    for (const auto& slice : scheduler.plan(budget)) {
      scheduler.commit(slice);
      computed += slice.count;
      counts[slice.sequence] = slice.count;
      if (slice.sequence->remaining() == 0) slice.sequence->tokens.push_back(next_token);
    }
    return counts;
  }
};

using Rig = RigWith<RecordingCache>;
using KeepingRig = RigWith<KeepingCache>;

constexpr Scheduler::Limits kLimits{
    .cells = 1000, .parallel = 4, .sequence_ids = 16, .share_prefixes = true, .outputs = 8};

TEST(Scheduler, AColdSharedPrefixIsComputedOnce) {
  Rig rig{kLimits};
  for (int i = 0; i < 4; ++i) rig.scheduler.enqueue(prompt(0, 200));
  for (int i = 0; i < 10; ++i) rig.step(64);
  EXPECT_EQ(rig.scheduler.running().size(), 4U);
  for (const auto& s : rig.scheduler.running()) EXPECT_GT(s->size(), s->prompt) << "every one generates";
  EXPECT_LT(rig.computed, 200 + 3 + 4 * 12) << "three of the four took the prefix over";
  EXPECT_EQ(rig.cache.copies, 3);
}

TEST(Scheduler, AFinishedConversationIsContinuedFromItsCache) {
  Rig rig{kLimits};
  rig.scheduler.enqueue(prompt(0, 100));
  rig.step(512);
  const auto ended = rig.scheduler.finish(*rig.scheduler.running().front());
  EXPECT_EQ(ended->done, 100);
  rig.scheduler.enqueue(prompt(0, 150));
  EXPECT_EQ(rig.step(512).begin()->second, 50);
  EXPECT_EQ(rig.scheduler.running().front()->reused, 100);
  EXPECT_EQ(rig.scheduler.cached(), 0U) << "the old prefix is part of the running one";
}

TEST(Scheduler, DifferentSaltsShareNothing) {
  Rig rig{kLimits};
  rig.scheduler.enqueue(prompt(0, 100, "a", "tenant-a"));
  rig.step(512);
  rig.scheduler.enqueue(prompt(0, 100, "b", "tenant-b"));
  rig.step(512);
  EXPECT_EQ(rig.cache.copies, 0);
}

TEST(Scheduler, CachedPrefixesGiveWayToNewRequests) {
  Rig rig{kLimits};
  for (int i = 0; i < 4; ++i) {
    rig.scheduler.enqueue(prompt(1000 * (i + 1), 240));
    rig.step(512);
    rig.scheduler.finish(*rig.scheduler.running().front());
  }
  EXPECT_EQ(rig.scheduler.cells_cached(), 960);
  rig.scheduler.enqueue(prompt(90'000, 500));
  rig.step(512);
  EXPECT_EQ(rig.scheduler.running().front()->done, 500);
  EXPECT_LE(rig.scheduler.cells_used(), 1000);
}

TEST(Scheduler, WhenAnswersOutgrowTheCacheTheYoungestGivesWayAndStillFinishes) {
  Rig rig{{.cells = 300, .parallel = 2, .sequence_ids = 8, .share_prefixes = true, .outputs = 8}};
  rig.scheduler.enqueue(prompt(0, 100));
  rig.scheduler.enqueue(prompt(5000, 100));
  std::set<std::uint64_t> finished;
  for (int i = 0; i < 2000 && finished.size() < 2; ++i) {
    rig.step(64);
    std::vector<Sequence*> done;
    for (const auto& s : rig.scheduler.running()) {
      if (s->size() >= 260) done.push_back(s.get());  // together 520 cells: they cannot both be there at the end
    }
    for (Sequence* s : done) finished.insert(rig.scheduler.finish(*s)->arrival);
  }
  EXPECT_EQ(finished, (std::set<std::uint64_t>{1, 2}));
  EXPECT_GT(rig.scheduler.preemptions(), 0U);
}

TEST(Scheduler, PreemptionSparesTheOlderAndTheMoreImportant) {
  Rig rig{{.cells = 256, .parallel = 3, .sequence_ids = 8, .share_prefixes = false, .outputs = 8}};
  auto important = prompt(0, 40);
  important->priority = 1;
  rig.scheduler.enqueue(prompt(1000, 40));
  rig.scheduler.enqueue(prompt(2000, 40));
  rig.scheduler.enqueue(std::move(important));
  for (int i = 0; i < 5; ++i) rig.step(256);
  ASSERT_TRUE(rig.scheduler.preempt_one());
  std::set<std::uint64_t> left;
  for (const auto& s : rig.scheduler.running()) left.insert(s->arrival);
  EXPECT_EQ(left, (std::set<std::uint64_t>{1, 3})) << "the second was the youngest of the lowest priority";
}

TEST(Scheduler, AStepThatDidNotHappenIsTakenBack) {
  Rig rig{kLimits};
  rig.scheduler.enqueue(prompt(0, 100));
  rig.scheduler.admit({});
  for (const auto& slice : rig.scheduler.plan(64)) rig.scheduler.roll_back(slice);
  EXPECT_EQ(rig.scheduler.cells_used(), 0);
  EXPECT_EQ(rig.step(64).begin()->second, 64);
}

TEST(Scheduler, WhatIsUsedOftenKeepsItsCellsLonger) {
  Rig rig{kLimits};
  const auto serve = [&](int first) {
    rig.scheduler.enqueue(prompt(first, 240));
    rig.step(512);
    const std::int32_t reused = rig.scheduler.running().front()->reused;
    rig.scheduler.finish(*rig.scheduler.running().front());
    return reused;
  };
  for (int i = 0; i < 5; ++i) serve(1000);
  for (const int first : {2000, 3000, 4000, 5000, 6000}) serve(first);  // the longest unused would be gone by now
  EXPECT_EQ(serve(1000), 239);
  for (int first = 10'000; first < 60'000; first += 1000) serve(first);
  EXPECT_EQ(serve(1000), 0) << "but not for ever";
}

TEST(Scheduler, WhatLostItsCellsIsTakenFromTheShelf) {
  KeepingRig rig{kLimits};
  for (const int first : {1000, 2000, 3000, 4000, 5000}) {
    rig.scheduler.enqueue(prompt(first, 240));
    rig.step(512);
    rig.scheduler.finish(*rig.scheduler.running().front());
  }
  ASSERT_EQ(rig.cache.kept.size(), 1U);
  rig.scheduler.enqueue(prompt(1000, 300));
  EXPECT_EQ(rig.step(512).begin()->second, 60);
  EXPECT_EQ(rig.cache.restores, 1);
  EXPECT_EQ(rig.scheduler.running().front()->reused, 240);
  EXPECT_LE(rig.scheduler.cells_used(), 1000);
}

TEST(Scheduler, OthersRunWhileAFileIsRead) {
  KeepingRig rig{kLimits};
  rig.cache.slow = true;
  rig.cache.save(0, prompt(1000, 240)->tokens, "");
  rig.scheduler.enqueue(prompt(1000, 300));
  rig.scheduler.enqueue(prompt(5000, 50));
  for (int i = 0; i < 3; ++i) {
    const auto counts = rig.step(512);
    ASSERT_EQ(counts.size(), 1U);
    EXPECT_EQ(counts.begin()->first->tokens.front(), 5000);
  }
  EXPECT_TRUE(rig.scheduler.fetching());
  rig.cache.kept.begin()->second.ready = true;
  EXPECT_EQ(rig.step(512).size(), 2U);
  EXPECT_FALSE(rig.scheduler.fetching());
  EXPECT_EQ(rig.scheduler.running().front()->reused, 240);
}

TEST(Scheduler, ThePrefixThatIsAboutToBeSharedIsNotEvictedForIt) {
  Rig rig{{.cells = 10'000, .parallel = 2, .sequence_ids = 4, .share_prefixes = true, .outputs = 8}};
  const auto serve = [&](int first, int length) {
    rig.scheduler.enqueue(prompt(first, length));
    rig.step(4096);
    const std::int32_t reused = rig.scheduler.running().front()->reused;
    rig.scheduler.finish(*rig.scheduler.running().front());
    return reused;
  };
  for (int i = 0; i < 3; ++i) {
    for (const int first : {10'000, 20'000, 30'000}) serve(first, 2000);  // worth much
  }
  serve(40'000, 60);  // all ids are taken, and this is worth least
  EXPECT_EQ(serve(40'000, 90), 60);
}

TEST(Scheduler, GuessesTakeNoCellsThatOthersNeed) {
  Rig rig{{.cells = 320, .parallel = 2, .sequence_ids = 4, .share_prefixes = false, .outputs = 32}};
  rig.scheduler.enqueue(prompt(0, 120));
  rig.scheduler.enqueue(prompt(1000, 120));
  for (int i = 0; i < 200 && rig.scheduler.cells_used() < 308; ++i) rig.step(512);
  ASSERT_EQ(rig.scheduler.running().size(), 2U);
  for (const auto& s : rig.scheduler.running()) s->draft = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::uint64_t before = rig.scheduler.preemptions();
  const auto slices = rig.scheduler.plan(512);
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(rig.scheduler.preemptions(), before);
  for (const auto& slice : slices) {
    rig.scheduler.commit(slice);
    slice.sequence->tokens.push_back(1);
    rig.scheduler.settle(slice, std::min(slice.drafted, 1));
    if (slice.drafted > 0) slice.sequence->tokens.push_back(99);
  }
  std::int32_t done = 0;
  for (const auto& s : rig.scheduler.running()) done += s->done;
  EXPECT_EQ(rig.scheduler.cells_used(), done) << "wrong guesses leave no cells behind";
}

TEST(Scheduler, WhatCannotBeRestoredIsComputed) {
  KeepingRig rig{kLimits};
  rig.cache.broken = true;
  rig.cache.save(0, prompt(1000, 240)->tokens, "");
  rig.scheduler.enqueue(prompt(1000, 300));
  EXPECT_EQ(rig.step(512).begin()->second, 300);
  EXPECT_EQ(rig.scheduler.running().front()->reused, 0);
  EXPECT_EQ(rig.scheduler.cells_used(), 300);
}

template <class SomeRig>
void random_traffic() {
  SomeRig rig{{.cells = 512, .parallel = 6, .sequence_ids = 12, .share_prefixes = true, .outputs = 32}};
  std::uint32_t state = 1;
  const auto random = [&](std::uint32_t n) {
    return (state = state * 1664525 + 1013904223) >> 8 & 0xFFFFFF ? (state >> 8) % n : 0;
  };
  int open = 0;
  int ended = 0;
  for (int step = 0; step < 5000; ++step) {
    if (step < 4000 && random(3) == 0 && open < 40) {
      rig.scheduler.enqueue(prompt(static_cast<int>(random(4)) * 1000, 1 + static_cast<int>(random(300)),
                                   "p" + std::to_string(random(3))));
      ++open;
    }
    rig.step(48, static_cast<int>(random(50)));
    std::vector<Sequence*> done;
    for (const auto& s : rig.scheduler.running()) {
      if (s->size() >= s->prompt + 40 || s->size() >= 500) done.push_back(s.get());
    }
    for (Sequence* s : done) {
      rig.scheduler.finish(*s);
      --open;
      ++ended;
    }
    ASSERT_LE(rig.scheduler.cells_used(), 512);
    if (step % 97 == 0) {
      const auto removed = rig.scheduler.remove_if([&](Sequence&) { return random(10) == 0; });
      open -= static_cast<int>(removed.size());
    }
  }
  EXPECT_TRUE(rig.scheduler.idle()) << rig.scheduler.running().size() << " running, " << rig.scheduler.waiting()
                                    << " waiting";
  EXPECT_GT(ended, 200);
  rig.scheduler.drop_cached();
  EXPECT_EQ(rig.scheduler.cells_used(), 0);
}

TEST(Scheduler, RandomTrafficEndsWithEveryCellFreeAgain) {
  random_traffic<Rig>();
  random_traffic<KeepingRig>();
}

}  // namespace
}  // namespace hearth::engine
