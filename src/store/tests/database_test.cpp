// SPDX-License-Identifier: Apache-2.0
#include "hearth/store/database.hpp"

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace hearth::store {
namespace {

constexpr std::string_view kInsert = "INSERT INTO t VALUES (?1, ?2, ?3, ?4)";

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-store-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  Database::Options options() const {
    return {.file = folder / "a.db", .migrations = {"CREATE TABLE t (a INTEGER, b REAL, c TEXT, d)"}};
  }
  static std::int64_t count(const Database& database) {
    const auto rows = database.read("SELECT count(*) FROM t", {});
    return rows ? std::get<std::int64_t>(rows->at(0).at(0)) : -1;
  }
  static bool post(Database& database, std::int64_t number) {
    return database.post({.sql = kInsert, .values = {number, 0.5, std::string{"it's"}, {}}});
  }

  std::filesystem::path folder;
};

TEST_F(DatabaseTest, ValuesComeBackAsTheyWentIn) {
  auto database = Database::open(options());
  ASSERT_TRUE(database) << database.error().message;
  ASSERT_TRUE(post(**database, 1LL << 40));
  ASSERT_TRUE((*database)->flush());
  const auto rows = (*database)->read("SELECT * FROM t WHERE a = ?1", {std::int64_t{1LL << 40}});
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->front(), (Row{std::int64_t{1LL << 40}, 0.5, std::string{"it's"}, std::monostate{}}));
  EXPECT_EQ((*database)->read("SELECT nonsense", {}).error().code, ErrorCode::internal);
}

TEST_F(DatabaseTest, ManyThreadsPostAndTheEndCommitsAll) {
  {
    auto database = Database::open(options());
    ASSERT_TRUE(database);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&database] {
        for (int i = 0; i < 2'000; ++i) EXPECT_TRUE(post(**database, i));
      });
    }
  }
  auto again = Database::open(options());
  ASSERT_TRUE(again);
  EXPECT_EQ(count(**again), 8'000);
}

TEST_F(DatabaseTest, MigrationsRunOnceAndInOrder) {
  ASSERT_TRUE(Database::open(options()));
  auto newer = options();
  newer.migrations.emplace_back("ALTER TABLE t ADD COLUMN e INTEGER DEFAULT 7; INSERT INTO t (a) VALUES (1)");
  for (int i = 0; i < 2; ++i) {
    auto database = Database::open(newer);
    ASSERT_TRUE(database) << database.error().message;
    EXPECT_EQ(count(**database), 1);
  }
  const auto older = Database::open(options());
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, ErrorCode::unsupported);
}

TEST_F(DatabaseTest, ItsFilesAreTheOwnersAlone) {
  auto database = Database::open(options());
  ASSERT_TRUE(database);
  ASSERT_TRUE(post(**database, 1));
  ASSERT_TRUE((*database)->flush());
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    const auto others =
        entry.status().permissions() & (std::filesystem::perms::group_all | std::filesystem::perms::others_all);
    EXPECT_EQ(others, std::filesystem::perms::none) << entry.path();
  }
}

TEST_F(DatabaseTest, CollectedChangesAreCommittedWithTheOthers) {
  auto with = options();
  int asked = 0;
  with.collect = [&asked](std::deque<Change>& out) {
    if (++asked <= 2) out.push_back({.sql = kInsert, .values = {std::int64_t{asked}, 0.5, std::string{"c"}, {}}});
  };
  auto database = Database::open(with);
  ASSERT_TRUE(database);
  (*database)->nudge(Database::When::gathered);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE((*database)->flush());
  EXPECT_EQ(count(**database), 2);
}

TEST_F(DatabaseTest, WhatIsToBeAskedAtOnceDoesNotWaitForMore) {
  auto with = options();
  with.gather = std::chrono::hours{1};
  std::promise<void> asked;
  with.collect = [&asked, first = true](std::deque<Change>&) mutable {
    if (std::exchange(first, false)) asked.set_value();
  };
  auto database = Database::open(with);
  ASSERT_TRUE(database);
  (*database)->nudge(Database::When::gathered);
  (*database)->nudge(Database::When::at_once);
  EXPECT_EQ(asked.get_future().wait_for(std::chrono::seconds{30}), std::future_status::ready);
}

