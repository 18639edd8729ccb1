// SPDX-License-Identifier: Apache-2.0
// Targets that fail half way, at the wrong moment, or tell less than the truth.
#include <fmt/format.h>

#include "bill.hpp"
#include "confidence.hpp"
#include "health.hpp"
#include "router_fixture.hpp"

namespace hearth::router::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Unsure for longer than the window that is watched.
Script dithers(double logprob = -3) {
  Script script{.logprob = logprob};
  for (std::size_t i = 0; i < 2 * ConfidenceMeter::kWindow; ++i) script.text.push_back(fmt::format("um {} ", i));
  return script;
}

struct BadWeatherTest : RouterTest {
  Result<inference::Embeddings> embed(std::vector<std::string> inputs, const std::string& model = "auto") {
    if (!router) router = Router::create({.local = nullptr, .ledger = ledger.get()}, table);
    inference::EmbeddingRequest request;
    request.model = model;
    for (std::string& input : inputs) request.inputs.emplace_back(std::move(input));
    std::optional<Result<inference::Embeddings>> out;
    io.restart();
    const auto run = [](Router& r, inference::EmbeddingRequest q, auto& result) -> Task<> {
      result = co_await r.async_embed({}, std::move(q));
    };
    asio::co_spawn(io, run(*router, std::move(request), out), asio::detached);
    io.run();
    return *std::move(out);
  }
};

TEST_F(BadWeatherTest, AnAnswerThatWasCutOffIsAskedForAgainWhenNothingStrongerAnswers) {
  auto& weak = add("a/weak", {dithers()});
  add("a/strong", {refuses(ErrorCode::upstream_unavailable)}, 5);
  route(Strategy::cascade).retries = 0;
  const Got got = ask();
  EXPECT_THAT(got.text, HasSubstr("um 31"));
  EXPECT_TRUE(got.finished);
  EXPECT_EQ(weak.calls, 2U);
  EXPECT_THAT(got.degraded, Contains(HasSubstr("escalation failed")));
  EXPECT_LT(got.placement.confidence.value_or(1), 0.1);
}

TEST_F(BadWeatherTest, TheLastThatIsLeftIsReadToItsEndHoweverUnsure) {
  auto& weak = add("a/weak", {dithers()});
  add("a/strong", {refuses(ErrorCode::upstream_unavailable)}, 5);
  route(Strategy::cascade).retries = 0;
  table->routes.push_back({.name = "strong", .targets = {1}, .retries = 0});
  for (int i = 0; i < Health::kOpenAfter; ++i) ask(request("strong"));
  const Got got = ask();
  EXPECT_TRUE(got.finished);
  EXPECT_EQ(weak.calls, 1U);
  EXPECT_THAT(got.degraded, ElementsAre("a/strong is down", "this answer's confidence is low"));
}

TEST_F(BadWeatherTest, CollapseIsOfTheCalibratedConfidence) {
  auto& strong = add("a/strong", {says("strong")}, 5);
  add("a/weak", {dithers(std::log(0.3))});
  route(Strategy::cascade).confidence = 0.7;
  table->targets[1].calibration = {.scale = 0.62, .shift = 1.5};  // 0.3 becomes 0.73
  const Got got = ask();
  EXPECT_TRUE(got.finished);
  EXPECT_EQ(strong.calls, 0U);
}

TEST_F(BadWeatherTest, AnswersThatAreNoJsonWhereItIsWantedEscalate) {
  add("a/weak", {says("{\"city\": \"Zür")});
  add("a/strong", {says("{\"city\": \"Zürich\"}")}, 5);
  table->targets[0].capabilities |= kJson;
  table->targets[1].capabilities |= kJson;
  route(Strategy::cascade);
  inference::ChatRequest chat = request();
  chat.generation.constraint.kind = inference::Constraint::Kind::json_object;
  EXPECT_EQ(ask(chat).placement.target, "a/strong");
  EXPECT_EQ(ask().placement.target, "a/weak") << "nobody asked for JSON";
}

TEST_F(BadWeatherTest, ATargetThatTricklesLeavesTimeForTheNext) {
  add("a/weak", {{.text = {"once"}, .stops_short = true}});
  add("a/strong", {{.text = {"strong"}, .after = 20ms}}, 5);
  route(Strategy::cascade).timeout = 200ms;
  EXPECT_EQ(ask().text, "strong");
}

