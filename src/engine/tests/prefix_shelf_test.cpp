// SPDX-License-Identifier: Apache-2.0
#include "../src/prefix_shelf.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "hearth/base/id.hpp"

namespace hearth::engine {
namespace {

namespace fs = std::filesystem;

PrefixShelf::Tokens tokens(int first, int count) {
  PrefixShelf::Tokens out(static_cast<std::size_t>(count));
  std::iota(out.begin(), out.end(), first);
  return out;
}
PrefixShelf::Bytes bytes(std::size_t count, std::uint8_t value) { return PrefixShelf::Bytes(count, value); }

class Shelf : public ::testing::Test {
 protected:
  ~Shelf() override { fs::remove_all(folder.parent_path()); }

  PrefixShelf make(std::uint64_t memory, std::uint64_t disk, std::string key = "model") {
    return {{.memory = memory, .disk = disk, .folder = folder, .key = std::move(key)},
            [this](std::function<void()> job) { jobs.push_back(std::move(job)); },
            [this] { ++read; }};
  }
  void run_jobs() {
    for (const auto& job : std::exchange(jobs, {})) job();
  }
  std::size_t files() const {
    std::error_code error;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator{folder, error}, fs::directory_iterator{}));
  }

  fs::path folder = fs::temp_directory_path() / random_id("hearth-shelf-") / "model";
  std::vector<std::function<void()>> jobs;
  int read = 0;
};

TEST_F(Shelf, FindsTheLongestPrefixOfTheSameSalt) {
  auto shelf = make(1000, 0);
  shelf.put(tokens(1, 50), "a", bytes(10, 1));
  auto longer = tokens(1, 30);
  longer.insert(longer.end(), {900, 901});
  shelf.put(longer, "a", bytes(10, 2));
  const auto found = shelf.find(tokens(1, 100), 99, "a");
  EXPECT_EQ(found.length, 50);
  EXPECT_EQ(found.size, 50);
  EXPECT_TRUE(found.ready);
  EXPECT_EQ(shelf.find(tokens(1, 100), 40, "a").length, 40) << "at most the limit";
  EXPECT_EQ(shelf.find(tokens(1, 100), 99, "b").key, 0U) << "another tenant";
  EXPECT_EQ(shelf.find(tokens(2, 100), 99, "a").key, 0U);
  ASSERT_TRUE(shelf.state(found.key));
  EXPECT_EQ(*shelf.state(found.key), bytes(10, 1));
}

TEST_F(Shelf, ALongerVersionTakesThePlaceOfAShorterOne) {
  auto shelf = make(1000, 0);
  shelf.put(tokens(1, 50), "", bytes(10, 1));
  shelf.put(tokens(1, 80), "", bytes(20, 2));
  EXPECT_EQ(shelf.size(), 1U);
  EXPECT_EQ(shelf.memory_used(), 20U);
  shelf.put(tokens(1, 60), "", bytes(15, 3));
  EXPECT_EQ(shelf.size(), 1U) << "the longer one serves it";
  EXPECT_TRUE(shelf.has(tokens(1, 60), ""));
}

TEST_F(Shelf, MemoryIsBoundedAndTheLongestUnusedGoesFirst) {
  auto shelf = make(100, 0);
  shelf.put(tokens(100, 50), "", bytes(40, 1));
  shelf.put(tokens(200, 50), "", bytes(40, 2));
  EXPECT_TRUE(shelf.state(shelf.find(tokens(100, 60), 59, "").key)) << "used again";
  shelf.put(tokens(300, 50), "", bytes(40, 3));
  EXPECT_EQ(shelf.find(tokens(200, 60), 59, "").key, 0U);
  EXPECT_NE(shelf.find(tokens(100, 60), 59, "").key, 0U);
  EXPECT_LE(shelf.memory_used(), 100U);
  EXPECT_FALSE(shelf.takes(101));
  shelf.put(tokens(400, 50), "", bytes(101, 4));
  EXPECT_EQ(shelf.find(tokens(400, 60), 59, "").key, 0U);
  shelf.drop_memory();
  EXPECT_EQ(shelf.size(), 0U);
  EXPECT_EQ(shelf.memory_used(), 0U);
}

TEST_F(Shelf, WhatMemoryHasNoRoomForGoesToFilesAndComesBack) {
  auto shelf = make(100, 100);
  shelf.put(tokens(100, 50), "", bytes(80, 1));
  shelf.put(tokens(200, 50), "", bytes(80, 2));
  run_jobs();
  EXPECT_EQ(files(), 1U);
  const auto found = shelf.find(tokens(100, 60), 59, "");
  ASSERT_EQ(found.length, 50);
  EXPECT_FALSE(found.ready);
  shelf.fetch(found.key);
  EXPECT_TRUE(shelf.fetching(found.key));
  EXPECT_EQ(shelf.state(found.key), nullptr) << "not yet";
  run_jobs();
  EXPECT_EQ(read, 1);
  EXPECT_FALSE(shelf.fetching(found.key));
  EXPECT_TRUE(shelf.find(tokens(100, 60), 59, "").ready);
  ASSERT_TRUE(shelf.state(found.key));
  EXPECT_EQ(*shelf.state(found.key), bytes(80, 1));
  run_jobs();
  EXPECT_LE(shelf.memory_used(), 100U);
  EXPECT_LE(shelf.disk_used(), 100U);
  EXPECT_LE(files(), 1U);
}

