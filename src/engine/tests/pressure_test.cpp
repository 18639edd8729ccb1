// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/pressure.hpp"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

constexpr std::string_view kMeminfo = "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:    8000000 kB\n";
constexpr std::string_view kPsi = "some avg10=12.50 avg60=1.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00\n";

TEST(Memory, ReadsTheMachineWhenThereIsNoCgroupLimit) {
  const MemorySample sample = parse_memory(kMeminfo, kPsi, "max\n", "5\n", "");
  EXPECT_EQ(sample.total, 16'384'000'000U);
  EXPECT_EQ(sample.available, 8'192'000'000U);
  EXPECT_DOUBLE_EQ(sample.stalled, 12.5);
}

TEST(Memory, ACgroupLimitWinsAndFilePagesAreNotCountedAsUsed) {
  const MemorySample sample =
      parse_memory(kMeminfo, "", "1000000\n", "900000\n", "anon 100\ninactive_file 300000\nactive_file 100000\n");
  EXPECT_EQ(sample.total, 1'000'000U);
  EXPECT_EQ(sample.available, 500'000U);
}

TEST(Memory, NothingKnownMeansNoPressure) {
  EXPECT_EQ(classify(parse_memory("", "", "", "", ""), Pressure::none), Pressure::none);
}

MemorySample free_share(double share, double stalled = 0) {
  return {.total = 1000, .available = static_cast<std::uint64_t>(share * 1000), .stalled = stalled};
}

TEST(Pressure, RisesInThreeStagesByFreeMemoryOrByStalls) {
  EXPECT_EQ(classify(free_share(0.5), Pressure::none), Pressure::none);
  EXPECT_EQ(classify(free_share(0.09), Pressure::none), Pressure::low);
  EXPECT_EQ(classify(free_share(0.05), Pressure::none), Pressure::high);
  EXPECT_EQ(classify(free_share(0.02), Pressure::none), Pressure::critical);
  EXPECT_EQ(classify(free_share(0.5, 15), Pressure::none), Pressure::low);
  EXPECT_EQ(classify(free_share(0.5, 50), Pressure::none), Pressure::critical);
}

TEST(Pressure, FallsOnlyWhenClearlyBetter) {
  EXPECT_EQ(classify(free_share(0.065), Pressure::high), Pressure::high) << "inside the hysteresis";
  EXPECT_EQ(classify(free_share(0.09), Pressure::high), Pressure::low);
  EXPECT_EQ(classify(free_share(0.5, 6), Pressure::low), Pressure::low);
  EXPECT_EQ(classify(free_share(0.5, 1), Pressure::critical), Pressure::none);
}

}  // namespace
}  // namespace hearth::engine