TEST_F(BadWeatherTest, ACopyThatFailsDoesNotEndTheRace) {
  auto& slow = add("a/slow", {{.text = {"slow"}, .after = 60ms}}, 0, 0.9);
  auto& copy = add("a/copy", {refuses(ErrorCode::rate_limited)}, 0, 0.1);
  Route& hedged = route(Strategy::hedge);
  hedged.objective = {.quality = 1, .cost = 0, .latency = 0};
  hedged.hedge_after = 5ms;
  EXPECT_EQ(ask().text, "slow");
  EXPECT_EQ(copy.calls, 1U);
  EXPECT_EQ(slow.cancelled, 0U);
}

TEST_F(BadWeatherTest, FallbacksHaveFallbacks) {
  add("a/one", {refuses(ErrorCode::upstream_unavailable)});
  add("b/two", {refuses(ErrorCode::upstream_unavailable)});
  add("c/three", {says("three")});
  table->routes.push_back({.name = "auto", .targets = {0}, .fallback = {"spare"}, .retries = 0});
  table->routes.push_back({.name = "spare", .targets = {1}, .fallback = {"last"}, .retries = 0});
  table->routes.push_back({.name = "last", .targets = {2}});
  const Got got = ask();
  EXPECT_EQ(got.text, "three");
  EXPECT_THAT(got.degraded, Contains("fallback to route last"));
}

TEST_F(BadWeatherTest, AFallbackSpendsFromItsOwnBudget) {
  add("a/one", {refuses(ErrorCode::upstream_unavailable)});
  auto& dear = add("b/dear", {says("dear")}, 1000);
  table->routes.push_back({.name = "auto", .targets = {0}, .fallback = {"cloudy"}, .retries = 0});
  table->routes.push_back({.name = "cloudy", .targets = {1}, .retries = 0});
  table->budgets = {{.route = "cloudy", .limit_usd = 0, .per = Period::month, .action = BudgetAction::refuse}};
  const Got got = ask();
  ASSERT_TRUE(got.refusal);
  EXPECT_EQ(got.refusal->code, ErrorCode::upstream_unavailable) << "why the first failed says more";
  EXPECT_EQ(dear.calls, 0U);
}

TEST_F(BadWeatherTest, AnEmbeddingThatWorksClosesTheBreaker) {
  std::vector<Script> scripts(Health::kOpenAfter - 1, refuses(ErrorCode::upstream_unavailable));
  scripts.push_back(says(""));
  scripts.push_back(refuses(ErrorCode::upstream_unavailable));
  scripts.push_back(says(""));
  FakeTarget& vectors = add("a/vectors", std::move(scripts));
  vectors.embeds = true;
  table->targets[0].capabilities = kEmbedding;
  route(Strategy::direct);
  for (int i = 0; i < Health::kOpenAfter - 1; ++i) EXPECT_FALSE(embed({"x"}));
  EXPECT_TRUE(embed({"x"}));
  EXPECT_FALSE(embed({"x"})) << "one failure more, which opens nothing";
  EXPECT_TRUE(embed({"x"}));
}

TEST_F(BadWeatherTest, EmbeddingsAreSetAsideAndBilledForAllTheirTexts) {
  add("a/vectors", {says("")}, 1).embeds = true;  // US$ 1 a million tokens
  table->targets[0].capabilities = kEmbedding;
  route(Strategy::direct);
  const std::string text(4 * 400, 'x');  // 400 tokens, of the 1,000 that fit at once
  const std::vector<std::string> ten(10, text);
  table->budgets = {{.limit_usd = 3999e-6, .per = Period::month, .action = BudgetAction::refuse}};
  const auto refused = embed(ten);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::budget_exhausted);
  router.reset();
  table->budgets[0].limit_usd = 6000e-6;
  EXPECT_TRUE(embed(ten));
  EXPECT_FALSE(embed(ten)) << "the server told no usage, so the estimate was billed";
}

