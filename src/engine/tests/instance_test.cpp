// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/instance.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "hearth/engine/estimate.hpp"
#include "stories.hpp"

namespace hearth::engine {
namespace {

TEST_F(Stories, GreedyAnswerIsAStoryAndStable) {
  load({});
  if (IsSkipped()) return;
  const Outcome first = run_one(request("Once upon a time", 40));
  ASSERT_TRUE(first.finished);
  EXPECT_EQ(first.finished->reason, inference::FinishReason::length);
  EXPECT_EQ(first.finished->usage.completion_tokens, 40);
  EXPECT_TRUE(first.text.starts_with(", a little girl named Lily lived in a small house")) << first.text;
  EXPECT_EQ(run_one(request("Once upon a time", 40)).text, first.text);
}

TEST_F(Stories, ABatchGivesEachTheAnswerItGetsAlone) {
  load({.context = 512, .parallel = 8});
  if (IsSkipped()) return;
  const std::vector<std::string> prompts{"Once upon a time", "The dog", "One day, Lily", "A big bear was"};
  std::vector<std::string> alone;
  for (const auto& p : prompts) {
    GenerateRequest r = request(p, 30);
    r.generation.cache_prompt = false;
    alone.push_back(run_one(std::move(r)).text);
  }
  std::vector<GenerateRequest> together;
  for (const auto& p : prompts) together.push_back(request(p, 30));
  const auto outcomes = run(std::move(together));
  for (std::size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(outcomes[i][0].text, alone[i]) << prompts[i];
}

TEST_F(Stories, AHundredStreamsInOneStepAnswerAsOneDoes) {
  load({.context = 64, .parallel = 100});
  if (IsSkipped()) return;
  const std::vector<std::string> prompts{"Once upon a time", "The dog", "One day, Lily", "A big bear was"};
  std::vector<std::string> alone;
  for (const auto& p : prompts) alone.push_back(run_one(request(p, 30)).text);
  std::vector<GenerateRequest> together;
  for (std::size_t i = 0; i < 100; ++i) {
    together.push_back(request(prompts[i % prompts.size()], 30));
    together.back().generation.cache_prompt = false;
  }
  const auto outcomes = run(std::move(together));
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(outcomes[i][0].text, alone[i % prompts.size()]) << i;
}

TEST_F(Stories, SeedDecidesTheSampledAnswer) {
  load({});
  if (IsSkipped()) return;
  const auto sampled = [&](std::uint32_t seed) {
    GenerateRequest r = request("Once upon a time", 30);
    r.generation.sampling.temperature = 1.0F;
    r.generation.sampling.seed = seed;
    return run_one(std::move(r)).text;
  };
  EXPECT_EQ(sampled(42), sampled(42));
  EXPECT_NE(sampled(42), sampled(43));
}

TEST_F(Stories, ChoicesShareThePromptAndDiffer) {
  load({});
  if (IsSkipped()) return;
  GenerateRequest r = request("Once upon a time there was a little girl", 20);
  r.generation.n = 3;
  r.generation.sampling.temperature = 1.5F;
  r.generation.sampling.seed = 1;
  std::vector<GenerateRequest> requests;
  requests.push_back(std::move(r));
  const auto choices = run(std::move(requests))[0];
  ASSERT_EQ(choices.size(), 3U);
  for (const Outcome& c : choices) EXPECT_EQ(c.finished->usage.completion_tokens, 20);
  EXPECT_NE(choices[0].text, choices[1].text);
}

TEST_F(Stories, ARepeatedPromptComesFromTheCacheAndSaysSo) {
  load({});
  if (IsSkipped()) return;
  const Outcome cold = run_one(request("Once upon a time there was a little girl named Lily.", 10));
  const Outcome warm = run_one(request("Once upon a time there was a little girl named Lily.", 10));
  EXPECT_EQ(cold.finished->usage.cached_tokens, 0);
  EXPECT_EQ(warm.finished->usage.cached_tokens, warm.finished->usage.prompt_tokens - 1);
  EXPECT_EQ(warm.text, cold.text);
}

TEST_F(Stories, StopStringEndsTheAnswerAndIsNotPartOfIt) {
  load({});
  if (IsSkipped()) return;
  GenerateRequest r = request("Once upon a time", 100);
  r.generation.stop = {"named Li"};
  const Outcome o = run_one(std::move(r));
  EXPECT_EQ(o.finished->reason, inference::FinishReason::stop_sequence);
  EXPECT_EQ(o.finished->stop_sequence, "named Li");
  EXPECT_EQ(o.text, ", a little girl ");
}

TEST_F(Stories, LogprobsAreNormalisedAndSorted) {
  load({});
  if (IsSkipped()) return;
  GenerateRequest r = request("Once upon a time", 5);
  r.generation.logprobs = 5;
  const Outcome o = run_one(std::move(r));
  ASSERT_EQ(o.logprobs.size(), 5U);
  for (const auto& l : o.logprobs) {
    ASSERT_EQ(l.top.size(), 5U);
    EXPECT_EQ(l.top[0].id, l.id) << "greedy takes the most likely";
    double sum = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      sum += std::exp(l.top[i].logprob);
      if (i > 0) {
        EXPECT_GE(l.top[i - 1].logprob, l.top[i].logprob);
      }
    }
    EXPECT_LE(sum, 1.0001);
  }
  EXPECT_LT(o.finished->mean_logprob, 0);
}

TEST_F(Stories, PromptLogprobsCoverEveryToken) {
  load({.context = 512, .parallel = 2, .batch = 16});
  if (IsSkipped()) return;
  GenerateRequest r = request(
      "Once upon a time there was a little girl named Lily. She liked to play with her dog in the big park "
      "near the house and the dog was very happy to see her play every day. One day the dog saw a big "
      "cat and the cat saw the dog and they ran and ran and ran until the sun was down.",
      0);
  const std::size_t n = r.prompt.size();
  ASSERT_GT(n, 40U) << "longer than one step's rows";
  r.prompt_logprobs = true;
  r.generation.logprobs = 1;
  const Outcome o = run_one(std::move(r));
  ASSERT_TRUE(o.prompt);
  ASSERT_EQ(o.prompt->prompt_logprobs.size(), n);
  EXPECT_EQ(o.prompt->prompt_logprobs[0].logprob, 0) << "nothing predicts the first";
  for (std::size_t i = 1; i < n; ++i) EXPECT_LT(o.prompt->prompt_logprobs[i].logprob, 0);
  EXPECT_EQ(o.finished->usage.completion_tokens, 0);
}

TEST_F(Stories, LongRequestsTakeTurnsInASmallCacheAndAllComplete) {
  load({.context = 256, .parallel = 8, .cells = 512});
  if (IsSkipped()) return;
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 8; ++i) {
    GenerateRequest r = request("Story " + std::to_string(i) + ": Once upon a time", 200);
    r.generation.sampling.ignore_eos = true;
    requests.push_back(std::move(r));
  }
  for (const auto& outcome : run(std::move(requests))) {
    ASSERT_TRUE(outcome[0].finished) << (outcome[0].error ? outcome[0].error->message : "no end");
    EXPECT_EQ(outcome[0].finished->usage.completion_tokens, 200);
  }
  EXPECT_GT(instance->status().preemptions, 0U);
}

TEST_F(Stories, WhatCannotFitIsRefusedWithTheNumbers) {
  load({.context = 64, .parallel = 1});
  if (IsSkipped()) return;
  GenerateRequest r = request("x", 1);
  r.prompt.assign(100, r.prompt[0]);
  const Outcome o = run_one(std::move(r));
  ASSERT_TRUE(o.error);
  EXPECT_EQ(o.error->code, ErrorCode::context_too_long);
  EXPECT_NE(o.error->message.find("100"), std::string::npos);
  EXPECT_NE(o.error->message.find("64"), std::string::npos);
}

TEST_F(Stories, AFullQueueIsRefusedWithATimeToComeBack) {
  load({.context = 512, .parallel = 1, .max_queue = 2});
  if (IsSkipped()) return;
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 8; ++i) {
    requests.push_back(request("Once upon a time", 200));
    requests.back().generation.sampling.ignore_eos = true;
  }
  int refused = 0;
  for (const auto& outcome : run(std::move(requests))) {
    if (!outcome[0].error) continue;
    EXPECT_EQ(outcome[0].error->code, ErrorCode::rate_limited);
    EXPECT_TRUE(outcome[0].error->retry_after);
    ++refused;
  }
  EXPECT_EQ(refused, 5);
}

