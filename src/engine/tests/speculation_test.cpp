// SPDX-License-Identifier: Apache-2.0
#include "../src/speculation.hpp"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

using Tokens = std::vector<inference::TokenId>;

TEST(NgramLookup, WhatFollowedTheLastTimeIsGuessed) {
  NgramLookup lookup;
  EXPECT_EQ(lookup.guess(Tokens{1, 2, 3, 4, 5, 6, 7, 1, 2}, 3), (Tokens{3, 4, 5}));
  EXPECT_EQ(lookup.guess(Tokens{1, 2, 3, 4, 5, 6, 7, 1, 2, 9}, 3), Tokens{});
}

TEST(NgramLookup, TheLatestAndLongestAgreementDecides) {
  NgramLookup lookup;
  // "1 2" was followed by 3, later by 5; "9 1 2" by 7.
  EXPECT_EQ(lookup.guess(Tokens{1, 2, 3, 0, 9, 1, 2, 7, 0, 8, 1, 2, 5, 0, 1, 2}, 1), (Tokens{5}));
  NgramLookup longer;
  EXPECT_EQ(longer.guess(Tokens{1, 2, 3, 0, 9, 1, 2, 7, 0, 8, 1, 2, 5, 0, 9, 1, 2}, 1), (Tokens{7}));
}

TEST(NgramLookup, ATextThatRepeatsGoesOn) {
  NgramLookup lookup;
  EXPECT_EQ(lookup.guess(Tokens{5, 1, 2, 1, 2}, 5), (Tokens{1, 2, 1, 2, 1}));
  NgramLookup one;
  EXPECT_EQ(one.guess(Tokens{7, 7, 7}, 4), (Tokens{7, 7, 7, 7}));
}

TEST(NgramLookup, IsFedAsTheTextGrows) {
  NgramLookup lookup;
  Tokens text;
  for (int i = 0; i < 200; ++i) {
    text.push_back(i % 10);
    NgramLookup fresh;
    EXPECT_EQ(lookup.guess(text, 4), fresh.guess(text, 4)) << i;
  }
  EXPECT_EQ(lookup.guess({}, 4), Tokens{});
}

TEST(Acceptance, FollowsWhatIsSeen) {
  Acceptance acceptance{0.5};
  for (int i = 0; i < 50; ++i) acceptance.observe(4, 4);
  EXPECT_GT(acceptance.rate(), 0.95);
  EXPECT_LT(acceptance.rate(), 1);
  for (int i = 0; i < 50; ++i) acceptance.observe(0, 4);
  EXPECT_LT(acceptance.rate(), 0.05);
}

StepCost cost_of(double base, double per_column) {
  StepCost cost;
  for (int i = 0; i < 100; ++i) cost.observe(i % 2 == 0 ? 4 : 8, base + per_column * (i % 2 == 0 ? 4 : 8));
  return cost;
}

TEST(StepCost, FindsBaseAndSlope) {
  const StepCost cost = cost_of(0.010, 0.002);
  EXPECT_TRUE(cost.tells_slope());
  EXPECT_NEAR(cost.step(1), 0.012, 1e-6);
  EXPECT_NEAR(cost.step(16), 0.042, 1e-5);
  EXPECT_NEAR(cost.step(20), 0.050, 1e-5);
}

TEST(StepCost, CountsWholePanels) {
  const StepCost cost = cost_of(0.010, 0.002);
  EXPECT_DOUBLE_EQ(cost.step(9), cost.step(12));
  EXPECT_GT(cost.step(13), cost.step(12));
  EXPECT_DOUBLE_EQ(cost.step(21), cost.step(22));
}

TEST(StepCost, OneSizeAloneTellsNoSlope) {
  StepCost cost;
  EXPECT_EQ(cost.step(1), 0);
  for (int i = 0; i < 10; ++i) cost.observe(1, 0.02);
  EXPECT_FALSE(cost.tells_slope());
  EXPECT_NEAR(cost.step(2), 0.04, 1e-9) << "so nothing is guessed until something was tried";
  EXPECT_NEAR(cost.step(1), 0.02, 1e-9);
  cost.observe(2, 0.021);
  EXPECT_TRUE(cost.tells_slope());
  for (int i = 0; i < 500; ++i) cost.observe(1, 0.02);
  EXPECT_FALSE(cost.tells_slope()) << "what was seen once fades";
}

using Lengths = std::vector<std::size_t>;
Lengths pay(std::vector<Guessable> guessable, std::int32_t streams, const StepCost& cost) {
  return guesses_that_pay(guessable, streams, streams, 100, cost);
}

TEST(GuessesThatPay, AsManyAsAreWorthTheirCost) {
  const StepCost cost = cost_of(0.020, 0.002);
  EXPECT_EQ(pay({{.acceptance = 0.85, .most = 8}}, 1, cost), (Lengths{7})) << "nine columns would cost as twelve do";
  EXPECT_EQ(pay({{.acceptance = 0.5, .most = 8}}, 1, cost), (Lengths{3})) << "0.5^4 * 22 ms is less than 2";
  EXPECT_EQ(pay({{.acceptance = 0.98, .most = 2}}, 1, cost), (Lengths{2}));
  EXPECT_EQ(pay({{.acceptance = 0.0, .most = 8}}, 1, cost), (Lengths{0}));
  EXPECT_EQ(pay({{.acceptance = 0.9, .most = 8, .extra_seconds = 0.020}}, 1, cost), (Lengths{0}));
  EXPECT_EQ(pay({{.acceptance = 0.9, .most = 8}}, 1, cost_of(0, 0.010)), (Lengths{0})) << "a token costs a step";
  EXPECT_EQ(pay({}, 1, cost), Lengths{});
}

TEST(GuessesThatPay, TheLikeliestGetTheRowsThatThereAre) {
  const std::vector<Guessable> streams{{.acceptance = 0.5, .most = 8}, {.acceptance = 0.9, .most = 8}};
  EXPECT_EQ(guesses_that_pay(streams, 2, 2, 3, cost_of(1, 0.001)), (Lengths{0, 3}));
  EXPECT_EQ(guesses_that_pay(streams, 2, 2, -1, cost_of(1, 0.001)), (Lengths{0, 0}));
}

TEST(GuessesThatPay, OneGuessBesideEightStreamsDoesNotButAPanelFullOfThemDoes) {
  const StepCost cost = cost_of(0.020, 0.001);  // 28 ms for eight: a token is worth 3.5, four columns more cost 4
  std::vector<Guessable> streams(8, {.acceptance = 0.0, .most = 8});
  streams[2].acceptance = 0.5;
  EXPECT_EQ(pay(streams, 8, cost), Lengths(8));
  for (Guessable& stream : streams) stream.acceptance = 0.5;
  EXPECT_EQ(pay(streams, 8, cost), Lengths(8, 1));
  streams[5].acceptance = 0.95;
  EXPECT_GT(pay(streams, 8, cost)[5], 1U) << "the likeliest first";
}

}  // namespace
}  // namespace hearth::engine