TEST_F(BadWeatherTest, AnswersAreComparedOnlyWhereTheirQuestionMayGo) {
  table->scanner = *privacy::Scanner::make({.names = false});
  add("a/one", {says("Paris it is")}, 1);
  add("b/two", {says("Possibly the French capital")}, 2, 0.9);
  FakeTarget& vectors = add("c/vectors", {says("")}, 0, 0.5, policy::Zone::cloud);
  vectors.embeds = true;
  table->targets[2].capabilities = kEmbedding;
  Route& r = route(Strategy::consensus);
  r.targets = {0, 1};
  r.embedder = 2;
  provider::RequestContext open{};
  open.label = "public";
  ask(request("auto", "hello"), open);
  EXPECT_EQ(vectors.calls, 1U);
  ask(request("auto", "I am ann@example.org"), open);
  EXPECT_EQ(vectors.calls, 1U);
}

TEST(Charge, CountsThatCannotBeAreNotBelieved) {
  const auto cost = [](std::size_t bytes, inference::Usage usage) {
    auto bill = std::make_shared<Bill>();
    {
      Charge charge{bill, {}, {.input = 1e6, .cached_input = 1e6, .output = 1e6}, 10, 1};
      charge.note(
          {.choice = 0, .body = inference::TextDelta{.text = std::string(bytes, 'x'), .logprobs = {}, .tokens = {}}});
      charge.note({.choice = 0,
                   .body = inference::Finished{
                       .reason = inference::FinishReason::stop, .stop_sequence = {}, .usage = usage, .timings = {}}});
    }
    return bill->usd;
  };
  EXPECT_DOUBLE_EQ(cost(4000, {.prompt_tokens = 7, .completion_tokens = 900}), 907);
  EXPECT_DOUBLE_EQ(cost(4000, {.prompt_tokens = 7, .completion_tokens = 1}), 10 + 1001) << "4,000 letters are no token";
  EXPECT_DOUBLE_EQ(cost(40, {.prompt_tokens = 7, .completion_tokens = 1}), 8) << "forty may be";
  EXPECT_DOUBLE_EQ(cost(40, {.prompt_tokens = -1000, .completion_tokens = 5}), 5) << "nobody is paid for asking";
  EXPECT_DOUBLE_EQ(cost(40, {.prompt_tokens = 7, .cached_tokens = 99, .completion_tokens = 5}), 12);
}

TEST_F(BadWeatherTest, AConversationIsOnesOwnAndOneRoutes) {
  add("a/one", {says("one")}, 0, 0.9);
  add("a/two", {says("two")}, 0, 0.1);
  Route& balanced = route(Strategy::balance);
  balanced.objective = {.quality = 1, .cost = 0, .latency = 0};
  table->routes.push_back({.name = "other", .strategy = Strategy::direct, .targets = {1}});
  provider::RequestContext ann{};
  ann.principal = "ann";
  ann.session = "s1";
  provider::RequestContext ben = ann;
  ben.principal = "ben";
  EXPECT_EQ(ask(request(), ann).placement.target, "a/one");
  EXPECT_THAT(ask(request("other"), ben).degraded, IsEmpty());
  EXPECT_THAT(ask(request("other"), ann).degraded, IsEmpty()) << "another route is another conversation";
}

TEST_F(BadWeatherTest, AReloadForgetsWhichTargetAConversationHad) {
  add("a/one", {says("one")}, 0, 0.1);
  add("a/two", {says("two")}, 0, 0.9);
  route(Strategy::balance).objective = {.quality = 1, .cost = 0, .latency = 0};
  provider::RequestContext session{};
  session.session = "s1";
  EXPECT_EQ(ask(request(), session).placement.target, "a/two");
  auto fewer = std::make_shared<Table>(*table);
  fewer->targets.pop_back();
  fewer->routes[0].targets = {0};
  router->replace(fewer);
  const Got got = ask(request(), session);
  EXPECT_EQ(got.text, "one");
  EXPECT_THAT(got.degraded, IsEmpty()) << "what had number 1 is in no table any more";
}

TEST_F(BadWeatherTest, ARuleKnowsAModelByAllItsNames) {
  policy::Policy::Options options;
  options.rules = {{.allow = false, .target = "local/big"}};
  table->policy = std::make_shared<const policy::Policy>(options);
  for (const char* name : {"big", "local/big", "big:latest", "library/big", "registry.ollama.ai/library/big:latest"}) {
    const Got got = ask(request(name));
    ASSERT_TRUE(got.refusal) << name;
    EXPECT_EQ(got.refusal->code, ErrorCode::forbidden) << name;
  }
  const auto other = router->explain(provider::RequestContext{}, request("big:7b"));
  EXPECT_EQ(other->targets[0].target, "local/big:7b");
  EXPECT_TRUE(other->targets[0].candidate);
}

