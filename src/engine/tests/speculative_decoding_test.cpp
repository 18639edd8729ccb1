// SPDX-License-Identifier: Apache-2.0
// Guessing changes how many steps an answer takes, and nothing of the answer.
#include <atomic>

#include "stories.hpp"

namespace hearth::engine {
namespace {

struct StepCounter : Observer {
  std::atomic<int> steps = 0;
  void step(std::int32_t, Seconds) override { ++steps; }
};

class SpeculativeDecoding : public Stories {
 protected:
  static constexpr const char* kModel = "stories656k.gguf";
  static inline const std::vector<std::string> kPrompts{
      "Once upon a time", "The dog and the cat. The dog and the cat. The dog", "One day, Lily", "A big bear was"};

  void start(Speculation mode, bool draft = false) {
    LoadOptions options{.context = 512, .parallel = 4};
    options.speculation = mode;
    if (draft) options.draft = shared_model(kModel);
    counter = std::make_shared<StepCounter>();
    load(options, kModel, counter);
  }
  std::vector<GenerateRequest> requests(float temperature) {
    std::vector<GenerateRequest> out;
    for (std::size_t i = 0; i < kPrompts.size(); ++i) {
      out.push_back(request(kPrompts[i], 60));
      out.back().generation.sampling.temperature = temperature;
      out.back().generation.sampling.seed = static_cast<std::uint32_t>(i + 1);
      out.back().generation.cache_prompt = false;
    }
    return out;
  }
  std::vector<std::string> texts(float temperature, bool together) {
    std::vector<std::string> out;
    if (together) {
      for (const auto& outcomes : run(requests(temperature))) out.push_back(outcomes[0].text);
    } else {
      for (auto& r : requests(temperature)) out.push_back(run_one(std::move(r)).text);
    }
    return out;
  }
  /// Short answers, three seeds a prompt.
  std::vector<std::string> sampled() {
    std::vector<std::string> out;
    for (std::uint32_t seed = 1; seed <= 3; ++seed) {
      for (GenerateRequest& r : requests(0.9F)) {
        r.generation.max_tokens = 16;
        r.generation.sampling.seed = *r.generation.sampling.seed + 10 * seed;
        out.push_back(run_one(std::move(r)).text);
      }
    }
    return out;
  }
  std::shared_ptr<StepCounter> counter;
};

TEST_F(SpeculativeDecoding, GreedyAnswersAreTheSameTokenForToken) {
  start(Speculation::off);
  if (IsSkipped()) return;
  const auto plain = texts(0, false);
  for (const bool draft : {false, true}) {
    for (const bool together : {false, true}) {
      start(Speculation::always, draft);
      EXPECT_EQ(texts(0, together), plain) << (draft ? "draft model" : "lookup") << (together ? ", together" : "");
    }
  }
}

/// Products of several columns round otherwise than products of one, on some processors by enough that 1 draw in 1,000
/// falls between the two. So a few answers may part ways; draws that were used up by guesses would change nearly all.
TEST_F(SpeculativeDecoding, SampledAnswersAreTheSameForASeed) {
  start(Speculation::off);
  if (IsSkipped()) return;
  const auto plain = sampled();
  for (const bool draft : {false, true}) {
    start(Speculation::always, draft);
    const auto guessed = sampled();
    int same = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) same += guessed[i] == plain[i] ? 1 : 0;
    EXPECT_GE(same, 10) << "of " << plain.size() << (draft ? ", draft model" : ", lookup");
  }
}

TEST_F(SpeculativeDecoding, AModelThatGuessesItselfIsAlwaysRight) {
  start(Speculation::always, true);
  if (IsSkipped()) return;
  run_one(request("Once upon a time", 2));
  counter->steps = 0;
  const Outcome outcome = run_one(request("One day there was", 90));
  ASSERT_TRUE(outcome.finished);
  EXPECT_EQ(outcome.finished->usage.completion_tokens, 90);
  EXPECT_LE(counter->steps, 16) << "nine tokens a step";
}

TEST_F(SpeculativeDecoding, LookupTakesFewerStepsForTextThatRepeats) {
  start(Speculation::always);
  if (IsSkipped()) return;
  counter->steps = 0;
  GenerateRequest r = request("x", 64);
  r.grammar.gbnf = "root ::= [ab] (\" cat\" | \" dog\")+ \"!\"";  // few ways to go on, so the model repeats itself
  const Outcome outcome = run_one(std::move(r));
  ASSERT_TRUE(outcome.finished) << (outcome.error ? outcome.error->message : "");
  EXPECT_LT(counter->steps, 48) << outcome.finished->usage.completion_tokens << " tokens: " << outcome.text;
}

TEST_F(SpeculativeDecoding, StopsLimitsAndLogprobsHoldWithinWhatWasGuessed) {
  std::vector<Outcome> outcomes;
  for (const Speculation mode : {Speculation::off, Speculation::always}) {
    start(mode, mode == Speculation::always);
    if (IsSkipped()) return;
    for (const int most : {1, 2, 3, 7, 20}) outcomes.push_back(run_one(request("Once upon a time", most)));
    GenerateRequest stop = request("Once upon a time", 60);
    stop.generation.stop = {"girl named"};
    outcomes.push_back(run_one(std::move(stop)));
    GenerateRequest logprobs = request("Once upon a time", 20);
    logprobs.generation.logprobs = 2;
    outcomes.push_back(run_one(std::move(logprobs)));
    outcomes.push_back(run_one(request("Once upon a time", 1000)));  // until the context is full or it ends
  }
  const std::size_t half = outcomes.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const Outcome& plain = outcomes[i];
    const Outcome& guessed = outcomes[half + i];
    ASSERT_TRUE(plain.finished && guessed.finished) << i;
    EXPECT_EQ(guessed.text, plain.text) << i;
    EXPECT_EQ(guessed.finished->reason, plain.finished->reason) << i;
    EXPECT_EQ(guessed.finished->usage.completion_tokens, plain.finished->usage.completion_tokens) << i;
    ASSERT_EQ(guessed.logprobs.size(), plain.logprobs.size()) << i;
    for (std::size_t t = 0; t < plain.logprobs.size(); ++t) {
      EXPECT_EQ(guessed.logprobs[t].id, plain.logprobs[t].id);
      EXPECT_NEAR(guessed.logprobs[t].logprob, plain.logprobs[t].logprob, 0.02);
    }
  }
}

TEST_F(SpeculativeDecoding, WhatWasGuessedWrongLeavesNothingInTheCache) {
  start(Speculation::always);
  if (IsSkipped()) return;
  const Outcome first = run_one(request("The dog and the cat. The dog and the cat. The dog", 30));
  const InstanceStatus status = settled();
  EXPECT_EQ(status.cells_used, status.cells_cached);
  EXPECT_LE(status.cells_cached, first.finished->usage.prompt_tokens + 30);
  const Outcome again = run_one(request("The dog and the cat. The dog and the cat. The dog", 30));
  EXPECT_EQ(again.text, first.text) << "continued from what was kept";
}

TEST_F(SpeculativeDecoding, ADraftModelOfAnotherVocabularyIsRefused) {
  const auto path = shared_model("tiny50k.gguf");
  if (path.empty()) GTEST_SKIP() << "../shared/models is not here";
  LoadOptions options{.weights = {shared_model(kModel)}, .threads = 2};
  options.draft = path;
  auto model = Model::load(options);
  ASSERT_TRUE(model);
  const auto started = Instance::start(*model, options, nullptr);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("vocabulary"), std::string::npos) << started.error().message;
}

}  // namespace
}  // namespace hearth::engine
