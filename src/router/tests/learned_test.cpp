// SPDX-License-Identifier: Apache-2.0
// Features of a question, and the strategy that learned from verdicts.
#include "plan.hpp"
#include "router_fixture.hpp"
#include "workload.hpp"

namespace hearth::router::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(TextTraits, TellTheLanguage) {
  const std::pair<const char*, const char*> texts[] = {
      {"What is the capital of France and why?", "en"},
      {"Wie ist das Wetter und was soll ich nicht vergessen?", "de"},
      {"Quelle est la capitale des Pays-Bas et pour les enfants?", "fr"},
      {"¿Cuál es la capital de los Países Bajos y por qué una?", "es"},
      {"Qual è la capitale della Francia e per che cosa non sono famosi?", "it"},
      {"Привет, как дела?", "ru"},
      {"你好，今天天气怎么样？", "zh"},
      {"今日の天気はどうですか", "ja"},
      {"안녕하세요", "ko"},
      {"مرحبا كيف حالك", "ar"},
      {"xyzzy", ""},
      {"", ""},
  };
  for (const auto& [text, language] : texts) EXPECT_EQ(traits_of(text).language, language) << text;
}

TEST(TextTraits, SeeCodeAndMathematicsAndSurviveAnything) {
  EXPECT_TRUE(traits_of("Fix this:\n```c\nint main() { return 0; }\n```").code);
  EXPECT_TRUE(traits_of("Solve the equation 3x^2 + 2x = 7").mathematics);
  EXPECT_FALSE(traits_of("Tell me a story about a river").code);
  EXPECT_FALSE(traits_of("Tell me a story about a river (with 2 boats; and a dog).").mathematics);
  for (int first = 0; first < 256; ++first) {
    for (const char* tail : {"", "\x80", "\xFF\xFE", "abc"}) traits_of(std::string(1, static_cast<char>(first)) + tail);
  }
}

TEST(WorkloadClasses, TheFirstThatHolds) {
  const auto facts = [](std::int64_t prompt, const char* text) {
    Facts f{.prompt_tokens = prompt, .content = policy::ContentDigest::of(inference::ChatRequest{})};
    f.traits = traits_of(text);
    return f;
  };
  Wishes wishes;
  EXPECT_EQ(class_of(facts(100, "hello"), wishes), WorkloadClass::simple);
  EXPECT_EQ(class_of(facts(9'000, "hello"), wishes), WorkloadClass::heavy);
  EXPECT_EQ(class_of(facts(800, "SELECT a FROM b"), wishes), WorkloadClass::heavy);
  wishes.max_latency = std::chrono::milliseconds{500};
  EXPECT_EQ(class_of(facts(9'000, "hello"), wishes), WorkloadClass::latency_critical);
  wishes.label = policy::Label::restricted;
  EXPECT_EQ(class_of(facts(9'000, "hello"), wishes), WorkloadClass::sensitive);
}

/// A model that knows one thing: sums are hard.
std::shared_ptr<const QualityModel> sums_are_hard() {
  std::vector<Verdict> rows;
  for (int i = 0; i < 600; ++i) {
    const bool sum = i % 3 == 0;
    rows.push_back({.prompt = sum ? "Calculate the integral number " + std::to_string(i) : "Describe a river, please",
                    .weak_correct = !sum,
                    .strong_correct = true,
                    .subject = {}});
  }
  return std::make_shared<const QualityModel>(QualityModel::train(rows));
}

struct LearnedTest : RouterTest {
  Route& learned() {
    Route& r = route(Strategy::learned);
    r.quality_model = sums_are_hard();
    return r;
  }
  static inference::ChatRequest hard() { return request("auto", "Calculate the integral number 7"); }
  static inference::ChatRequest easy() { return request("auto", "Describe a river, please"); }
};

TEST_F(LearnedTest, TheStrongTargetGetsWhatIsHard) {
  add("a/weak", {says("weak")}, 1, 0.3);
  add("b/strong", {says("strong")}, 30, 0.9);
  learned().strong_share = 0.35;
  EXPECT_EQ(ask(easy()).text, "weak");
  const Got got = ask(hard());
  EXPECT_EQ(got.text, "strong");
  const auto explained = router->explain(got.placement.decision);
  ASSERT_TRUE(explained);
  EXPECT_GT(explained->gain.value_or(0), 0.5F);
  EXPECT_EQ(explained->plan.front(), "b/strong");
}

TEST_F(LearnedTest, TheShareIsThatOfTheStrongTarget) {
  add("a/weak", {says("weak")}, 1, 0.3);
  add("b/strong", {says("strong")}, 30, 0.9);
  Route& r = learned();
  r.strong_share = 0;
  table->routes.push_back(r);
  table->routes.back().name = "always";
  table->routes.back().strong_share = 1;
  EXPECT_EQ(ask(easy()).text, "weak");
  inference::ChatRequest always = easy();
  always.model = "always";
  EXPECT_EQ(ask(std::move(always)).text, "strong");
}

TEST_F(LearnedTest, WhatARightAnswerIsWorthDecidesInsteadOfTheShare) {
  add("a/weak", {says("weak")}, 1, 0.3);
  add("b/strong", {says("strong")}, 1000, 0.9);  // about a quarter of a dollar an answer
  Route& r = learned();
  r.worth_usd = 0.01;
  table->routes.push_back(r);
  table->routes.back().name = "precious";
  table->routes.back().worth_usd = 100;
  EXPECT_EQ(ask(hard()).text, "weak");
  inference::ChatRequest precious = hard();
  precious.model = "precious";
  EXPECT_EQ(ask(std::move(precious)).text, "strong");
}

TEST_F(LearnedTest, WhoIsAskedFirstAndFailsIsReplaced) {
  add("a/weak", {says("weak")}, 1, 0.3);
  add("b/strong", {refuses(ErrorCode::upstream_unavailable)}, 30, 0.9);
  learned().strong_share = 0.4;
  const Got got = ask(hard());
  EXPECT_EQ(got.text, "weak");
  EXPECT_THAT(got.degraded, Contains(HasSubstr("fallback from b/strong")));
}

TEST(BuiltInQuality, IsLinkedInAndDiffersBetweenQuestions) {
  const QualityModel& model = QualityModel::built_in();
  EXPECT_LT(model.gain_of_share(0.9), model.gain_of_share(0.1));
  EXPECT_NE(model.predict("What is 2 + 2?").gain, model.predict("Explain quantum chromodynamics to a judge.").gain);
}

}  // namespace
}  // namespace hearth::router::testing
