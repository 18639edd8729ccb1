// SPDX-License-Identifier: Apache-2.0
// Rerankers and LoRA adapters: real files, made here, through the whole load path.
#include <gtest/gtest.h>

#include <unistd.h>
#include <cstdlib>
#include <filesystem>

#include "hearth/engine/instance.hpp"
#include "hearth/engine/prompt.hpp"
#include "made_files.hpp"

namespace hearth::engine {
namespace {

class MadeModels : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::unique_ptr<Instance> start(LoadOptions options) {
    options.threads = 2;
    auto model = Model::load(options);
    if (!model) {
      ADD_FAILURE() << model.error().message;
      return nullptr;
    }
    auto started = Instance::start(*model, options, nullptr);
    if (!started) ADD_FAILURE() << started.error().message;
    return started ? std::move(*started) : nullptr;
  }

  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("hearth-made-" + std::to_string(::getpid()));
  asio::io_context io;
};

Task<> embed(Instance& instance, EmbedJob job, Result<std::vector<std::vector<float>>>& out) {
  out = co_await instance.async_embed(std::move(job));
}

TEST_F(MadeModels, ARerankerScoresTheDocumentsThatSayRiverHigher) {
  tests::make_reranker(folder / "rank.gguf");
  const auto instance = start({.weights = {folder / "rank.gguf"}});
  ASSERT_TRUE(instance);
  ASSERT_TRUE(instance->model().facts().can_rerank);
  EmbedJob job{.inputs = {}, .rank = true};
  for (const char* document : {"stone cloud tree", "river river river", "river cloud tree"}) {
    auto prompt = rerank_prompt(instance->model(), "bird", document);
    ASSERT_TRUE(prompt) << prompt.error().message;
    EXPECT_EQ(prompt->size(), 8U);  // CLS, the query, EOS, SEP, three words, EOS
    job.inputs.push_back(std::move(*prompt));
  }
  Result<std::vector<std::vector<float>>> scores;
  asio::co_spawn(io, embed(*instance, std::move(job), scores), asio::detached);
  io.run();
  ASSERT_TRUE(scores) << scores.error().message;
  ASSERT_EQ(scores->size(), 3U);
  ASSERT_EQ(scores->front().size(), 1U);
  EXPECT_GT((*scores)[1][0], (*scores)[2][0]);
  EXPECT_GT((*scores)[2][0], (*scores)[0][0]);
}

TEST_F(MadeModels, ARerankerEmbedsOnlyWhenAskedHowToPool) {
  tests::make_reranker(folder / "rank.gguf");
  const auto instance = start({.weights = {folder / "rank.gguf"}});
  ASSERT_TRUE(instance);
  Result<std::vector<std::vector<float>>> refused;
  Result<std::vector<std::vector<float>>> vectors;
  asio::co_spawn(io, embed(*instance, {.inputs = {{2, 4, 3}}}, refused), asio::detached);
  asio::co_spawn(io, embed(*instance, {.inputs = {{2, 4, 3}}, .pooling = inference::Pooling::cls}, vectors),
                 asio::detached);
  io.run();
  ASSERT_FALSE(refused) << "one score was read as a vector of many";
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  ASSERT_TRUE(vectors) << vectors.error().message;
  EXPECT_EQ(vectors->front().size(), 32U);
}

TEST_F(MadeModels, AModelThatDoesNotRankSaysSo) {
  const char* shared = std::getenv("HEARTH_SHARED");
  const auto base = std::filesystem::path{shared != nullptr ? shared : ""} / "models/stories656k.gguf";
  if (!std::filesystem::exists(base)) GTEST_SKIP() << "../shared/models is not here";
  const auto instance = start({.weights = {base}});
  ASSERT_TRUE(instance);
  Result<std::vector<std::vector<float>>> scores;
  asio::co_spawn(io, embed(*instance, {.inputs = {{1, 2}}, .rank = true}, scores), asio::detached);
  io.run();
  ASSERT_FALSE(scores);
  EXPECT_EQ(scores.error().code, ErrorCode::unsupported);
}

class Adapters : public MadeModels {
 protected:
  void SetUp() override {
    MadeModels::SetUp();
    const char* shared = std::getenv("HEARTH_SHARED");
    base = std::filesystem::path{shared != nullptr ? shared : ""} / "models/stories656k.gguf";
    if (!std::filesystem::exists(base)) GTEST_SKIP() << "../shared/models is not here";
    tests::make_adapter(base, folder / "lora.gguf", 0.3F);
  }

  std::string story(std::vector<Adapter> adapters) {
    const auto instance = start({.weights = {base}, .adapters = std::move(adapters)});
    if (!instance) return {};
    GenerateRequest request;
    request.prompt = instance->model().tokenize("Once upon a time", true, true).value();
    request.generation.max_tokens = 16;
    request.generation.sampling.temperature = 0;
    auto generation = instance->submit(std::move(request), io.get_executor());
    std::string text;
    io.restart();
    asio::co_spawn(io, read(**generation, text), asio::detached);
    io.run();
    return text;
  }
  static Task<> read(Generation& generation, std::string& text) {
    while (auto event = co_await generation.async_next()) {
      if (const auto* delta = std::get_if<inference::TextDelta>(&event->body)) text += delta->text;
    }
  }

  std::filesystem::path base;
};

TEST_F(Adapters, AnAdapterChangesTheAnswerAndScaleZeroDoesNot) {
  const std::string plain = story({});
  EXPECT_FALSE(plain.empty());
  EXPECT_EQ(story({{.path = folder / "lora.gguf", .scale = 0.0F}}), plain);
  const std::string adapted = story({{.path = folder / "lora.gguf", .scale = 1.0F}});
  EXPECT_NE(adapted, plain);
  EXPECT_EQ(story({{.path = folder / "lora.gguf", .scale = 1.0F}}), adapted);
  EXPECT_EQ(story({{.path = folder / "lora.gguf", .scale = 0.5F}, {.path = folder / "lora.gguf", .scale = 0.5F}}),
            adapted)
      << "two halves are a whole";
}

TEST_F(Adapters, AnAdapterThatDoesNotFitIsAnErrorThatNamesIt) {
  tests::make_reranker(folder / "rank.gguf");
  for (const char* name : {"rank.gguf", "missing.gguf"}) {
    const auto model = Model::load({.weights = {base}, .adapters = {{.path = folder / name, .scale = 1}}});
    ASSERT_FALSE(model);
    EXPECT_NE(model.error().message.find(name), std::string::npos) << model.error().message;
  }
}

}  // namespace
}  // namespace hearth::engine
