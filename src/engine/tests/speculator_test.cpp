// SPDX-License-Identifier: Apache-2.0
#include "../src/speculator.hpp"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

/// Streams that generate one text over and over, as wide as `count`.
struct Repeating {
  explicit Repeating(int count) {
    for (int i = 0; i < count; ++i) {
      auto sequence = std::make_unique<Sequence>();
      for (int t = 0; t < 40; ++t) sequence->tokens.push_back(t % 5);
      sequence->prompt = 10;
      sequence->done = 39;
      sequence->id = i;
      running.push_back(std::move(sequence));
    }
  }
  /// One step that takes `seconds(tokens)`; how many guesses were made, all of them right.
  template <class Seconds>
  int step(Speculator& speculator, Seconds seconds) {
    speculator.propose(running, 32, 10'000);
    int guesses = 0;
    for (const auto& sequence : running) guesses += static_cast<int>(sequence->draft.size());
    const int tokens = static_cast<int>(running.size()) + guesses;
    for (const auto& sequence : running) {
      const auto drafted = sequence->draft.size();
      const auto next = static_cast<inference::TokenId>(sequence->tokens.size() % 5);
      speculator.judge(*sequence, next, drafted, drafted);
      for (std::size_t i = 0; i <= drafted; ++i)
        sequence->tokens.push_back(static_cast<int>(sequence->tokens.size() % 5));
      sequence->done = sequence->size() - 1;
    }
    speculator.observe(tokens,
                       std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{seconds(tokens)}));
    return guesses;
  }
  std::vector<std::unique_ptr<Sequence>> running;
};

TEST(Speculator, FindsOutThatGuessesPayHoweverManyStreamsThereAre) {
  for (const int streams : {1, 2, 4, 8, 16}) {
    Speculator speculator{Speculation::automatic, nullptr};
    Repeating load{streams};
    int late = 0;
    for (int i = 0; i < 400; ++i) {
      const int guesses = load.step(speculator, [](int tokens) { return 0.05 + 0.0001 * tokens; });
      if (i >= 200) late += guesses;
    }
    EXPECT_GT(late, 200) << streams << " streams: nearly free guesses, all of them right";
  }
}

TEST(Speculator, HardlyTriesWhereAStepTakesAsLongAsItsTokens) {
  for (const int streams : {1, 8, 16}) {
    Speculator speculator{Speculation::automatic, nullptr};
    Repeating load{streams};
    int all = 0;
    for (int i = 0; i < 640; ++i) all += load.step(speculator, [](int tokens) { return 0.01 * tokens; });
    EXPECT_GT(all, 0) << "nothing else tells what a guess costs";
    EXPECT_LE(all, 640 / 8) << streams;
  }
}

TEST(Speculator, StreamsThatCannotBeGuessedAreLeftAlone) {
  Speculator speculator{Speculation::always, nullptr};
  Repeating load{2};
  load.running[0]->tokens = {1, 2, 3, 4};
  load.running[0]->prompt = 2;
  load.running[0]->done = 3;
  speculator.propose(load.running, 5, 10'000);
  EXPECT_TRUE(load.running[0]->draft.empty());
  EXPECT_EQ(load.running[1]->draft.size(), 5U) << "as many as there are rows";
  speculator.propose({}, 5, 10'000);
}

}  // namespace
}  // namespace hearth::engine
