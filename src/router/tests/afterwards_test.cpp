// SPDX-License-Identifier: Apache-2.0
// What happens with answers once they are there: the cache and shadow checks.
#include "answer_cache.hpp"
#include "router_fixture.hpp"
#include "shadow.hpp"

namespace hearth::router::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Ask chat_ask(const std::string& text) { return RouterTest::request("auto", text); }

TEST(CacheKey, ChangesWithEverythingThatCouldChangeTheAnswer) {
  std::vector<std::string> keys{cache_key(chat_ask("a"), "auto", "", "alice")};
  const auto add = [&](const auto& change) {
    inference::ChatRequest request = RouterTest::request("auto", "a");
    change(request);
    keys.push_back(cache_key(request, "auto", "", "alice"));
  };
  add([](auto& r) { r.messages[0].content = {inference::TextPart{"b"}}; });
  add([](auto& r) { r.messages[0].role = "system"; });
  add([](auto& r) { r.messages[0].content.push_back(inference::TextPart{""}); });
  add([](auto& r) { r.messages.push_back(r.messages[0]); });
  add([](auto& r) { r.generation.sampling.temperature = 0.5F; });
  add([](auto& r) { r.generation.sampling.top_p = 0.5F; });
  add([](auto& r) { r.generation.sampling.seed = 1; });
  add([](auto& r) { r.generation.max_tokens = 1; });
  add([](auto& r) { r.generation.stop = {"x"}; });
  add([](auto& r) { r.generation.n = 2; });
  add([](auto& r) { r.generation.logprobs = 0; });
  add([](auto& r) { r.generation.constraint.kind = inference::Constraint::Kind::json_object; });
  add([](auto& r) { r.generation.cache_salt = "s"; });
  add([](auto& r) { r.tools.push_back({.name = "t", .description = "", .parameters = "{}"}); });
  add([](auto& r) { r.tool_choice.mode = inference::ToolChoice::Mode::required; });
  add([](auto& r) { r.parallel_tool_calls = false; });
  add([](auto& r) { r.reasoning.effort = "low"; });
  add([](auto& r) { r.template_arguments["a"] = "1"; });
  keys.push_back(cache_key(chat_ask("a"), "other", "", "alice"));
  keys.push_back(cache_key(chat_ask("a"), "auto", "salt", "alice"));
  keys.push_back(cache_key(chat_ask("a"), "auto", "", "bob"));
  std::ranges::sort(keys);
  EXPECT_EQ(std::ranges::adjacent_find(keys), keys.end());
}

struct CacheTest : RouterTest {
  FakeTarget& cached_route() {
    auto& target = add("a/one", {says("first"), says("second")}, 10);
    route(Strategy::direct).cache = {.ttl = std::chrono::minutes{1}};
    return target;
  }
};

TEST_F(CacheTest, TheSameRequestGetsTheSameAnswerForNothing) {
  auto& target = cached_route();
  EXPECT_EQ(ask().text, "first");
  const Got again = ask();
  EXPECT_EQ(again.text, "first");
  EXPECT_TRUE(again.finished);
  EXPECT_TRUE(again.placement.cached);
  EXPECT_EQ(again.placement.target, "a/one");
  EXPECT_EQ(target.calls, 1U);
  EXPECT_EQ(outcomes.at(1).cost_usd, 0);
  EXPECT_GT(outcomes.at(1).saved_usd, 0);
  EXPECT_EQ(ask(request("auto", "something else")).text, "second");
}

TEST_F(CacheTest, OthersHaveTheirOwnUnlessItIsShared) {
  cached_route();
  EXPECT_EQ(ask(request(), {.principal = "alice"}).text, "first");
  EXPECT_EQ(ask(request(), {.principal = "bob"}).text, "second");
  table->routes[0].cache.shared = true;
  router.reset();
  EXPECT_EQ(ask(request(), {.principal = "alice"}).text, "second");
  EXPECT_TRUE(ask(request(), {.principal = "bob"}).placement.cached);
}

TEST_F(CacheTest, WhatMayNotBeSeenThereIsNotServedFromThere) {
  add("cloud/one", {says("open")}, 0, 0.5, policy::Zone::cloud);
  route(Strategy::direct).cache = {.ttl = std::chrono::minutes{1}};
  EXPECT_EQ(ask(request(), {.label = "public"}).text, "open");
  const Got secret = ask(request(), {.label = "confidential"});
  ASSERT_TRUE(secret.refusal);
  EXPECT_EQ(secret.refusal->code, ErrorCode::forbidden);
}

