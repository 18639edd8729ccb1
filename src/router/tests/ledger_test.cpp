// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/ledger.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

namespace hearth::router {
namespace {

using namespace std::chrono_literals;

class LedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-ledger-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    reopen();
  }
  void TearDown() override {
    ledger.reset();
    std::filesystem::remove_all(folder);
  }
  void reopen() {
    ledger.reset();
    auto opened = Ledger::open(folder / "ledger.db", now);
    ASSERT_TRUE(opened) << opened.error().message;
    ledger = std::move(*opened);
  }
  static Outcome outcome(std::optional<ErrorCode> error, double cost = 0) {
    Outcome out{.decision = "dec_1", .route = "auto", .principal = "alice", .target = "lab/x", .zone = "cluster"};
    out.error = error;
    out.usage.prompt_tokens = 10;
    out.usage.completion_tokens = 5;
    out.cost_usd = cost;
    out.saved_usd = 1;
    return out;
  }
  LedgerTotal total(const std::string& by = "principal") {
    ledger->flush();
    const auto totals = ledger->totals(by, now - 1h);
    EXPECT_TRUE(totals) << totals.error().message;
    return totals && !totals->empty() ? totals->front() : LedgerTotal{};
  }

  WallClock::time_point now = WallClock::now();
  std::filesystem::path folder;
  std::unique_ptr<Ledger> ledger;
};

TEST_F(LedgerTest, EachEndIsCountedOnceAsWhatItWas) {
  const auto first = ledger->begin("alice", "", "auto", now);
  ledger->end(first, outcome({}, 0.25));
  ledger->end(first, outcome(ErrorCode::internal, 99));
  ledger->end(ledger->begin("alice", "", "auto", now), outcome(ErrorCode::upstream_error, 0.5));
  ledger->end(ledger->begin("alice", "", "auto", now), outcome(ErrorCode::cancelled));
  ledger->begin("alice", "", "auto", now);
  const LedgerTotal t = total();
  EXPECT_EQ(t.key, "alice");
  EXPECT_EQ(t.requests, 4);
  EXPECT_EQ(t.completed, 1);
  EXPECT_EQ(t.failed, 1);
  EXPECT_EQ(t.cancelled, 1);
  EXPECT_EQ(t.open, 1);
  EXPECT_EQ(t.prompt_tokens, 30);
  EXPECT_DOUBLE_EQ(t.cost_usd, 0.75);
  EXPECT_DOUBLE_EQ(t.saved_usd, 3);
  EXPECT_EQ(total("target").key, "lab/x");
  EXPECT_EQ(total("route").key, "auto");
  EXPECT_EQ(total("day").requests, 4);
  EXPECT_EQ(ledger->totals("colour", now).error().param, "by");
}

TEST_F(LedgerTest, WhatAProcessLeftOpenExpiresWithTheNext) {
  const auto number = ledger->begin("alice", "", "auto", now);
  reopen();
  EXPECT_EQ(total().expired, 1);
  EXPECT_GT(ledger->begin("alice", "", "auto", now), number) << "numbers are not given twice";
  EXPECT_EQ(total().requests, 2);
}

TEST_F(LedgerTest, SpendingIsByWhoAndWhereSinceThen) {
  ledger->end(ledger->begin("alice", "", "auto", now - 2h), outcome({}, 8));
  ledger->end(ledger->begin("alice", "", "auto", now), outcome({}, 2));
  ledger->end(ledger->begin("alice", "", "auto", now), outcome({}, 1));
  ledger->flush();
  const auto spending = ledger->spending(now - 1h);
  ASSERT_TRUE(spending);
  ASSERT_EQ(spending->size(), 1U);
  EXPECT_EQ(spending->front().principal, "alice");
  EXPECT_DOUBLE_EQ(spending->front().usd, 3);
}

TEST_F(LedgerTest, OldRowsAreForgotten) {
  ledger->end(ledger->begin("alice", "", "auto", now - Ledger::kKept - 1h), outcome({}, 8));
  ledger->flush();
  reopen();
  const auto totals = ledger->totals("principal", now - Ledger::kKept - 10h);
  ASSERT_TRUE(totals);
  EXPECT_TRUE(totals->empty());
}

TEST_F(LedgerTest, OneServerAHome) {
  const auto second = Ledger::open(folder / "ledger.db", now);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_THAT(second.error().message, ::testing::HasSubstr("--home"));
}

}  // namespace
}  // namespace hearth::router
