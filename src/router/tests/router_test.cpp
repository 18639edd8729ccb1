// SPDX-License-Identifier: Apache-2.0
// The strategies against providers that play scripts: no socket, no model.
#include <gmock/gmock.h>

#include "health.hpp"
#include "router_fixture.hpp"

namespace hearth::router::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(RouterTest, DirectTakesTheFirstAndSaysWhereItCameFrom) {
  auto& first = add("lab/one", {says("one")});
  auto& second = add("lab/two", {says("two")});
  route(Strategy::direct);
  const Got got = ask();
  EXPECT_EQ(got.text, "one");
  EXPECT_TRUE(got.finished);
  EXPECT_EQ(got.placement.target, "lab/one");
  EXPECT_EQ(got.placement.zone, "device");
  EXPECT_THAT(got.placement.decision, HasSubstr("dec_"));
  EXPECT_THAT(got.degraded, IsEmpty());
  EXPECT_THAT(first.models, ElementsAre("one")) << "the server's own name";
  EXPECT_EQ(second.calls, 0U);
}

TEST_F(RouterTest, AnotherModelBehindTheNameIsSaid) {
  add("far/gpt", {{.text = {"a"}, .model = "gpt-2026-01"},
                  {.text = {"b"}, .model = "gpt-2026-01"},
                  {.text = {"c"}, .model = "gpt-2026-02"},
                  {.text = {"d"}, .model = "mini"}});
  route(Strategy::direct);
  EXPECT_THAT(ask().degraded, IsEmpty()) << "a dated name is the same model";
  EXPECT_THAT(ask().degraded, IsEmpty());
  EXPECT_THAT(ask().degraded, ElementsAre("far/gpt changed from gpt-2026-01 to gpt-2026-02"));
  EXPECT_THAT(ask().degraded, ElementsAre("far/gpt says that it ran mini", "far/gpt changed from gpt-2026-02 to mini"));
}

TEST_F(RouterTest, AFailureBeforeTheFirstContentIsReplacedUnseen) {
  add("a/one", {{.text = {}, .breaks = Error{ErrorCode::upstream_error, "opened a stream and failed", {}, {}}}});
  add("a/two", {says("two")});
  route(Strategy::direct);
  const Got got = ask();
  EXPECT_EQ(got.text, "two");
  EXPECT_FALSE(got.broken);
  EXPECT_THAT(got.degraded, ElementsAre("fallback from a/one"));
}

TEST_F(RouterTest, AFailureAfterTheFirstContentIsExplicit) {
  add("a/one", {{.text = {"half"}, .breaks = Error{ErrorCode::upstream_unavailable, "cut", {}, {}}}});
  auto& second = add("a/two", {says("two")});
  route(Strategy::direct);
  const Got got = ask();
  EXPECT_EQ(got.text, "half");
  ASSERT_TRUE(got.broken);
  EXPECT_EQ(got.broken->code, ErrorCode::upstream_unavailable);
  EXPECT_EQ(second.calls, 0U) << "nothing is said twice";
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].error, ErrorCode::upstream_unavailable);
}

TEST_F(RouterTest, ATargetThatSaysNothingIsLeftForTheNext) {
  auto& silent = add("a/silent", {{.hangs = true}});
  add("a/two", {says("two")});
  route(Strategy::direct).first_token_timeout = 30ms;
  EXPECT_EQ(ask().text, "two");
  EXPECT_EQ(silent.cancelled, 1U) << "and is not left running";
}

TEST_F(RouterTest, WhenAllFailEachIsNamedWithItsReason) {
  add("a/one", {refuses(ErrorCode::upstream_unavailable, "refused the connection")});
  add("a/two", {refuses(ErrorCode::rate_limited, "too many")});
  route(Strategy::direct).retries = 0;
  const Got got = ask();
  ASSERT_TRUE(got.refusal);
  EXPECT_THAT(got.refusal->message, HasSubstr("a/one: upstream_unavailable: refused the connection"));
  EXPECT_THAT(got.refusal->message, HasSubstr("a/two: rate_limit_exceeded: too many"));
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].target, "");
}

TEST_F(RouterTest, TheLastTargetIsTriedAgain) {
  auto& flaky = add("a/one", {refuses(ErrorCode::upstream_unavailable), says("one")});
  route(Strategy::direct);
  EXPECT_EQ(ask().text, "one");
  EXPECT_EQ(flaky.calls, 2U);
}