TEST_F(CacheTest, BrokenDegradedAndHugeAnswersAreNotKept) {
  auto& broken = add("a/one", {{.text = {"half"}, .breaks = Error{ErrorCode::upstream_error, "cut", {}, {}}},
                               says(std::string(AnswerCache::kBytesMax, 'x')),
                               says("fine")});
  route(Strategy::direct).cache = {.ttl = std::chrono::minutes{1}};
  EXPECT_TRUE(ask().broken);
  EXPECT_EQ(ask().text.size(), AnswerCache::kBytesMax);
  EXPECT_EQ(ask().text, "fine");
  EXPECT_TRUE(ask().placement.cached);
  EXPECT_EQ(broken.calls, 3U);
}

TEST(AnswerCacheSlots, ForgetWhenTheTimeIsUp) {
  AnswerCache cache;
  const Clock::time_point now{};
  cache.put({.key = "k", .target = "t", .until = now + std::chrono::seconds{5}, .events = {}});
  EXPECT_TRUE(cache.find("k", now + std::chrono::seconds{4}));
  EXPECT_FALSE(cache.find("k", now + std::chrono::seconds{5}));
  EXPECT_FALSE(cache.find("other", now));
}

struct ShadowTest : RouterTest {
  std::vector<ShadowVerdict> verdicts;
  std::vector<Task<>> background;
  bool room = true;

  Route& shadowed(std::vector<Script> stronger, policy::Zone zone = policy::Zone::cloud) {
    add("local/small", {says("The capital is Paris")});
    add("far/big", std::move(stronger), 1000, 0.9, zone);
    Route& r = route(Strategy::direct);
    r.targets = {0};
    r.shadow = {.share = 1, .target = 1};
    return r;
  }
  Got ask_shadowed(const std::string& label = "public") {
    if (!router) {
      router = Router::create({.local = nullptr,
                               .on_outcome = [this](const Outcome& o) { outcomes.push_back(o); },
                               .ledger = nullptr,
                               .background =
                                   [this](Task<> work) {
                                     if (room) background.push_back(std::move(work));
                                     return room;
                                   },
                               .on_shadow = [this](const ShadowVerdict& v) { verdicts.push_back(v); }},
                              table);
    }
    const Got got = ask(request("auto", "What is the capital of France?"), {.label = label});
    for (Task<>& work : background) asio::co_spawn(io, std::move(work), asio::detached);
    background.clear();
    io.restart();
    io.run();
    return got;
  }
};

TEST_F(ShadowTest, AgreementIsAVerdictAndCostsWhatItCosts) {
  shadowed({says("the capital is Paris!"), says("I would say Lyon or so, who knows")}).shadow.keep_prompts = true;
  EXPECT_EQ(ask_shadowed().text, "The capital is Paris");
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_TRUE(verdicts[0].agrees);
  EXPECT_EQ(verdicts[0].route, "auto");
  EXPECT_EQ(verdicts[0].target, "local/small");
  EXPECT_EQ(verdicts[0].shadow_target, "far/big");
  EXPECT_EQ(verdicts[0].workload, "simple");
  EXPECT_EQ(verdicts[0].prompt, "What is the capital of France?");
  EXPECT_GT(verdicts[0].cost_usd, 0);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].cost_usd, 0) << "the client's request cost nothing";
  EXPECT_EQ(outcomes[1].route, "shadow");
  EXPECT_GT(outcomes[1].cost_usd, 0);
  ask_shadowed();
  EXPECT_FALSE(verdicts.at(1).agrees);
}

TEST_F(ShadowTest, AJudgeMayBeAskedInstead) {
  shadowed({says("It is Paris, of course."), says(" Yes.")}).shadow.judge = true;
  ask_shadowed();
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_FALSE(verdicts[0].error);
  EXPECT_TRUE(verdicts[0].agrees);
  EXPECT_EQ(judgement_of("\"No, they differ\""), false);
  EXPECT_EQ(judgement_of("perhaps"), std::nullopt);
  EXPECT_EQ(judgement_of(""), std::nullopt);
}

TEST_F(ShadowTest, WhatMayNotLeaveIsNotCheckedThere) {
  shadowed({says("Paris")});
  EXPECT_TRUE(ask_shadowed("confidential").finished);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].error, ErrorCode::forbidden);
  EXPECT_EQ(fakes[1]->calls, 0U);
  EXPECT_TRUE(verdicts[0].prompt.empty());
}

TEST_F(ShadowTest, FailuresAndNoRoomAreSaidToo) {
  shadowed({refuses(ErrorCode::upstream_unavailable)});
  ask_shadowed();
  EXPECT_EQ(verdicts.at(0).error, ErrorCode::upstream_unavailable);
  room = false;
  ask_shadowed();
  EXPECT_EQ(verdicts.at(1).error, ErrorCode::rate_limited);
}

TEST_F(ShadowTest, OnlyAShareOfThem) {
  shadowed({says("Paris")}).shadow.share = 0;
  ask_shadowed();
  EXPECT_THAT(verdicts, IsEmpty());
}

}  // namespace
}  // namespace hearth::router::testing
