// SPDX-License-Identifier: Apache-2.0
#include "journal.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hearth/router/ledger.hpp"

namespace hearth::router {
namespace {

using namespace std::chrono_literals;

struct JournalTest : testing::Test {
  std::filesystem::path folder;
  JournalTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-journal-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  ~JournalTest() override { std::filesystem::remove_all(folder); }

  /// In a process that is killed, so that no destructor helps.
  template <class Work>
  static void killed_after(Work work) {
    const pid_t child = ::fork();
    if (child == 0) {
      work();
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
  }
};

TEST_F(JournalTest, KeepsWhatAKilledProcessKnew) {
  const auto file = folder / "j";
  killed_after([&] {
    auto journal = *Journal::open(file);
    (void)journal->begin(1, 100, "ann", "team:ward", "auto");
    const auto second = journal->begin(2, 101, std::string(500, 'x'), "", "auto");
    journal->end(*second, {.route = "other", .ended = true, .outcome = "completed", .target = "lab/x", .cost_nano = 7});
    journal->release(*journal->begin(3, 102, "gone", "", "auto"));
  });
  auto journal = *Journal::open(file);
  const auto left = journal->left();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].principal, "ann");
  EXPECT_EQ(left[0].belongs, "team:ward");
  EXPECT_FALSE(left[0].ended);
  EXPECT_TRUE(left[1].ended);
  EXPECT_EQ(left[1].route, "other");
  EXPECT_EQ(left[1].outcome, "completed");
  EXPECT_EQ(left[1].cost_nano, 7);
  EXPECT_EQ(left[1].principal, std::string(135, 'x'));
  journal->clear();
  EXPECT_TRUE(journal->left().empty());
}

TEST_F(JournalTest, IsFullAfterItsSlots) {
  auto journal = *Journal::open(folder / "j");
  for (std::size_t i = 0; i < Journal::kSlots; ++i)
    ASSERT_TRUE(journal->begin(static_cast<std::int64_t>(i), 0, "a", "", "b"));
  EXPECT_FALSE(journal->begin(0, 0, "a", "", "b"));
  journal->release(5);
  EXPECT_EQ(journal->begin(0, 0, "a", "", "b"), 5U);
}

TEST_F(JournalTest, AKilledLedgerLosesNothingAndCountsNothingTwice) {
  const auto now = WallClock::now();
  for (int round = 0; round < 20; ++round) {
    killed_after([&] {
      auto ledger = *Ledger::open(folder / "ledger.db", now);
      for (int i = 0; i < 50; ++i) {
        const auto number = ledger->begin("ann", "team:x", "auto", now);
        if (i % 5 == 0) continue;  // was running
        Outcome outcome{.decision = "dec", .route = "auto", .principal = "ann", .target = "lab/x", .zone = "cluster"};
        outcome.cost_usd = 1;
        ledger->end(number, outcome);
        if (i == round * 2) ledger->flush();  // some were committed already
      }
    });
  }
  auto ledger = *Ledger::open(folder / "ledger.db", now);
  const auto totals = *ledger->totals("principal", now - 1h);
  ASSERT_EQ(totals.size(), 1U);
  EXPECT_EQ(totals[0].requests, 1'000);
  EXPECT_EQ(totals[0].completed, 800);
  EXPECT_EQ(totals[0].expired, 200);
  EXPECT_EQ(totals[0].open, 0);
  EXPECT_DOUBLE_EQ(totals[0].cost_usd, 800);
}

TEST_F(JournalTest, AFolderThatIsNotThereIsAnError) { EXPECT_FALSE(Journal::open(folder / "no" / "j")); }

}  // namespace
}  // namespace hearth::router
