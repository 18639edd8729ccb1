// SPDX-License-Identifier: Apache-2.0
#include "cell_ledger.hpp"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

TEST(CellLedger, SharedCellsCountOnce) {
  CellLedger ledger{100, 4};
  ASSERT_TRUE(ledger.extend(0, 40));
  ledger.fork(0, 1, 30);
  EXPECT_EQ(ledger.free(), 60);
  ASSERT_TRUE(ledger.extend(1, 10));
  EXPECT_EQ(ledger.free(), 50);

  ledger.release(0);
  EXPECT_EQ(ledger.free(), 60) << "30 cells are still held by sequence 1";
  ledger.release(1);
  EXPECT_EQ(ledger.free(), 100);
}

TEST(CellLedger, RefusesWhatDoesNotFitAndChangesNothing) {
  CellLedger ledger{10, 2};
  EXPECT_FALSE(ledger.extend(0, 11));
  EXPECT_EQ(ledger.length(0), 0);
  EXPECT_TRUE(ledger.extend(0, 10));
  EXPECT_FALSE(ledger.extend(1, 1));
}

TEST(CellLedger, ReclaimableAreTheCellsThatOnlyCachedSequencesHold) {
  CellLedger ledger{100, 4};
  ASSERT_TRUE(ledger.extend(0, 50));
  ledger.set_cached(0, true);
  EXPECT_EQ(ledger.reclaimable(), 50);

  ledger.fork(0, 1, 20);  // a running request shares the first 20
  EXPECT_EQ(ledger.reclaimable(), 30);
  ledger.set_cached(1, true);
  EXPECT_EQ(ledger.reclaimable(), 50);
  ledger.release(0);
  EXPECT_EQ(ledger.reclaimable(), 20);
  EXPECT_EQ(ledger.free(), 80);
  ledger.set_cached(1, false);
  EXPECT_EQ(ledger.reclaimable(), 0);
  ledger.truncate(1, 5);
  EXPECT_EQ(ledger.free(), 95);
}

}  // namespace
}  // namespace hearth::engine
