// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/calibration.hpp"

#include <gtest/gtest.h>

#include <random>

#include "hearth/router/routing_curve.hpp"

namespace hearth::router {
namespace {

/// An engine that is too sure of itself: what it calls 0.9 is right in two of three cases.
std::vector<JudgedConfidence> too_sure(std::size_t count, std::uint32_t seed) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<double> uniform;
  std::vector<JudgedConfidence> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = 4 * uniform(random) - 1;  // log-odds as it tells them
    const double truth = 1 / (1 + std::exp(-(0.5 * x - 0.4)));
    rows.push_back({.target = "a", .confidence = 1 / (1 + std::exp(-x)), .right = uniform(random) < truth});
  }
  return rows;
}

TEST(Calibration, FindsHowMuchTooSureAnEngineIs) {
  const Calibration fit = fit_calibration(too_sure(5'000, 1));
  EXPECT_NEAR(fit.scale, 0.5, 0.1);
  EXPECT_NEAR(fit.shift, -0.4, 0.1);
  std::vector<double> before;
  std::vector<double> after;
  std::vector<bool> right;
  for (const JudgedConfidence& row : too_sure(5'000, 2)) {
    before.push_back(row.confidence);
    after.push_back(fit.apply(row.confidence));
    right.push_back(row.right);
  }
  EXPECT_GT(calibration_error(before, right), 0.15);
  EXPECT_LT(calibration_error(after, right), 0.03);
}

TEST(Calibration, FewRowsChangeLittleAndNoneNothing) {
  const Calibration none = fit_calibration({});
  EXPECT_DOUBLE_EQ(none.scale, 1);
  EXPECT_DOUBLE_EQ(none.shift, 0);
  const std::vector<JudgedConfidence> one{{.target = "a", .confidence = 0.9, .right = false}};
  EXPECT_NEAR(fit_calibration(one).apply(0.9), 0.9, 0.5);
  EXPECT_GT(fit_calibration(one).apply(0.9), 0.1);
}

TEST(Calibration, KeepsTheOrderAndTheEnds) {
  const Calibration fit{.scale = 0.5, .shift = -0.4};
  EXPECT_EQ(fit.apply(0), 0);
  EXPECT_LT(fit.apply(0.3), fit.apply(0.6));
  EXPECT_LE(fit.apply(1), 1);
  std::vector<JudgedConfidence> upside_down;
  for (int i = 0; i < 200; ++i) upside_down.push_back({.target = "a", .confidence = i / 200.0, .right = i < 100});
  EXPECT_GE(fit_calibration(upside_down).scale, 0);
}

}  // namespace
}  // namespace hearth::router
