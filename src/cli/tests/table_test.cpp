// SPDX-License-Identifier: Apache-2.0
#include "table.hpp"

#include <gtest/gtest.h>

#include "progress_bar.hpp"

namespace hearth::cli {
namespace {

using namespace std::chrono_literals;

TEST(Table, AlignsColumnsWithoutTrailingSpaces) {
  EXPECT_EQ(format_table({{"NAME", "SIZE"}, {"a-long-name", "1 B"}}), "NAME         SIZE\na-long-name  1 B\n");
}

TEST(Table, AgesInWords) {
  EXPECT_EQ(human_age(30), "less than a minute ago");
  EXPECT_EQ(human_age(60), "1 minute ago");
  EXPECT_EQ(human_age(7200), "2 hours ago");
  EXPECT_EQ(human_age(-300), "in 5 minutes");
}

TEST(TransferLine, ShowsShareRateAndTimeLeft) {
  TransferLine line;
  const Clock::time_point start{1h};
  line.update({.status = "pulling abc", .digest = "d", .total = 1'000'000, .completed = 0}, start, 80);
  const std::string text =
      line.update({.status = "pulling abc", .digest = "d", .total = 1'000'000, .completed = 500'000}, start + 1s, 80);
  EXPECT_NE(text.find(" 50%"), std::string::npos) << text;
  EXPECT_NE(text.find("500 KB/s"), std::string::npos) << text;
  EXPECT_NE(text.find("1s"), std::string::npos) << text;
}

}  // namespace
}  // namespace hearth::cli
