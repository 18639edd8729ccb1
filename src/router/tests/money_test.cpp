// SPDX-License-Identifier: Apache-2.0
// What requests cost: budgets and the ledger, through the router.
#include <unistd.h>

#include "router_fixture.hpp"

namespace hearth::router::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Free local, and a dear one at US$ 1000 a million tokens: its answers of 5 + 1 tokens cost 0.006.
struct MoneyTest : RouterTest {
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-money-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    ledger = *Ledger::open(folder / "ledger.db", WallClock::now());
  }
  void TearDown() override {
    router.reset();
    ledger.reset();
    std::filesystem::remove_all(folder);
  }
  void limit(double usd, BudgetAction action) {
    table->budgets = {{.principal = "*", .route = "*", .limit_usd = usd, .per = Period::month, .action = action}};
  }
  LedgerTotal total() {
    ledger->flush();
    return ledger->totals("route", WallClock::now() - std::chrono::hours{1})->at(0);
  }
  static inference::ChatRequest short_request() {
    inference::ChatRequest chat = request();
    chat.generation.max_tokens = 1;
    return chat;
  }
  static constexpr double kAnswer = 0.006;

  std::filesystem::path folder;
};

TEST_F(MoneyTest, ACascadesCostIsThatOfAllItsAttempts) {
  add("a/cheap", {says("perhaps", -3)}, 100);
  add("b/dear", {says("surely")}, 1000);
  route(Strategy::cascade);
  const Got got = ask(short_request());
  EXPECT_EQ(got.text, "surely");
  EXPECT_NEAR(got.usage.cost_usd.value_or(0), kAnswer + kAnswer / 10, 1e-9);
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_NEAR(outcomes[0].cost_usd, kAnswer * 1.1, 1e-9);
  EXPECT_NEAR(outcomes[0].saved_usd, 0, 1e-9);
  const LedgerTotal t = total();
  EXPECT_EQ(t.key, "auto");
  EXPECT_EQ(t.completed, 1);
  EXPECT_NEAR(t.cost_usd, kAnswer * 1.1, 1e-9);
}

TEST_F(MoneyTest, WhatAFreeTargetAnswersIsSaved) {
  add("a/free", {says("surely")});
  auto& dear = add("b/dear", {says("surely")}, 1000);
  route(Strategy::cascade);
  EXPECT_FALSE(ask(short_request()).usage.cost_usd) << "nothing here costs";
  EXPECT_EQ(dear.calls, 0U);
  EXPECT_NEAR(outcomes.at(0).saved_usd, kAnswer, 1e-9);
}

TEST_F(MoneyTest, ASpentBudgetLeavesTheFreeTargetsAndSaysSo) {
  auto& dear = add("b/dear", {says("dear")}, 1000);
  add("a/free", {says("free")});
  route(Strategy::direct);
  limit(2.5 * kAnswer, BudgetAction::downgrade);
  EXPECT_EQ(ask(short_request()).text, "dear");
  EXPECT_EQ(ask(short_request()).text, "dear");
  const Got third = ask(short_request());
  EXPECT_EQ(third.text, "free");
  EXPECT_THAT(third.degraded, Contains(HasSubstr("budget")));
  EXPECT_EQ(dear.calls, 2U);
  const auto explained = router->explain(third.placement.decision);
  ASSERT_TRUE(explained);
  EXPECT_EQ(explained->targets.at(0).excluded_by, "budget");
  EXPECT_FALSE(explained->targets.at(0).conditions.at(3).holds);
}

TEST_F(MoneyTest, ABudgetThatRefusesRefusesEverythingOnceItIsSpent) {
  add("b/dear", {says("dear")}, 1000);
  auto& free = add("a/free", {says("free")});
  route(Strategy::direct);
  limit(1.5 * kAnswer, BudgetAction::refuse);
  EXPECT_EQ(ask(short_request()).text, "dear");
  const Got second = ask(short_request());
  ASSERT_TRUE(second.refusal);
  EXPECT_EQ(second.refusal->code, ErrorCode::budget_exhausted);
  EXPECT_TRUE(second.refusal->retry_after);
  EXPECT_EQ(free.calls, 0U);
  EXPECT_EQ(total().failed, 1);
}