TEST_F(RouterTest, AClientsMistakeIsNotTriedElsewhere) {
  add("a/one", {refuses(ErrorCode::invalid_request, "temperature is wrong")});
  auto& second = add("a/two", {says("two")});
  route(Strategy::direct);
  const Got got = ask();
  ASSERT_TRUE(got.refusal);
  EXPECT_EQ(got.refusal->code, ErrorCode::invalid_request);
  EXPECT_EQ(second.calls, 0U);
}

TEST_F(RouterTest, ABreakerOpensAfterFailuresInARow) {
  auto& bad = add("a/bad", {refuses(ErrorCode::upstream_unavailable)});
  add("a/good", {says("good")});
  route(Strategy::direct).retries = 0;
  for (int i = 0; i < 8; ++i) EXPECT_EQ(ask().text, "good");
  EXPECT_EQ(bad.calls, 5U);
  const auto explanation = router->explain({}, request());
  ASSERT_TRUE(explanation);
  EXPECT_EQ(explanation->targets[0].excluded_by, "health");
  EXPECT_EQ(explanation->targets[0].breaker, "open");
}

TEST_F(RouterTest, ATargetThatIsNamedIsAskedWhateverItsBreakerSays) {
  auto& bad = add("a/bad", {refuses(ErrorCode::rate_limited, "the queue is full")});
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(ask(request("a/bad")).refusal.value().message, HasSubstr("the queue is full"));
  }
  EXPECT_GE(bad.calls, 10U);
}

Task<> give_up(Router& router, inference::ChatRequest chat) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer patience{co_await asio::this_coro::executor, 2ms};
  co_await (router.async_chat({}, std::move(chat)) || patience.async_wait(use_tuple));
}

TEST_F(RouterTest, ClientsThatGoAwayDoNotCountAgainstTheTarget) {
  auto& slow = add("a/slow", {{.hangs = true}});
  route(Strategy::direct);
  router = Router::create({}, table);
  for (int i = 0; i < 20; ++i) {
    io.restart();
    asio::co_spawn(io, give_up(*router, request()), asio::detached);
    io.run();
  }
  EXPECT_EQ(slow.calls, 20U);
  EXPECT_EQ(router->explain({}, request())->targets[0].breaker, "closed");
  EXPECT_EQ(router->explain({}, request())->targets[0].load, 0);
}

TEST_F(RouterTest, WhatIsNotPermittedIsNeverAsked) {
  auto& cloud = add("cloud/big", {says("leak")}, 0, 0.9, policy::Zone::cloud);
  add("local/small", {says("safe")});
  route(Strategy::balance).objective = {.quality = 1, .cost = 0, .latency = 0};
  EXPECT_EQ(ask().text, "safe") << "the default label is internal, the cloud's ceiling public";
  EXPECT_EQ(cloud.calls, 0U);
  provider::RequestContext open;
  open.label = "public";
  EXPECT_EQ(ask(request(), open).text, "leak");
  provider::RequestContext secret;
  secret.label = "restricted";
  EXPECT_EQ(ask(request(), secret).text, "safe");
  EXPECT_EQ(cloud.calls, 1U);
}

