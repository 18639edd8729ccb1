// SPDX-License-Identifier: Apache-2.0
// Prefixes that lost their KV cells come back as they were, from memory, from files, and after a restart.
#include <mutex>

#include "hearth/base/id.hpp"
#include "stories.hpp"

namespace hearth::engine {
namespace {

namespace fs = std::filesystem;

class PrefixKeepingTest : public Stories {
 protected:
  static constexpr int kWords = 130;  // tokens of each story's beginning, more than half of the cells
  static constexpr int kSame = 2;     // with which all of them begin

  ~PrefixKeepingTest() override { fs::remove_all(folder); }

  void start(std::uint64_t memory, std::uint64_t disk) {
    load({.context = 256, .parallel = 1, .cells = 256}, "stories656k.gguf", nullptr,
         {.memory = memory, .disk = disk, .folder = folder, .model = "stories", .background = {}});
  }
  /// The beginning of a story that differs from others in its first word.
  GenerateRequest story(const std::string& first) {
    GenerateRequest r = request(first, 20);
    const auto more =
        instance->model().tokenize(" Once upon a time there was a big dog and a cat.", false, true).value();
    while (r.prompt.size() < kWords) r.prompt.insert(r.prompt.end(), more.begin(), more.end());
    r.prompt.resize(kWords);
    return r;
  }
  Outcome tell(const std::string& first, std::string salt = {}) {
    GenerateRequest r = story(first);
    r.generation.cache_salt = std::move(salt);
    return run_one(std::move(r));
  }

  fs::path folder = fs::temp_directory_path() / random_id("hearth-prefixes-");
};

TEST_F(PrefixKeepingTest, WithoutAShelfWhatLostItsCellsIsComputedAgain) {
  start(0, 0);
  if (IsSkipped()) return;
  tell("Lily");
  tell("Tom");
  EXPECT_LE(tell("Lily").prompt->cached_tokens, kSame);
}

TEST_F(PrefixKeepingTest, MemoryBringsThemBackAndTheAnswerIsTheSame) {
  start(64 << 20, 0);
  if (IsSkipped()) return;
  const Outcome first = tell("Lily");
  EXPECT_EQ(first.prompt->cached_tokens, 0);
  tell("Tom");
  EXPECT_GT(instance->status().prefix_memory, 0U);
  const Outcome again = tell("Lily");
  EXPECT_EQ(again.prompt->cached_tokens, kWords - 1);
  EXPECT_EQ(again.text, first.text);
  tell("Tom");
  EXPECT_EQ(tell("Lily", "another tenant").prompt->cached_tokens, 0);
}

TEST_F(PrefixKeepingTest, PressureGivesTheMemoryBack) {
  start(64 << 20, 0);
  if (IsSkipped()) return;
  tell("Lily");
  tell("Tom");
  instance->drop_cached_prefixes();
  EXPECT_LE(tell("Lily").prompt->cached_tokens, kSame);
}

TEST_F(PrefixKeepingTest, FilesOutliveARestart) {
  start(64 << 20, 64 << 20);
  if (IsSkipped()) return;
  const Outcome first = tell("Lily");
  tell("Tom");
  instance.reset();
  start(64 << 20, 64 << 20);
  EXPECT_GT(instance->status().prefix_disk, 0U);
  for (const char* name : {"Lily", "Tom"}) {
    const Outcome again = tell(name);
    ASSERT_TRUE(again.finished) << (again.error ? again.error->message : "");
    EXPECT_EQ(again.prompt->cached_tokens, kWords - 1) << name;
    if (name == std::string{"Lily"}) EXPECT_EQ(again.text, first.text);
  }
}

TEST_F(PrefixKeepingTest, WhoWaitsForAFileEndsAtItsDeadline) {
  start(64 << 20, 64 << 20);
  if (IsSkipped()) return;
  tell("Lily");
  instance.reset();
  std::mutex mutex;
  std::vector<std::function<void()>> held;
  load({.context = 256, .parallel = 1, .cells = 256}, "stories656k.gguf", nullptr,
       {.memory = 64 << 20, .disk = 64 << 20, .folder = folder, .model = "stories", .background = [&](auto job) {
          const std::scoped_lock lock{mutex};
          held.push_back(std::move(job));
        }});
  GenerateRequest r = story("Lily");
  r.deadline = Deadline::after(Clock::now(), std::chrono::milliseconds{300});
  auto generation = instance->submit(std::move(r), io.get_executor());
  ASSERT_TRUE(generation);
  std::vector<Outcome> out;
  io.restart();
  asio::co_spawn(io, collect(std::move(*generation), out), asio::detached);
  io.run_for(std::chrono::seconds{20});
  ASSERT_EQ(out.size(), 1U);
  ASSERT_TRUE(out[0].error);
  EXPECT_EQ(out[0].error->code, ErrorCode::deadline_exceeded);
  {
    const std::scoped_lock lock{mutex};
    EXPECT_EQ(held.size(), 1U) << "the file is still to be read";
  }
  instance.reset();
}

TEST_F(PrefixKeepingTest, DamagedFilesAreComputedAgain) {
  start(64 << 20, 64 << 20);
  if (IsSkipped()) return;
  const Outcome first = tell("Lily");
  instance.reset();
  for (const auto& file : fs::recursive_directory_iterator{folder}) {
    if (file.is_regular_file()) fs::resize_file(file.path(), file.file_size() / 2);
  }
  start(64 << 20, 64 << 20);
  const Outcome again = tell("Lily");
  EXPECT_EQ(again.prompt->cached_tokens, 0);
  EXPECT_EQ(again.text, first.text);
}

}  // namespace
}  // namespace hearth::engine