TEST_F(Stories, ACancelledRequestLeavesItsPlaceToTheNext) {
  load({.context = 512, .parallel = 1});
  if (IsSkipped()) return;
  GenerateRequest endless = request("Once upon a time", 400);
  endless.generation.sampling.ignore_eos = true;
  auto generation = instance->submit(std::move(endless), io.get_executor());
  ASSERT_TRUE(generation);
  generation->reset();
  EXPECT_TRUE(run_one(request("The dog", 5)).finished);
}

TEST_F(Stories, TextTheVocabularyLacksNamesTheCharacter) {
  load({});
  if (IsSkipped()) return;
  const auto tokens = instance->model().tokenize("brace { here", true, true);
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().code, ErrorCode::invalid_request);
  EXPECT_NE(tokens.error().message.find("\"{\""), std::string::npos) << tokens.error().message;
}

TEST_F(Stories, AGrammarHoldsAndAnImpossibleOneIsAnError) {
  load({});
  if (IsSkipped()) return;
  for (const bool masked : {true, false}) {  // by our masks, and by libllama's grammar
    GenerateRequest r = request("Once upon a time", 20);
    r.grammar.gbnf = "root ::= \" the\" (\" cat\" | \" dog\")+ \".\"";
    if (masked) ASSERT_TRUE(compile_mask(r.grammar, instance->model()));
    ASSERT_EQ(r.grammar.mask != nullptr, masked);
    const Outcome held = run_one(std::move(r));
    ASSERT_TRUE(held.finished) << (held.error ? held.error->message : "");
    EXPECT_TRUE(held.text.starts_with(" the cat") || held.text.starts_with(" the dog")) << held.text;

    GenerateRequest braces = request("Once upon a time", 20);
    braces.grammar.gbnf = "root ::= \"{\"";
    if (masked) ASSERT_TRUE(compile_mask(braces.grammar, instance->model()));
    const Outcome impossible = run_one(std::move(braces));
    ASSERT_TRUE(impossible.error) << impossible.text;
    EXPECT_EQ(impossible.error->code, ErrorCode::invalid_request);
  }
}