TEST_F(RouterTest, NoPermittedTargetIsForbiddenAndNamesTheLabelOnly) {
  add("cloud/big", {says("leak")}, 0, 0.9, policy::Zone::cloud);
  route(Strategy::direct);
  const Got got = ask(request("auto", "my secret"));
  ASSERT_TRUE(got.refusal);
  EXPECT_EQ(got.refusal->code, ErrorCode::forbidden);
  EXPECT_THAT(got.refusal->message, HasSubstr("labelled internal"));
  EXPECT_THAT(got.refusal->message, ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(ask(request("cloud/big")).refusal->code, ErrorCode::forbidden) << "naming it helps nobody";
}

TEST_F(RouterTest, AModelThatIsNoTargetStandsInTheZoneOfTheMachine) {
  table->zone = policy::Zone::cloud;
  router = Router::create({}, table);
  const auto explained = router->explain({}, request("tiny"));
  ASSERT_TRUE(explained) << explained.error().message;
  EXPECT_EQ(explained->targets.at(0).zone, "cloud");
  EXPECT_EQ(explained->targets.at(0).excluded_by, "policy");
}

TEST_F(RouterTest, WhatNoTargetCanDoSaysWhatIsMissing) {
  add("a/one", {says("x")});
  route(Strategy::direct);
  auto tools = request();
  tools.tools.push_back({.name = "t", .description = "", .parameters = "{}", .strict = false});
  EXPECT_THAT(ask(tools).refusal.value().message, HasSubstr("all lack: tools"));
  const Got longer = ask(request("auto", std::string(5000, 'x')));
  EXPECT_EQ(longer.refusal.value().code, ErrorCode::context_too_long);
}

TEST_F(RouterTest, ACascadeKeepsASureAnswerAndHidesTheProbabilities) {
  auto& weak = add("a/weak", {says("sure", -0.1)}, 0);
  auto& strong = add("a/strong", {says("strong")}, 5);
  route(Strategy::cascade).confidence = 0.7;
  const Got got = ask();
  EXPECT_EQ(got.text, "sure");
  EXPECT_NEAR(got.placement.confidence.value(), std::exp(-0.1), 1e-6);
  EXPECT_EQ(got.logprobs, 0U) << "the client did not ask for them";
  EXPECT_EQ(weak.calls, 1U);
  EXPECT_EQ(strong.calls, 0U);
}

TEST_F(RouterTest, ACascadeEscalatesAnUnsureAnswer) {
  add("a/weak", {says("unsure", -2)}, 0);
  add("a/strong", {says("strong")}, 5);
  route(Strategy::cascade).confidence = 0.7;
  const Got got = ask();
  EXPECT_EQ(got.text, "strong");
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_TRUE(outcomes[0].escalated);
  EXPECT_GT(outcomes[0].cost_usd, 0);
}

TEST_F(RouterTest, ACascadeHandsOverWhenConfidenceCollapses) {
  Script rambling{.text = std::vector<std::string>(500, "w "), .logprob = -4};
  auto& weak = add("a/weak", {rambling}, 0);
  add("a/strong", {says("strong")}, 5);
  route(Strategy::cascade).confidence = 0.7;
  EXPECT_EQ(ask().text, "strong");
  EXPECT_EQ(weak.cancelled, 1U) << "the rest is not generated";
}

TEST_F(RouterTest, ARefusalAndAnEmptyAnswerEscalate) {
  for (const char* text :
       {"I'm sorry, but I can't do that.", "  ", "na na na na na na na na na na na na na na na na "}) {
    fakes.clear();
    table->targets.clear();
    table->routes.clear();
    router.reset();
    add("a/weak", {says(text, -0.01)}, 0);
    add("a/strong", {says("strong")}, 5);
    route(Strategy::cascade);
    EXPECT_EQ(ask().text, "strong") << text;
  }
}

TEST_F(RouterTest, WhenEveryStrongerTargetIsDownTheWeakAnswerIsServedAndSaysSo) {
  add("a/weak", {says("weak answer", -1)}, 0);
  add("a/strong", {refuses(ErrorCode::upstream_unavailable)}, 5);
  route(Strategy::cascade).retries = 0;
  const Got got = ask();
  EXPECT_EQ(got.text, "weak answer");
  EXPECT_NEAR(got.placement.confidence.value(), std::exp(-1), 1e-6);
  EXPECT_THAT(got.degraded, Contains(HasSubstr("escalation failed")));
}

TEST_F(RouterTest, WhatIsKnownToBeDownIsSaidWithoutAsking) {
  auto& best = add("a/best", {refuses(ErrorCode::upstream_unavailable)}, 5, 0.9);
  add("a/other", {says("unsure", -1)}, 0, 0.5);
  for (const Strategy strategy : {Strategy::direct, Strategy::balance, Strategy::cascade, Strategy::consensus}) {
    Route& same = route(strategy, "by " + std::to_string(static_cast<int>(strategy)));
    same.retries = 0;
    same.objective = {.quality = 1, .cost = 0, .latency = 0};
  }
  const auto by = [&](Strategy strategy) { return request("by " + std::to_string(static_cast<int>(strategy))); };
  for (int i = 0; i < Health::kOpenAfter; ++i) ask(by(Strategy::direct));
  const std::size_t asked = best.calls;
  EXPECT_THAT(ask(by(Strategy::direct)).degraded, ElementsAre("fallback from a/best"));
  EXPECT_THAT(ask(by(Strategy::balance)).degraded, ElementsAre("fallback from a/best"));
  const Got judged = ask(by(Strategy::cascade));
  EXPECT_THAT(judged.degraded, ElementsAre("a/best is down", "this answer's confidence is low"));
  EXPECT_NEAR(judged.placement.confidence.value(), std::exp(-1), 1e-6);
  EXPECT_THAT(ask(by(Strategy::consensus)).degraded, ElementsAre("no second opinion"));
  EXPECT_EQ(best.calls, asked);
}

TEST_F(RouterTest, ACopyThatIsDownDegradesNothing) {
  add("a/copy", {refuses(ErrorCode::upstream_unavailable)});
  add("b/copy", {says("same")});
  Route& balanced = route(Strategy::balance);
  balanced.retries = 0;
  balanced.objective = {.quality = 1, .cost = 0, .latency = 0};
  Got got;
  for (int i = 0; i < 40; ++i) got = ask();
  EXPECT_EQ(got.text, "same");
  EXPECT_THAT(got.degraded, IsEmpty());
}

TEST_F(RouterTest, AHedgeIsSentAfterTheDelayAndTheLoserIsCancelled) {
  auto& slow = add("a/slow", {{.hangs = true}}, 0, 0.9);
  add("a/quick", {says("quick")}, 0, 0.1);
  auto& hedged = route(Strategy::hedge);
  hedged.objective = {.quality = 1, .cost = 0, .latency = 0};
  hedged.hedge_after = 20ms;
  EXPECT_EQ(ask().text, "quick");
  EXPECT_EQ(slow.cancelled, 1U);
}

TEST_F(RouterTest, AHedgeStaysInItsZone) {
  add("a/slow", {{.hangs = true}}, 0, 0.9, policy::Zone::device);
  auto& other = add("b/quick", {says("quick")}, 0, 0.1, policy::Zone::cluster);
  auto& hedged = route(Strategy::hedge);
  hedged.objective = {.quality = 1, .cost = 0, .latency = 0};
  hedged.hedge_after = 5ms;
  hedged.first_token_timeout = 60ms;
  const Got got = ask();
  EXPECT_EQ(got.text, "quick") << "as a fallback, after the timeout";
  EXPECT_THAT(got.degraded, ElementsAre("fallback from a/slow"));
  EXPECT_EQ(other.calls, 1U);
}

TEST_F(RouterTest, ConsensusGivesTheCheaperAnswerWhenTheyAgree) {
  add("a/cheap", {says("Paris is the capital of France.")}, 1);
  add("a/dear", {says("the capital of France is Paris")}, 5);
  auto& judge = add("a/judge", {says("judged")}, 9);
  route(Strategy::consensus);
  const Got got = ask();
  EXPECT_EQ(got.text, "Paris is the capital of France.");
  EXPECT_NEAR(got.placement.confidence.value(), 1, 1e-6);
  EXPECT_EQ(judge.calls, 0U);
}

TEST_F(RouterTest, ConsensusMayCompareMeaningsByEmbeddings) {
  add("a/one", {says("Paris it is")}, 1);
  add("b/two", {says("Possibly the French capital")}, 2, 0.9);
  add("c/vectors", {says("")}).embeds = true;
  table->targets[2].capabilities = kEmbedding;
  Route& r = route(Strategy::consensus);
  r.targets = {0, 1};
  r.agreement = 0.9;
  const Got by_words = ask();
  EXPECT_THAT(by_words.degraded, Contains(HasSubstr("disagree")));
  router.reset();
  table->routes[0].embedder = 2;
  const Got by_meaning = ask();
  EXPECT_EQ(by_meaning.text, "Paris it is");
  EXPECT_THAT(by_meaning.degraded, IsEmpty());
  EXPECT_DOUBLE_EQ(by_meaning.placement.confidence.value_or(0), 1);
}

TEST_F(RouterTest, ARequestThatFailedIsExplainedByItsOwnId) {
  add("a/one", {refuses(ErrorCode::upstream_unavailable, "gone")});
  route(Strategy::direct).retries = 0;
  const Got got = ask(request(), {.id = "req_42"});
  ASSERT_TRUE(got.refusal);
  const auto explained = router->explain("req_42");
  ASSERT_TRUE(explained) << explained.error().message;
  EXPECT_THAT(explained->attempts, Contains(HasSubstr("gone")));
  EXPECT_EQ(router->explain("req_43").error().code, ErrorCode::not_found);
}

TEST_F(RouterTest, ConsensusAsksTheNextWhenTheyDisagree) {
  add("a/cheap", {says("Lyon")}, 1);
  add("a/dear", {says("Paris")}, 5);
  add("a/judge", {says("judged")}, 9);
  route(Strategy::consensus);
  EXPECT_EQ(ask().text, "judged");
}

TEST_F(RouterTest, AFallbackRouteIsTriedLast) {
  add("a/one", {refuses(ErrorCode::upstream_unavailable)});
  add("b/two", {says("two")});
  table->routes.push_back({.name = "auto", .targets = {0}, .fallback = {"spare"}, .retries = 0});
  table->routes.push_back({.name = "spare", .targets = {1}});
  const Got got = ask();
  EXPECT_EQ(got.text, "two");
  EXPECT_THAT(got.degraded, Contains("fallback to route spare"));
}

TEST_F(RouterTest, NodesThatRunDifferentVersionsOfOneModelAreSaid) {
  add("a/gpt", {{.text = {"a"}, .model = "gpt-2026-01"}});
  add("b/gpt", {{.text = {"b"}, .model = "gpt-2026-02"}});
  add("c/other", {{.text = {"c"}, .model = "other-1"}});
  for (std::size_t i = 0; i < 3; ++i) {
    table->routes.push_back(
        {.name = std::string(1, static_cast<char>('x' + i)), .strategy = Strategy::direct, .targets = {i}});
  }
  EXPECT_THAT(ask(request("x")).degraded, IsEmpty());
  EXPECT_THAT(ask(request("z")).degraded, IsEmpty());
  EXPECT_THAT(ask(request("y")).degraded, ElementsAre("b/gpt runs gpt-2026-02, a/gpt gpt-2026-01"));
  EXPECT_THAT(ask(request("x")).degraded, ElementsAre("a/gpt runs gpt-2026-01, b/gpt gpt-2026-02"));
}

TEST_F(RouterTest, AConversationStaysWithItsTargetAndAChangeIsSaid) {
  add("a/one", {says("one")}, 0, 0.9);
  add("a/two", {says("two")}, 0, 0.1);
  auto& balanced = route(Strategy::balance);
  balanced.objective = {.quality = 1, .cost = 0, .latency = 0};
  provider::RequestContext session;
  session.session = "s1";
  EXPECT_EQ(ask(request(), session).placement.target, "a/one");
  table->targets[0].capabilities = 0;  // the tests' table is not const: as if the target had become unfit
  const Got moved = ask(request(), session);
  EXPECT_EQ(moved.placement.target, "a/two");
  EXPECT_THAT(moved.degraded, Contains("model changed from a/one"));
  table->targets[0].capabilities = kChat;
  EXPECT_EQ(ask(request(), session).placement.target, "a/two") << "and stays there, though the other scores higher";
}

TEST_F(RouterTest, ADecisionIsExplainedAfterwards) {
  add("a/one", {refuses(ErrorCode::upstream_unavailable, "down")});
  add("a/two", {says("two")});
  add("cloud/three", {says("three")}, 0, 0.5, policy::Zone::cloud);
  route(Strategy::direct).retries = 0;
  const Got got = ask();
  const auto past = router->explain(got.placement.decision);
  ASSERT_TRUE(past) << past.error().message;
  EXPECT_EQ(past->route, "auto");
  EXPECT_EQ(past->label, "internal");
  EXPECT_THAT(past->plan, ElementsAre("a/one", "a/two"));
  EXPECT_EQ(past->targets[2].excluded_by, "policy");
  EXPECT_THAT(past->targets[2].conditions[0].why, HasSubstr("up to public"));
  EXPECT_THAT(past->attempts, ElementsAre(HasSubstr("a/one: upstream_unavailable: down"), "a/two: answers"));
  EXPECT_EQ(router->explain("dec_0-made-up").error().code, ErrorCode::not_found);
  EXPECT_EQ(router->explain("nonsense").error().code, ErrorCode::not_found);
}

TEST_F(RouterTest, WishesForCostAreKept) {
  add("a/dear", {says("dear")}, 1000, 0.9);
  add("a/cheap", {says("cheap")}, 0, 0.1);
  route(Strategy::direct);
  provider::RequestContext poor;
  poor.max_cost = 0.001;
  EXPECT_EQ(ask(request(), poor).text, "cheap");
}

TEST_F(RouterTest, AnUnknownLabelIsAnErrorAndNotTheDefault) {
  add("a/one", {says("one")});
  route(Strategy::direct);
  provider::RequestContext typo;
  typo.label = "restrictd";
  EXPECT_THAT(ask(request(), typo).refusal.value().message, HasSubstr("no label"));
}

}  // namespace
}  // namespace hearth::router::testing