TEST_F(MoneyTest, NothingButDearTargetsIsAnErrorThatSaysWhatIsLeft) {
  add("b/dear", {says("dear")}, 1000);
  route(Strategy::balance);
  limit(kAnswer / 2, BudgetAction::downgrade);
  const Got got = ask(short_request());
  ASSERT_TRUE(got.refusal);
  EXPECT_EQ(got.refusal->code, ErrorCode::budget_exhausted);
  EXPECT_THAT(got.refusal->message, HasSubstr("$0.003"));
}

TEST_F(MoneyTest, WhatAnEarlierProcessSpentStillCounts) {
  add("b/dear", {says("dear")}, 1000);
  route(Strategy::direct);
  limit(1.5 * kAnswer, BudgetAction::refuse);
  EXPECT_EQ(ask(short_request()).text, "dear");
  router.reset();
  ledger.reset();
  ledger = *Ledger::open(folder / "ledger.db", WallClock::now());
  const Got second = ask(short_request());
  ASSERT_TRUE(second.refusal);
  EXPECT_EQ(second.refusal->code, ErrorCode::budget_exhausted);
}

TEST_F(MoneyTest, WhatATeamAndAnAgentSpentStillCountsForTheirs) {
  add("b/dear", {says("dear")}, 1000);
  route(Strategy::direct);
  provider::RequestContext context;
  context.principal = "helper";
  const auto nora =
      std::make_shared<const policy::Subject>(policy::Subject{.principal = "nora", .roles = {"nurse"}, .team = "ward"});
  context.subject = std::make_shared<const policy::Subject>(policy::Subject{.principal = "helper", .behalf = nora});
  EXPECT_EQ(ask(short_request(), context).text, "dear");
  for (const char* principal : {"team:ward", "role:nurse", "nora", "helper"}) {
    router.reset();
    ledger.reset();
    ledger = *Ledger::open(folder / "ledger.db", WallClock::now());
    limit(0.5 * kAnswer, BudgetAction::refuse);
    table->budgets[0].principal = principal;
    const Got refused = ask(short_request(), context);
    ASSERT_TRUE(refused.refusal) << principal;
    EXPECT_EQ(refused.refusal->code, ErrorCode::budget_exhausted) << principal;
  }
}

TEST_F(MoneyTest, AnAnswerThatIsCutOffIsBilledForWhatWasSeen) {
  add("b/dear", {{.text = {"eight by"}, .breaks = Error{ErrorCode::upstream_unavailable, "cut", {}, {}}}}, 1000);
  route(Strategy::direct);
  EXPECT_TRUE(ask(short_request()).broken);
  EXPECT_GT(outcomes.at(0).cost_usd, 0.003);
  EXPECT_EQ(total().failed, 1);
}

TEST_F(MoneyTest, AServerThatHidesItsUsageIsBilledByWhatWasSeen) {
  add("b/dear", {{.text = {"eight by"}, .hides_usage = true}}, 1000);
  route(Strategy::direct);
  EXPECT_TRUE(ask(short_request()).finished);
  EXPECT_GT(outcomes.at(0).cost_usd, 0.003);
}

TEST_F(MoneyTest, AClientThatLeavesIsCancelledOnce) {
  add("a/silent", {{.hangs = true}});
  route(Strategy::direct);
  router = Router::create(
      {.local = nullptr, .on_outcome = [this](const Outcome& o) { outcomes.push_back(o); }, .ledger = ledger.get()},
      table);
  Got got;
  asio::cancellation_signal leave;
  asio::co_spawn(io, pull(*router, {}, short_request(), got),
                 asio::bind_cancellation_slot(leave.slot(), [](const std::exception_ptr&) {}));
  asio::post(io, [&] { asio::post(io, [&] { leave.emit(asio::cancellation_type::terminal); }); });
  io.run();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].error, ErrorCode::cancelled);
  EXPECT_EQ(total().cancelled, 1);
}

}  // namespace
}  // namespace hearth::router::testing
