// SPDX-License-Identifier: Apache-2.0
#include "resident.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace hearth::telemetry {
namespace {

TEST(Resident, IsTheSecondFieldInPages) {
  EXPECT_EQ(parse_resident("25600 1234 800 10 0 5000 0\n", 4096), 1234U * 4096U);
  EXPECT_EQ(parse_resident("25600 1234 800 10 0 5000 0", 16384), 1234U * 16384U);
}

TEST(Resident, IsZeroWhereTheTextIsNoStatm) {
  for (const char* text : {"", "25600", "25600 ", "25600 many 800", "25600 99999999999999999999 1"}) {
    EXPECT_EQ(parse_resident(text, 4096), 0U) << '"' << text << '"';
  }
}

TEST(Resident, OfThisProcessGrowsWithWhatItTouches) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "ThreadSanitizer's allocator gives pages back behind the test's back";
#endif
#endif
  constexpr std::size_t kBytes = 64U * 1024 * 1024;
  const std::uint64_t before = read_resident();

  const std::vector<char> touched(kBytes, 'x');

  EXPECT_GT(before, 0U);
  EXPECT_GE(read_resident(), before + kBytes / 2) << touched.size();
}

}  // namespace
}  // namespace hearth::telemetry
