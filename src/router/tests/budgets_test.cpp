// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/budgets.hpp"

#include <gmock/gmock.h>

#include <thread>

namespace hearth::router {
namespace {

using namespace std::chrono;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr sys_days kDay{2026y / November / 20};  // a Friday
const WallClock::time_point kNow = kDay + 10h + 30min;
const policy::Subject kAlice{.principal = "alice", .roles = {"research"}};

Budget budget(double limit, BudgetAction action = BudgetAction::downgrade, Period per = Period::day) {
  return {.principal = "alice", .route = "*", .limit_usd = limit, .per = per, .action = action};
}

TEST(Window, IsTheCalendarsOfUtc) {
  const auto begins = [](Period period, WallClock::time_point at) {
    return window_begin(period, window_of(period, at));
  };
  EXPECT_EQ(begins(Period::hour, kNow), kDay + 10h);
  EXPECT_EQ(begins(Period::day, kNow), kDay);
  EXPECT_EQ(begins(Period::week, kNow), sys_days{2026y / November / 16});
  EXPECT_EQ(begins(Period::month, kNow), sys_days{2026y / November / 1});
  for (const Period period : {Period::hour, Period::day, Period::week, Period::month}) {
    const std::int64_t window = window_of(period, kNow);
    const auto ends = window_begin(period, window + 1);
    EXPECT_EQ(window_of(period, ends - 1ns), window) << name_of(period);
    EXPECT_EQ(window_of(period, ends), window + 1) << name_of(period);
  }
  EXPECT_EQ(begins(Period::month, sys_days{2027y / January / 31}), sys_days{2027y / January / 1});
}

TEST(Budgets, WhatIsSetAsideIsGoneUntilItIsSettled) {
  const auto budgets = Budgets::make(std::vector{budget(1)}, nullptr);
  const Purse purse = budgets->purse(kAlice, "auto");
  {
    auto reserved = purse.reserve(0.7, kNow);
    ASSERT_TRUE(reserved);
    EXPECT_NEAR(*purse.left(kNow), 0.3, 1e-9);
    const auto second = purse.reserve(0.4, kNow);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::budget_exhausted);
    EXPECT_EQ(second.error().retry_after, 13h + 30min);
    reserved->settle(0.25);
    EXPECT_NEAR(*purse.left(kNow), 0.75, 1e-9);
  }
  EXPECT_NEAR(*purse.left(kNow), 0.75, 1e-9) << "settled once";
  {
    const auto dropped = purse.reserve(0.5, kNow);
  }
  EXPECT_NEAR(*purse.left(kNow), 0.75, 1e-9) << "an attempt that never was costs nothing";
}

TEST(Budgets, ANewWindowBeginsEmptyAndLateSettlementsStayInTheirs) {
  const auto budgets = Budgets::make(std::vector{budget(1, BudgetAction::refuse)}, nullptr);
  const Purse purse = budgets->purse(kAlice, "auto");
  auto late = purse.reserve(1, kNow);
  ASSERT_TRUE(late);
  EXPECT_FALSE(purse.admit(0, kNow));
  EXPECT_TRUE(purse.admit(0, kNow + 24h));
  EXPECT_NEAR(*purse.left(kNow + 24h), 1, 1e-9);
  late->settle(5);
  EXPECT_NEAR(*purse.left(kNow + 24h), 1, 1e-9);
  EXPECT_EQ(*purse.left(kNow), 0) << "overdrawn is not negative";
  EXPECT_NEAR(*purse.left(kNow + 48h), 1, 1e-9);
}

TEST(Budgets, MatchByNameRoleAndRoute) {
  std::vector list{budget(1), budget(2), budget(3)};
  list[1].principal = "role:res*";
  list[1].route = "cheap-*";
  list[2].principal = "bob";
  const auto budgets = Budgets::make(list, nullptr);
  EXPECT_NEAR(*budgets->purse(kAlice, "cheap-one").left(kNow), 1, 1e-9) << "the tightest";
  EXPECT_FALSE(budgets->purse({.principal = "carol", .roles = {}}, "auto").left(kNow));
  ASSERT_TRUE(budgets->purse(kAlice, "cheap-one").reserve(1, kNow));
  const auto keep = budgets->purse({.principal = "dan", .roles = {"research"}}, "cheap-two").reserve(1.5, kNow);
  EXPECT_TRUE(keep);
  EXPECT_NEAR(*budgets->purse(kAlice, "cheap-one").left(kNow), 0.5, 1e-9) << "a role is a shared pot";
}

TEST(Budgets, EachActionDoesWhatItSays) {
  for (const BudgetAction action : {BudgetAction::warn, BudgetAction::downgrade, BudgetAction::refuse}) {
    const auto budgets = Budgets::make(std::vector{budget(1, action)}, nullptr);
    const Purse purse = budgets->purse(kAlice, "auto");
    budgets->spent_before(0, 1, kNow);
    EXPECT_EQ(purse.left(kNow).has_value(), action != BudgetAction::warn);
    EXPECT_EQ(purse.admit(0, kNow).has_value(), action != BudgetAction::refuse);
    EXPECT_EQ(purse.reserve(0.1, kNow).has_value(), action == BudgetAction::warn);
    EXPECT_TRUE(purse.reserve(0, kNow)) << "what is free is no matter of money";
    if (action == BudgetAction::refuse) {
      EXPECT_THAT(purse.warnings(kNow), IsEmpty());
    } else {
      EXPECT_THAT(purse.warnings(kNow), ElementsAre(HasSubstr("alice, $1 a day is spent")));
    }
  }
}

TEST(Budgets, ManyThreadsNeverSpendMoreThanThereIs) {
  const auto budgets = Budgets::make(std::vector{budget(10)}, nullptr);
  const Purse purse = budgets->purse(kAlice, "auto");
  std::atomic<int> granted{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 5'000; ++i) {
          auto reserved = purse.reserve(0.01, kNow);
          if (!reserved) continue;
          ++granted;
          reserved->settle(0.01);
        }
      });
    }
  }
  EXPECT_EQ(granted, 1'000);
  EXPECT_EQ(*purse.left(kNow), 0);
}

TEST(Budgets, AChangeOfTheConfigurationKeepsWhatWasCounted) {
  const auto before = Budgets::make(std::vector{budget(10)}, nullptr);
  before->spent_before(0, 4, kNow);
  const auto after = Budgets::make(std::vector{budget(5), budget(9, BudgetAction::warn, Period::month)}, before.get());
  EXPECT_TRUE(after->entries()[0].carried);
  EXPECT_FALSE(after->entries()[1].carried);
  EXPECT_NEAR(*after->purse(kAlice, "auto").left(kNow), 1, 1e-9);
}

TEST(Budgets, TwoOfOneKindKeepAMeterEachOverAChange) {
  const std::vector list{budget(40, BudgetAction::warn), budget(50, BudgetAction::refuse)};
  const auto before = Budgets::make(list, nullptr);
  const auto after = Budgets::make(list, before.get());
  after->purse(kAlice, "auto").reserve(30, kNow)->settle(30);
  EXPECT_NEAR(*after->purse(kAlice, "auto").left(kNow), 20, 1e-9);
  EXPECT_NEAR(*before->purse(kAlice, "auto").left(kNow), 20, 1e-9) << "requests under way draw on the same pots";
}

}  // namespace
}  // namespace hearth::router