TEST_F(Stories, TheLargestLogitsSampleLikeAllOfThem) {
  load({});
  if (IsSkipped()) return;
  for (const std::uint32_t seed : {1U, 2U, 3U, 4U}) {
    std::string texts[2];
    for (const bool all : {false, true}) {
      GenerateRequest r = request("Once upon a time", 60);
      r.generation.sampling.temperature = 0.9F;
      r.generation.sampling.top_k = 40;
      r.generation.sampling.top_p = 0.95F;
      r.generation.sampling.seed = seed;
      // A bias of nothing changes nothing, and libllama's chain sees the whole vocabulary.
      if (all) r.generation.sampling.logit_bias.push_back({.token = std::int32_t{5}, .bias = 0});
      texts[all ? 1 : 0] = run_one(std::move(r)).text;
    }
    EXPECT_EQ(texts[0], texts[1]) << seed;
    EXPECT_GT(texts[0].size(), 60U);
  }
}

struct StepCounter : Observer {
  std::atomic<int> steps = 0;
  void step(std::int32_t, Seconds) override { ++steps; }
};

TEST_F(Stories, WhatAConstraintForcesIsNotSampledTokenByToken) {
  const auto counter = std::make_shared<StepCounter>();
  load({.context = 512}, "tiny50k.gguf", counter);
  if (IsSkipped()) return;
  const std::string forced = "the quick brown fox jumps over the lazy dog and then it sleeps";
  for (const bool masked : {true, false}) {
    GenerateRequest r = request("Say it", 60);
    r.grammar.gbnf = "root ::= \"" + forced + "\" [ab]";
    if (masked) ASSERT_TRUE(compile_mask(r.grammar, instance->model()));
    counter->steps = 0;
    const Outcome outcome = run_one(std::move(r));
    ASSERT_TRUE(outcome.finished) << (outcome.error ? outcome.error->message : "");
    EXPECT_TRUE(outcome.text.starts_with(forced)) << outcome.text;
    EXPECT_EQ(outcome.finished->reason, inference::FinishReason::stop);
    const std::int64_t tokens = outcome.finished->usage.completion_tokens;
    if (masked) {
      EXPECT_LE(counter->steps, 7) << tokens << " tokens";
    } else {
      EXPECT_GE(counter->steps, tokens - 1);
    }
  }
  GenerateRequest cut = request("Say it", 5);  // max_tokens holds for forced tokens, too
  cut.grammar.gbnf = "root ::= \"" + forced + "\"";
  ASSERT_TRUE(compile_mask(cut.grammar, instance->model()));
  const Outcome outcome = run_one(std::move(cut));
  ASSERT_TRUE(outcome.finished);
  EXPECT_EQ(outcome.finished->usage.completion_tokens, 5);
  EXPECT_EQ(outcome.finished->reason, inference::FinishReason::length);
}

