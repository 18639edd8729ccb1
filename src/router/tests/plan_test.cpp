// SPDX-License-Identifier: Apache-2.0
// The decisions: facts, health and plans, without a provider.
#include "plan.hpp"

#include <gmock/gmock.h>

#include "confidence.hpp"
#include "sessions.hpp"

namespace hearth::router {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

const Clock::time_point kNow{std::chrono::hours{1000}};

inference::Message user(std::string text) {
  return {.role = "user",
          .content = {inference::TextPart{std::move(text)}},
          .reasoning = {},
          .tool_calls = {},
          .tool_call_id = {},
          .tool_name = {}};
}
Error error(ErrorCode code, std::optional<std::chrono::seconds> retry = {}) {
  return {.code = code, .message = "", .param = {}, .retry_after = retry};
}

TEST(Facts, CountTokensByCharactersAndNeedsByFields) {
  EXPECT_EQ(estimated_tokens(""), 0);
  EXPECT_EQ(estimated_tokens("four"), 1);
  EXPECT_EQ(estimated_tokens("日本語"), 3);
  inference::ChatRequest request;
  request.messages = {user("hi")};
  EXPECT_EQ(facts_of(request).needs, kChat);
  request.tools.push_back({.name = "t", .description = "", .parameters = "{}", .strict = false});
  request.messages[0].content.push_back(inference::ImagePart{.mime_type = "", .bytes = "x", .url = ""});
  request.generation.constraint.kind = inference::Constraint::Kind::regex;
  request.generation.logprobs = 0;
  const Facts facts = facts_of(request);
  EXPECT_EQ(facts.needs, kChat | kTools | kVision | kGrammar | kLogprobs);
  EXPECT_GT(facts.prompt_tokens, 700) << "an image is not free";
}

TEST(Facts, AConversationIsKnownByItsFirstQuestion) {
  inference::ChatRequest first;
  first.messages = {user("hello")};
  EXPECT_EQ(facts_of(first).conversation, 0U);
  inference::ChatRequest second = first;
  second.messages.push_back(user("and then?"));
  EXPECT_EQ(facts_of(second).conversation, facts_of(first).begins);
  EXPECT_EQ(facts_of(second).turns, 2);
}

TEST(Health, OpensAfterFailuresInARowAndLetsOneTryAfterThePause) {
  Health health;
  for (int i = 0; i < Health::kOpenAfter - 1; ++i) health.failed(error(ErrorCode::upstream_unavailable), kNow);
  EXPECT_TRUE(health.admit(kNow));
  health.failed(error(ErrorCode::upstream_unavailable), kNow);
  EXPECT_EQ(health.state(kNow), Health::State::open);
  EXPECT_FALSE(health.admit(kNow));
  const auto later = kNow + Health::kFirstPause;
  EXPECT_EQ(health.state(later), Health::State::half_open);
  EXPECT_TRUE(health.admit(later));
  EXPECT_FALSE(health.admit(later)) << "one at a time";
  health.failed(error(ErrorCode::upstream_unavailable), later);
  EXPECT_FALSE(health.admit(later + Health::kFirstPause)) << "the pause has doubled";
  EXPECT_TRUE(health.admit(later + 2 * Health::kFirstPause));
  health.succeeded(1ms, 2);
  EXPECT_EQ(health.state(later), Health::State::closed);
}

TEST(Health, ManyThatFailAtOnceAreOneFailure) {
  Health health;
  for (int i = 0; i < 4 * Health::kOpenAfter; ++i) health.failed(error(ErrorCode::upstream_unavailable), kNow);
  const auto later = kNow + Health::kFirstPause;
  EXPECT_EQ(health.state(later), Health::State::half_open) << "the pause has not grown with each of them";
  EXPECT_TRUE(health.admit(later));
  health.failed(error(ErrorCode::upstream_unavailable), later);
  EXPECT_EQ(health.state(later + Health::kFirstPause), Health::State::open) << "but with the one that tried";
}

TEST(Health, ASuccessBetweenStartsTheCountAnew) {
  Health health;
  for (int i = 0; i < 20; ++i) {
    health.failed(error(ErrorCode::upstream_unavailable), kNow);
    if (i % 3 == 0) health.succeeded(1ms, 2);
  }
  EXPECT_EQ(health.state(kNow), Health::State::closed);
}

TEST(Health, AClientsMistakesSayNothingAboutTheTarget) {
  Health health;
  for (int i = 0; i < 50; ++i) health.failed(error(ErrorCode::invalid_request), kNow);
  EXPECT_TRUE(health.admit(kNow));
}

TEST(Health, ARateLimitPausesForAsLongAsTheServerSaid) {
  Health health;
  health.failed(error(ErrorCode::rate_limited, 7s), kNow);
  EXPECT_FALSE(health.admit(kNow + 6s));
  EXPECT_TRUE(health.admit(kNow + 7s));
  Health forever;
  forever.failed(error(ErrorCode::rate_limited, 100'000s), kNow);
  EXPECT_TRUE(forever.admit(kNow + Health::kLongestPause)) << "bounded";
}

TEST(Health, AServerThatAnswersAProbeGetsOneRequestToShowIt) {
  Health health;
  for (int i = 0; i < Health::kOpenAfter; ++i) health.probed(false, kNow);
  EXPECT_FALSE(health.admit(kNow));
  health.probed(true, kNow);
  EXPECT_TRUE(health.admit(kNow));
  EXPECT_FALSE(health.admit(kNow));
}

TEST(Health, ThePauseIsBounded) {
  Health health;
  auto now = kNow;
  for (int i = 0; i < 200; ++i) health.failed(error(ErrorCode::internal), now);
  EXPECT_TRUE(health.admit(now + Health::kLongestPause));
}

TEST(Health, PredictsFromWhatItSawAndKnowsItsSlowOnes) {
  Health health;
  EXPECT_FALSE(health.slow_first_content());
  for (int i = 0; i < 200; ++i) {
    health.first_content(i % 20 == 0 ? 500ms : 100ms, 10);
    health.succeeded(990ms, 100);
  }
  EXPECT_NEAR(static_cast<double>(health.predict(10, 100).count()), 1.15e9, 0.3e9);
  ASSERT_TRUE(health.slow_first_content());
  EXPECT_GT(*health.slow_first_content(), 100ms);
  EXPECT_LT(*health.slow_first_content(), 600ms);
  const auto alone = health.predict(10, 100);
  health.published(4, 20, 0.9);
  EXPECT_GT(health.predict(10, 100), alone) << "a queue is waiting time";
  EXPECT_EQ(health.load(), 24);
}

struct PlanTest : ::testing::Test {
  Table table;
  Route route{.name = "auto"};
  std::vector<std::shared_ptr<Health>> health;
  Facts facts = facts_of(inference::ChatRequest{});
  Wishes wishes;

  Target& add(const std::string& name, double quality, double price, policy::Zone zone = policy::Zone::device) {
    table.targets.push_back({.name = name,
                             .model = name,
                             .zone = zone,
                             .capabilities = kChat,
                             .context = 100,
                             .quality = quality,
                             .price = {.input = price, .cached_input = price, .output = price}});
    health.push_back(std::make_shared<Health>());
    route.targets.push_back(table.targets.size() - 1);
    return table.targets.back();
  }
  Plan plan(std::uint32_t dice = 0) { return make_plan(table, route, facts, wishes, health, kNow, dice); }
};

TEST_F(PlanTest, CascadesGoFromCheapToDearAndDirectGoesAsListed) {
  add("dear", 0.9, 10);
  add("free", 0.1, 0);
  add("cheap", 0.5, 1);
  route.strategy = Strategy::direct;
  EXPECT_THAT(plan().order, ElementsAre(0, 1, 2));
  route.strategy = Strategy::cascade;
  EXPECT_THAT(plan().order, ElementsAre(1, 2, 0));
}

TEST_F(PlanTest, WeightsDecideWhatBalanceMeans) {
  add("good", 0.9, 10);
  add("cheap", 0.2, 0.001);
  route.strategy = Strategy::balance;
  route.objective = {.quality = 1, .cost = 0, .latency = 0};
  EXPECT_EQ(plan().order.front(), 0U);
  route.objective = {.quality = 0, .cost = 1, .latency = 0};
  EXPECT_EQ(plan().order.front(), 1U);
}

TEST_F(PlanTest, AmongNearTiesTheLessLoadedOfTwoWins) {
  for (int i = 0; i < 3; ++i) add(std::string(1, static_cast<char>('a' + i)), 0.5, 1);
  route.strategy = Strategy::balance;
  for (int i = 0; i < 5; ++i) health[0]->started();
  int to_loaded = 0;
  for (std::uint32_t first = 0; first < 3; ++first) {
    for (std::uint32_t second = 0; second < 2; ++second)
      to_loaded += plan(second << 16 | first).order.front() == 0 ? 1 : 0;
  }
  EXPECT_EQ(to_loaded, 0) << "whichever pair is drawn, the loaded one is the worse of it";
}

TEST_F(PlanTest, ExclusionsComeInTheirOrder) {
  add("cloud", 1, 0, policy::Zone::cloud).capabilities = 0;  // not permitted and not capable
  add("dumb", 1, 0).capabilities = 0;
  add("small", 1, 0).context = 1;
  add("dear", 1, 1e6);
  add("down", 1, 0);
  add("fine", 1, 0);
  facts.prompt_tokens = 50;
  facts.longest = 50;
  facts.answer_tokens = 50;
  wishes.max_cost_usd = 1;
  for (int i = 0; i < Health::kOpenAfter; ++i) health[4]->failed(error(ErrorCode::internal), kNow);
  std::vector<std::string_view> reasons;
  const Plan made = plan();
  for (const Candidate& candidate : made.candidates) reasons.push_back(name_of(candidate.exclusion));
  EXPECT_THAT(reasons, ElementsAre("policy", "capability", "context", "cost", "health", ""));
  EXPECT_THAT(made.order, ElementsAre(5));
}

TEST_F(PlanTest, RulesOfCertainHoursHoldAtTheTimeOfTheRequest) {
  add("near", 1, 0);
  policy::Policy::Options options;
  options.rules = {{.allow = false, .target = "near", .hours = policy::Hours{.days = 0x7F, .begin = 0, .end = 60}}};
  table.policy = std::make_shared<const policy::Policy>(options);
  wishes.asked_at = WallClock::time_point{std::chrono::minutes{30}};
  EXPECT_EQ(plan().candidates[0].exclusion, Exclusion::policy);
  wishes.asked_at = WallClock::time_point{std::chrono::minutes{90}};
  EXPECT_EQ(plan().candidates[0].exclusion, Exclusion::none);
}

TEST_F(PlanTest, WhatOnlyOneProtocolCanSayGoesToServersOfThatProtocol) {
  add("own", 1, 0);
  add("up", 0.5, 1).wire = inference::Wire::openai;
  add("other", 0.9, 1).wire = inference::Wire::anthropic;
  facts.wire = inference::Wire::openai;
  EXPECT_THAT(plan().order, ElementsAre(0, 1, 2)) << "what all understand goes anywhere";
  facts.beyond = error(ErrorCode::unsupported);
  EXPECT_THAT(plan().order, ElementsAre(1));
  EXPECT_EQ(plan().candidates[0].exclusion, Exclusion::capability);
}

TEST_F(PlanTest, AFieldThatNobodyKnowsDoesNotDecideWhichTargetAnswers) {
  add("up", 0.5, 1).wire = inference::Wire::openai;
  facts.wire = inference::Wire::openai;
  facts.beyond = error(ErrorCode::invalid_request);
  EXPECT_THAT(plan().order, ElementsAre(0)) << "no other could answer anyway";
  add("own", 1, 0);
  EXPECT_TRUE(plan().order.empty());
}

TEST_F(PlanTest, AConversationKeepsItsTargetUnlessItIsUnfit) {
  add("best", 1, 0);
  add("kept", 0.1, 0);
  route.strategy = Strategy::balance;
  wishes.preferred = 1;
  EXPECT_EQ(plan().order.front(), 1U);
  table.targets[1].capabilities = 0;
  EXPECT_EQ(plan().order.front(), 0U);
  table.targets[1].capabilities = kChat;
  route.sticky = false;
  EXPECT_EQ(plan().order.front(), 0U);
}

TEST(Sessions, RememberWhoAnsweredLast) {
  auto sessions = std::make_unique<Sessions>();
  EXPECT_EQ(sessions->find(0x123456789ABCULL), SIZE_MAX);
  sessions->put(0x123456789ABCULL, 3);
  EXPECT_EQ(sessions->find(0x123456789ABCULL), 3U);
  EXPECT_EQ(sessions->find(0x123456789ABCULL + (1ULL << 40)), SIZE_MAX) << "the same slot, another conversation";
  sessions->put(0, 1);
  EXPECT_EQ(sessions->find(0), SIZE_MAX) << "no conversation is none";
}

TEST(Confidence, ChecksAndAgreement) {
  EXPECT_TRUE(looks_like_refusal("  I’m sorry, but I can’t help."));
  EXPECT_FALSE(looks_like_refusal("Sorry is a short word."));
  EXPECT_TRUE(goes_in_circles("start " + std::string(40, 'x')));
  EXPECT_FALSE(goes_in_circles("The quick brown fox jumps over the lazy dog, and then it sleeps."));
  EXPECT_DOUBLE_EQ(agreement("Paris.", "paris"), 1);
  EXPECT_DOUBLE_EQ(agreement("Paris", "Lyon"), 0);
  EXPECT_DOUBLE_EQ(agreement("", ""), 1);
  EXPECT_GT(agreement("It is Paris", "Paris it is, I think"), 0.7);
}

TEST(Confidence, AnAnswerThatAFilterEndedIsNone) {
  ConfidenceMeter meter;
  meter.watch({.choice = 0, .body = inference::TextDelta{.text = "fine so far", .logprobs = {}, .tokens = {}}});
  EXPECT_FALSE(meter.value());
  meter.watch(
      {.choice = 0,
       .body = inference::Finished{
           .reason = inference::FinishReason::content_filter, .stop_sequence = {}, .usage = {}, .timings = {}}});
  EXPECT_EQ(meter.value(), 0);
}

TEST(Table, FindsCirclesOfAnyLength) {
  Table table;
  table.targets.push_back({.name = "t"});
  for (int i = 0; i < 50; ++i) {
    table.routes.push_back(
        {.name = "r" + std::to_string(i), .targets = {0}, .fallback = {"r" + std::to_string((i + 1) % 50)}});
  }
  EXPECT_EQ(mistakes_of(table).size(), 50U) << "each is on the circle";
  table.routes.back().fallback.clear();
  EXPECT_TRUE(mistakes_of(table).empty());
}

}  // namespace
}  // namespace hearth::router