TEST_F(DatabaseTest, AChangeThatCannotBeMadeDoesNotHoldUpTheOthers) {
  auto database = Database::open(options());
  ASSERT_TRUE(database);
  ASSERT_TRUE(post(**database, 1));
  ASSERT_TRUE((*database)->post({.sql = "INSERT INTO nowhere VALUES (1)", .values = {}}));
  ASSERT_TRUE(post(**database, 2));
  EXPECT_TRUE((*database)->flush());
  EXPECT_EQ(count(**database), 2);
}

TEST_F(DatabaseTest, AFullDiskIsTriedAgain) {
  auto database = Database::open(options());
  ASSERT_TRUE(database);
  ASSERT_TRUE((*database)->post({.sql = "PRAGMA max_page_count = 4", .values = {}}));
  ASSERT_TRUE((*database)->flush());
  ASSERT_TRUE((*database)->post({.sql = kInsert, .values = {std::int64_t{1}, 0.5, std::string(100'000, 'x'), {}}}));
  EXPECT_FALSE((*database)->flush());
  EXPECT_EQ(count(**database), 0);
}

TEST_F(DatabaseTest, NothingIsCollectedUntilWhatWasCollectedIsCommitted) {
  auto with = options();
  std::atomic<int> asked{0};
  with.collect = [&asked](std::deque<Change>&) { ++asked; };
  auto database = Database::open(with);
  ASSERT_TRUE(database);
  ASSERT_TRUE((*database)->post({.sql = "PRAGMA max_page_count = 4", .values = {}}));
  ASSERT_TRUE((*database)->flush());
  ASSERT_TRUE((*database)->post({.sql = kInsert, .values = {std::int64_t{1}, 0.5, std::string(100'000, 'x'), {}}}));
  EXPECT_FALSE((*database)->flush());
  const int before = asked;
  EXPECT_FALSE((*database)->flush());
  EXPECT_EQ(asked, before);
}

TEST_F(DatabaseTest, WhatCameWhileACommitWasTriedAgainIsCommittedAtTheEnd) {
  auto database = Database::open(options());
  ASSERT_TRUE(database);
  ASSERT_TRUE((*database)->post({.sql = "PRAGMA busy_timeout = 1", .values = {}}));
  ASSERT_TRUE((*database)->flush());
  std::optional<SQLite::Database> other{std::in_place, (folder / "a.db").string(), SQLite::OPEN_READWRITE};
  other->exec("BEGIN IMMEDIATE");
  ASSERT_TRUE(post(**database, 1));
  EXPECT_FALSE((*database)->flush());
  ASSERT_TRUE(post(**database, 2));
  other.reset();
  database->reset();
  auto again = Database::open(options());
  ASSERT_TRUE(again);
  EXPECT_EQ(count(**again), 2);
}

TEST_F(DatabaseTest, ASecondWriterIsRefusedAndAStrangeFileToo) {
  auto first = Database::open(options());
  ASSERT_TRUE(first);
  EXPECT_EQ(Database::open(options()).error().code, ErrorCode::conflict);
  first->reset();
  EXPECT_TRUE(Database::open(options()));
  std::ofstream{folder / "a.db", std::ios::trunc} << std::string(8192, 'x');
  EXPECT_EQ(Database::open(options()).error().code, ErrorCode::corrupt_data);
}

TEST_F(DatabaseTest, AFullQueueSaysSo) {
  auto small = options();
  small.queue_max = 8;
  auto database = Database::open(small);
  ASSERT_TRUE(database);
  ASSERT_TRUE(
      (*database)->post({.sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) "
                                "INSERT INTO t (a) SELECT max(i) FROM n",
                         .values = {}}));
  int taken = 0;
  while (taken < 1'000 && post(**database, taken)) ++taken;
  EXPECT_LT(taken, 1'000);
  EXPECT_GE(taken, 7);  // the eighth may be the slow one itself, when the thread has not taken it yet
  EXPECT_TRUE((*database)->flush());
  EXPECT_EQ(count(**database), taken + 1);
}

TEST_F(DatabaseTest, AKilledProcessLeavesWhatWasFlushed) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto database = Database::open(options());
    for (int i = 0; i < 100; ++i) (void)post(**database, i);
    (void)(*database)->flush();
    (void)::write(ready[1], "x", 1);
    for (int i = 0;; ++i) (void)post(**database, i);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  auto database = Database::open(options());
  ASSERT_TRUE(database) << database.error().message;
  EXPECT_GE(count(**database), 100);
  EXPECT_EQ(std::get<std::string>((*database)->read("PRAGMA integrity_check", {})->at(0).at(0)), "ok");
}

}  // namespace
}  // namespace hearth::store