TEST_F(Shelf, FilesOutliveTheProcessAndFitTheirModelOnly) {
  {
    auto shelf = make(100, 1000);
    shelf.put(tokens(100, 50), "tenant", bytes(80, 7));
    shelf.save_all();
    run_jobs();
  }
  auto later = make(100, 1000);
  EXPECT_EQ(later.disk_used(), 80U);
  const auto found = later.find(tokens(100, 60), 59, "tenant");
  ASSERT_EQ(found.length, 50);
  later.fetch(found.key);
  run_jobs();
  ASSERT_TRUE(later.state(found.key));
  EXPECT_EQ(*later.state(found.key), bytes(80, 7));
  EXPECT_EQ(later.find(tokens(100, 60), 59, "").key, 0U) << "the tenant is in the file, too";
  const auto mode = fs::status(fs::directory_iterator { folder } -> path()).permissions();
  EXPECT_EQ(mode & (fs::perms::group_all | fs::perms::others_all), fs::perms::none);

  auto other = make(100, 1000, "another model");
  EXPECT_EQ(other.size(), 0U);
  EXPECT_EQ(files(), 0U) << "what fits nothing any more is removed";
}

TEST_F(Shelf, DamagedFilesAreForgottenNotBelieved) {
  for (const std::uintmax_t at : {std::uintmax_t{9}, std::uintmax_t{60}, std::uintmax_t{300}}) {
    {
      auto shelf = make(100, 1000);
      shelf.put(tokens(100, 50), "", bytes(80, 7));
      shelf.save_all();
      run_jobs();
    }
    const fs::path file = fs::directory_iterator { folder } -> path();
    ASSERT_GT(fs::file_size(file), at);
    std::fstream{file, std::ios::in | std::ios::out | std::ios::binary}.seekp(static_cast<std::streamoff>(at)).put('!');
    auto later = make(100, 1000);
    const auto found = later.find(tokens(100, 60), 59, "");
    if (found.key != 0) {  // the damage is in the state, which is read when it is wanted
      later.fetch(found.key);
      run_jobs();
      EXPECT_EQ(later.state(found.key), nullptr) << at;
      run_jobs();
    }
    EXPECT_EQ(later.find(tokens(100, 60), 59, "").key, 0U) << at;
    EXPECT_EQ(files(), 0U) << at;
  }
}

TEST_F(Shelf, WhatIsWrittenIsReadOnlyAfterwards) {
  auto shelf = make(100, 1000);
  shelf.put(tokens(100, 50), "", bytes(80, 1));
  shelf.put(tokens(200, 50), "", bytes(80, 2));  // the first goes to a file, some time
  const auto found = shelf.find(tokens(100, 60), 59, "");
  shelf.fetch(found.key);
  run_jobs();
  ASSERT_TRUE(shelf.state(found.key));
  EXPECT_EQ(*shelf.state(found.key), bytes(80, 1));
}

TEST_F(Shelf, WhatTheDiskDoesNotKeepUpWithIsGivenUp) {
  auto shelf = make(100, 100'000);
  for (int i = 0; i < 10; ++i) shelf.put(tokens(1000 * (i + 1), 50), "", bytes(80, 1));
  EXPECT_EQ(shelf.size(), 2U) << "one in memory, one on its way to a file";
  run_jobs();
  EXPECT_EQ(files(), 1U);
}

TEST_F(Shelf, WhatACrashLeftAndWhatNobodyWantsIsSweptAway) {
  fs::create_directories(folder);
  const auto other = folder.parent_path() / "other";
  fs::create_directories(other);
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::days{40};
  for (const auto& file : {folder / "a.prefix.part", other / "b.prefix"}) {
    std::ofstream{file} << "x";
    fs::last_write_time(file, long_ago);
  }
  std::ofstream{other / "c.prefix"} << "x";
  make(100, 1000);
  EXPECT_FALSE(fs::exists(folder / "a.prefix.part"));
  EXPECT_FALSE(fs::exists(other / "b.prefix"));
  EXPECT_TRUE(fs::exists(other / "c.prefix")) << "another model's";
}

TEST_F(Shelf, WhatWasReadForNobodyIsCountedAndBounded) {
  auto shelf = make(100, 1000);
  shelf.put(tokens(100, 50), "", bytes(80, 1));
  shelf.put(tokens(200, 50), "", bytes(80, 2));
  run_jobs();
  shelf.fetch(shelf.find(tokens(100, 60), 59, "").key);
  run_jobs();
  shelf.collect_read();
  EXPECT_LE(shelf.memory_used(), 100U);
  EXPECT_GE(shelf.memory_used(), 80U);
}

TEST_F(Shelf, AFileThatIsGoneIsForgotten) {
  auto shelf = make(100, 1000);
  shelf.put(tokens(100, 50), "", bytes(80, 1));
  shelf.put(tokens(200, 50), "", bytes(80, 2));
  run_jobs();
  fs::remove_all(folder);
  const auto found = shelf.find(tokens(100, 60), 59, "");
  shelf.fetch(found.key);
  run_jobs();
  EXPECT_EQ(shelf.state(found.key), nullptr);
  EXPECT_EQ(shelf.find(tokens(100, 60), 59, "").key, 0U);
}

}  // namespace
}  // namespace hearth::engine