/// An Ollama that says which models it has, and which of them run elsewhere.
class Relay final : public provider::Remote {
 public:
  Task<Result<provider::EventStreamPtr>> async_chat(policy::Permit, std::string, provider::RequestContext,
                                                    inference::ChatRequest) override {
    co_return fail(ErrorCode::upstream_unavailable, "asked");
  }
  Task<Result<provider::EventStreamPtr>> async_complete(policy::Permit, std::string, provider::RequestContext,
                                                        inference::CompletionRequest) override {
    co_return fail(ErrorCode::unsupported, "");
  }
  Task<Result<inference::Embeddings>> async_embed(policy::Permit, std::string, provider::RequestContext,
                                                  inference::EmbeddingRequest) override {
    co_return fail(ErrorCode::unsupported, "");
  }
  Task<Result<inference::Ranking>> async_rerank(policy::Permit, std::string, provider::RequestContext,
                                                inference::RerankRequest) override {
    co_return fail(ErrorCode::unsupported, "");
  }
  Task<Result<provider::Load>> async_probe() override {
    if (tells != nullptr) tells->cancel();
    if (waits_for != nullptr) co_await waits_for->async_wait(use_tuple);
    ++probed;
    co_return load;
  }
  Task<> async_end() override { co_return; }
  Task<> async_close() override { co_return; }

  provider::Load load;
  int probed = 0;
  asio::steady_timer* waits_for = nullptr;
  asio::steady_timer* tells = nullptr;
};

TEST_F(BadWeatherTest, AServerThatIsSlowToSayHowItIsHoldsUpNoOther) {
  asio::steady_timer other_was_asked{io, asio::steady_timer::time_point::max()};
  Relay slow;
  slow.waits_for = &other_was_asked;
  Relay quick;
  quick.tells = &other_was_asked;
  table->targets.push_back({.name = "a/m", .model = "m", .remote = &slow});
  table->targets.push_back({.name = "b/m", .model = "m", .remote = &quick});
  table->targets.push_back({.name = "b/n", .model = "n", .remote = &quick});
  route(Strategy::direct);
  router = Router::create({.local = nullptr}, table);
  asio::co_spawn(io, router->async_probe(), asio::detached);
  io.run_for(5s);
  EXPECT_EQ(slow.probed, 1);
  EXPECT_EQ(quick.probed, 1) << "once a server";
}

TEST_F(BadWeatherTest, AModelThatAServerOnlyPassesOnIsInTheCloud) {
  Relay relay;
  table->targets.push_back({.name = "near/m",
                            .model = "m",
                            .zone = policy::Zone::cloud,
                            .stands_in = policy::Zone::device,
                            .remote = &relay});
  route(Strategy::direct).retries = 0;
  provider::RequestContext secret{};
  secret.label = "restricted";
  const auto probe = [&] {
    io.restart();
    asio::co_spawn(io, router->async_probe(), asio::detached);
    io.run();
  };
  EXPECT_EQ(ask(request(), secret).refusal->code, ErrorCode::forbidden) << "nothing is proved yet";
  relay.load.models = {"m", "m:latest"};
  probe();
  EXPECT_EQ(ask(request(), secret).refusal->code, ErrorCode::upstream_unavailable) << "it was asked";
  EXPECT_EQ(router->explain(secret, request())->targets[0].zone, "device");
  router->replace(table);
  EXPECT_EQ(router->explain(secret, request())->targets[0].zone, "device") << "a reload knows what was proved";
  relay.load.relayed = {"m", "m:latest"};
  probe();
  EXPECT_EQ(ask(request(), secret).refusal->code, ErrorCode::forbidden);
  EXPECT_EQ(router->explain(secret, request())->targets[0].zone, "cloud");
  EXPECT_THAT(router->explain(secret, request())->targets[0].why, HasSubstr("counts as cloud, not device"));
}

}  // namespace
}  // namespace hearth::router::testing
