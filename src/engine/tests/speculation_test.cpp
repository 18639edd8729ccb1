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

TEST(StepCost, FindsBaseAndSlope) {
  StepCost cost;
  for (int i = 0; i < 100; ++i) cost.observe(1 + i % 8, 0.010 + 0.002 * (1 + i % 8));
  EXPECT_NEAR(cost.per_token(), 0.002, 1e-6);
  EXPECT_NEAR(cost.step(1), 0.012, 1e-6);
  EXPECT_NEAR(cost.step(20), 0.050, 1e-5);
}

TEST(StepCost, OneSizeAloneTellsNoSlope) {
  StepCost cost;
  for (int i = 0; i < 10; ++i) cost.observe(1, 0.02);
  EXPECT_NEAR(cost.per_token(), 0.02, 1e-9) << "so nothing is guessed until something was tried";
  EXPECT_NEAR(cost.step(1), 0.02, 1e-9);
}

TEST(GuessesThatPay, AsManyAsAreWorthTheirCost) {
  EXPECT_EQ(guesses_that_pay(0.9, 0.020, 1, 0.002, 8), 8U);
  EXPECT_EQ(guesses_that_pay(0.5, 0.020, 1, 0.002, 8), 3U) << "0.5^4 * 20 ms is less than 2";
  EXPECT_EQ(guesses_that_pay(0.5, 0.020, 8, 0.002, 8), 0U) << "eight streams share the step already";
  EXPECT_EQ(guesses_that_pay(0.9, 0.020, 1, 0.020, 8), 0U) << "a token costs as much as a step";
  EXPECT_EQ(guesses_that_pay(0.0, 0.020, 1, 0.000, 8), 0U);
}

}  // namespace
}  // namespace hearth::engine