TEST_F(Stories, MasksChooseWhatLibllamasGrammarChooses) {
  load({});
  if (IsSkipped()) return;
  for (const float temperature : {0.0F, 0.8F}) {
    for (const std::uint32_t seed : {1U, 2U, 3U}) {
      std::string texts[2];
      for (const bool masked : {true, false}) {
        GenerateRequest r = request("Once upon a time", 24);
        r.generation.sampling.temperature = temperature;
        r.generation.sampling.seed = seed;
        r.grammar.gbnf = "root ::= \" \"? [a-z]+ (\" \" [a-z]+)* [.!]";  // nothing of it is forced
        if (masked) ASSERT_TRUE(compile_mask(r.grammar, instance->model()));
        texts[masked ? 1 : 0] = run_one(std::move(r)).text;
      }
      EXPECT_EQ(texts[0], texts[1]) << "temperature " << temperature << ", seed " << seed;
      EXPECT_EQ(texts[0].find(','), std::string::npos) << texts[0];
      EXPECT_GT(texts[0].size(), 20U);
    }
  }
}

Task<> embed(Instance& instance, EmbedJob job, Result<std::vector<std::vector<float>>>& out) {
  out = co_await instance.async_embed(std::move(job));
}

TEST_F(Stories, EmbedsBesideGeneratingFromTheSameWeights) {
  load({});
  if (IsSkipped()) return;
  EmbedJob job;
  for (int i = 0; i < 20; ++i) job.inputs.push_back(instance->model().tokenize("The dog", true, true).value());
  job.inputs.push_back(instance->model().tokenize("A little girl", true, true).value());
  Result<std::vector<std::vector<float>>> vectors;
  asio::co_spawn(io, embed(*instance, std::move(job), vectors), asio::detached);
  std::vector<Outcome> story;
  asio::co_spawn(io, collect(std::move(*instance->submit(request("Once", 20), io.get_executor())), story),
                 asio::detached);
  io.run();
  ASSERT_TRUE(vectors) << vectors.error().message;
  ASSERT_EQ(vectors->size(), 21U);
  EXPECT_EQ(vectors->front().size(), static_cast<std::size_t>(instance->model().facts().embedding_size));
  for (std::size_t d = 0; d < vectors->front().size(); ++d) EXPECT_NEAR((*vectors)[0][d], (*vectors)[19][d], 1e-3);
  EXPECT_NE((*vectors)[0], (*vectors)[20]);
  EXPECT_EQ(story[0].finished->usage.completion_tokens, 20);
}

TEST_F(Stories, EstimateMatchesWhatLoadingTakes) {
  for (const char* name : {"stories656k.gguf", "tiny50k.gguf"}) {
    LoadOptions options{.context = 512, .parallel = 4};
    load(options, name);
    if (IsSkipped()) return;
    options.weights = {shared_model(name)};
    const auto predicted = estimate(options);
    ASSERT_TRUE(predicted) << predicted.error().message;
    const auto real = static_cast<double>(instance->bytes());
    EXPECT_NEAR(static_cast<double>(predicted->total()), real, 0.05 * real) << name;
  }
}

TEST(Load, AFileThatIsNoModelIsOneClearError) {
  const auto path = std::filesystem::temp_directory_path() / "hearth_not_a_model.gguf";
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs("not a model", file);
  std::fclose(file);
  const auto model = Model::load({.weights = {path}});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::corrupt_data);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace hearth::engine
