// SPDX-License-Identifier: Apache-2.0
#include "hearth/base/error.hpp"

#include <gtest/gtest.h>

#include <set>

#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"

namespace hearth {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorCode::invalid_request, "odd", "n");
  return n / 2;
}

Result<int> quarter(int n) {
  HEARTH_TRY(const int once, half(n));
  HEARTH_TRY(const int twice, half(once));
  return twice;
}

TEST(ErrorTable, NamesAreUniqueAndStatusesAreErrors) {
  std::set<std::string_view> names;
  for (int i = 0; i < kErrorCodeCount; ++i) {
    const ErrorTraits& t = traits(static_cast<ErrorCode>(i));
    EXPECT_TRUE(names.insert(t.name).second) << t.name;
    EXPECT_GE(t.http_status, 400);
    EXPECT_LT(t.http_status, 600);
  }
}

TEST(Result, TryHandsTheFirstErrorUp) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error().param, "n");
}

TEST(Deadline, HugeDurationMeansNever) {
  const Clock::time_point now{std::chrono::hours{1}};
  EXPECT_FALSE(Deadline::after(now, Clock::duration::max()).reachable());
  EXPECT_TRUE(Deadline::after(now, std::chrono::seconds{1}).passed(now + std::chrono::seconds{1}));
}

}  // namespace
}  // namespace hearth
