// SPDX-License-Identifier: Apache-2.0
// Models that do not remember every token alike: sharing what is computed must not change what they say.
#include "hearth/base/id.hpp"
#include "made_files.hpp"
#include "stories.hpp"

namespace hearth::engine {
namespace {

namespace fs = std::filesystem;

class OtherMemories : public Stories {
 protected:
  void SetUp() override {
    base = shared_model("stories656k.gguf");
    if (base.empty()) GTEST_SKIP() << "../shared/models is not here";
    fs::create_directories(folder);
  }
  void TearDown() override {
    instance.reset();
    fs::remove_all(folder);
  }

  /// `size` tokens of a text; the first `same` of them are everybody's.
  GenerateRequest text(const std::string& own, std::size_t size, std::size_t same) {
    GenerateRequest r = request("Once upon a time there was a big dog and a cat who liked to play in the park.", 24);
    r.generation.sampling.ignore_eos = true;
    const auto beginning = r.prompt;
    while (r.prompt.size() < same) r.prompt.insert(r.prompt.end(), beginning.begin() + 1, beginning.end());
    r.prompt.resize(same);
    const auto more = instance->model().tokenize(own, false, true).value();
    while (r.prompt.size() < size) r.prompt.insert(r.prompt.end(), more.begin(), more.end());
    r.prompt.resize(size);
    return r;
  }
  Outcome alone(GenerateRequest r) {
    r.generation.cache_prompt = false;
    Outcome outcome = run_one(std::move(r));
    EXPECT_EQ(outcome.prompt->cached_tokens, 0);
    return outcome;
  }
  /// Texts that leave a common beginning at different places, and one that goes on behind another's end.
  std::vector<GenerateRequest> family() {
    std::vector<GenerateRequest> requests;
    requests.push_back(text(" Lily saw a red ball.", 150, 120));
    requests.push_back(text(" Tom was very sad.", 150, 120));
    requests.push_back(text(" The bird flew away.", 150, 60));
    requests.push_back(text(" Lily saw a red ball.", 200, 120));
    return requests;
  }
  void expect_answers_as_alone(bool shares) {
    std::vector<std::vector<TokenId>> expected;
    for (GenerateRequest& r : family()) expected.push_back(alone(std::move(r)).tokens);
    EXPECT_NE(expected[0], expected[1]) << "a test in which all answers are the same sees nothing";
    std::int32_t reused = 0;
    std::size_t i = 0;
    for (GenerateRequest& r : family()) {  // one after the other
      const Outcome outcome = run_one(std::move(r));
      EXPECT_EQ(outcome.tokens, expected[i]) << "text " << i;
      reused += outcome.prompt->cached_tokens;
      ++i;
    }
    const auto together = run(family());
    for (i = 0; i < together.size(); ++i) {
      EXPECT_EQ(together[i][0].tokens, expected[i]) << "text " << i << " beside the others";
      reused += together[i][0].prompt->cached_tokens;
    }
    EXPECT_EQ(reused > 0, shares) << reused;
  }
  /// Again and again around the cache: what a window has left behind is overwritten before free cells are.
  void expect_answers_as_alone_around_the_cache() {
    std::vector<std::vector<TokenId>> expected;
    for (GenerateRequest& r : family()) expected.push_back(alone(std::move(r)).tokens);
    for (int round = 0; round < 6; ++round) {
      std::size_t i = 0;
      for (GenerateRequest& r : family()) {
        EXPECT_EQ(run_one(std::move(r)).tokens, expected[i]) << "text " << i << " in round " << round;
        run_one(text(" The bird flew away.", 60 + static_cast<std::size_t>(round) * 10, 1));
        ++i;
      }
    }
  }

  fs::path base;
  fs::path folder = fs::temp_directory_path() / random_id("hearth-memories-");
};

TEST_F(OtherMemories, ASlidingWindowSharesPrefixesAndAnswersAsAlone) {
  tests::make_sliding(base, folder / "sliding.gguf", 32);
  load_file(folder / "sliding.gguf", {.context = 512, .parallel = 4, .cells = 2048});
  ASSERT_EQ(instance->model().facts().sliding_window, 32);
  expect_answers_as_alone(true);
}

TEST_F(OtherMemories, ASlidingWindowWhoseOldCellsWereTakenIsNotShared) {
  tests::make_sliding(base, folder / "sliding.gguf", 32);
  load_file(folder / "sliding.gguf", {.context = 512, .parallel = 2, .cells = 512});
  expect_answers_as_alone_around_the_cache();
}

TEST_F(OtherMemories, ASlidingWindowComesBackFromMemoryWhereItEnded) {
  tests::make_sliding(base, folder / "sliding.gguf", 32);
  load_file(folder / "sliding.gguf", {.context = 512, .parallel = 2, .cells = 512}, nullptr,
            {.memory = 64 << 20, .disk = 0, .folder = folder, .model = "sliding", .background = {}});
  expect_answers_as_alone_around_the_cache();
  EXPECT_GT(instance->status().prefix_memory, 0U);
}

TEST_F(OtherMemories, RecurrentStateIsSharedWithNobody) {
  tests::make_recurrent(base, folder / "recurrent.gguf");
  load_file(folder / "recurrent.gguf", {.context = 512, .parallel = 4, .cells = 2048});
  ASSERT_TRUE(instance->model().facts().recurrent);
  expect_answers_as_alone(false);
}

}  // namespace
}  // namespace hearth::engine
