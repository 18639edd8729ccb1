// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/quality.hpp"

#include <gmock/gmock.h>

#include <random>

#include "hearth/router/routing_curve.hpp"
#include "text_features.hpp"

namespace hearth::router {
namespace {

using ::testing::HasSubstr;

/// Prompts about sums are hard for the weak model, others are not.
std::vector<Verdict> made_up(std::size_t count, std::uint32_t seed) {
  std::mt19937 random{seed};
  const std::vector<std::string> nouns{"river", "garden", "letter", "winter", "window", "market", "train", "song"};
  std::vector<Verdict> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const bool sum = random() % 2 == 0;
    const std::string noun = nouns[random() % nouns.size()];
    rows.push_back(
        {.prompt = sum ? "Calculate the integral of the " + noun + " function" : "Describe a " + noun + " to a child",
         .weak_correct = sum ? random() % 10 == 0 : random() % 10 != 0,
         .strong_correct = random() % 10 != 0,
         .subject = {}});
  }
  return rows;
}

TEST(Quality, LearnsWhichPromptsAreHardAndSaysHowSureItIs) {
  const QualityModel model = QualityModel::train(made_up(2000, 1));
  const Prediction hard = model.predict("Calculate the integral of the harbour function");
  const Prediction easy = model.predict("Describe a harbour to a child");
  EXPECT_LT(hard.weak_correct, 0.3F);
  EXPECT_GT(easy.weak_correct, 0.7F);
  EXPECT_GT(hard.gain, easy.gain + 0.4F);
  EXPECT_GT(hard.strong_correct, 0.7F);
  std::vector<double> probabilities;
  std::vector<bool> outcomes;
  for (const Verdict& row : made_up(1000, 2)) {
    probabilities.push_back(model.predict(row.prompt).weak_correct);
    outcomes.push_back(row.weak_correct);
  }
  EXPECT_LT(calibration_error(probabilities, outcomes), 0.08);
}

TEST(Quality, IsTheSameAfterSavingAndLoading) {
  const QualityModel model = QualityModel::train(made_up(300, 1));
  const auto again = QualityModel::load(model.save());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->predict("Describe a river").gain, model.predict("Describe a river").gain);
  EXPECT_EQ(QualityModel::train(made_up(300, 1)).save(), model.save()) << "training is deterministic";
}

TEST(Quality, DamagedFilesAreOneClearError) {
  std::string bytes = QualityModel::train(made_up(100, 1)).save();
  EXPECT_EQ(QualityModel::load("").error().code, ErrorCode::corrupt_data);
  EXPECT_THAT(QualityModel::load(bytes.substr(0, bytes.size() - 1)).error().message, HasSubstr("hearth router train"));
  bytes[1000] = static_cast<char>(bytes[1000] + 1);
  EXPECT_THAT(QualityModel::load(bytes).error().message, HasSubstr("damaged"));
}

TEST(Quality, TakesAnyText) {
  const QualityModel model = QualityModel::train(made_up(100, 1));
  for (const std::string& text :
       {std::string{}, std::string(1 << 20, 'x'), std::string("\0\xff\xfe", 3), std::string(100, '\n')}) {
    const Prediction p = model.predict(text);
    EXPECT_TRUE(p.weak_correct >= 0 && p.weak_correct <= 1);
  }
  EXPECT_TRUE(text_features("").words.empty());
}

std::vector<ScoredRow> rows(std::size_t count, double (*score)(bool weak, bool strong, std::mt19937&)) {
  std::mt19937 random{3};
  std::vector<ScoredRow> out;
  for (std::size_t i = 0; i < count; ++i) {
    const bool weak = random() % 100 < 64;
    const bool strong = random() % 100 < 86;
    out.push_back({score(weak, strong, random), weak, strong});
  }
  return out;
}

TEST(RoutingCurve, ACoinRecoversHalfOfTheGap) {
  const auto coin = [](bool, bool, std::mt19937& random) { return static_cast<double>(random()); };
  const RoutingCurve curve = routing_curve(rows(20'000, coin));
  EXPECT_NEAR(curve.apgr, 0.5, 0.03);
  EXPECT_NEAR(curve.cpt50, 50, 5);
  ASSERT_EQ(curve.points.size(), 11U);
  EXPECT_EQ(curve.points.front().strong_share, 0);
  EXPECT_EQ(curve.points.back().strong_share, 100);
  EXPECT_DOUBLE_EQ(curve.points.front().accuracy, curve.weak);
  EXPECT_DOUBLE_EQ(curve.points.back().accuracy, curve.strong);
}

TEST(RoutingCurve, AnOracleRecoversMoreThanTheGap) {
  const auto oracle = [](bool weak, bool strong, std::mt19937&) { return (strong ? 1.0 : 0.0) - (weak ? 1.0 : 0.0); };
  const RoutingCurve curve = routing_curve(rows(20'000, oracle));
  EXPECT_GT(curve.apgr, 1);
  EXPECT_LT(curve.cpt80, 25);
}

TEST(RoutingCurve, ByHand) {
  // Ten rows: the strong model is right everywhere, the weak one on the lower half of the scores.
  std::vector<ScoredRow> ten;
  for (int i = 0; i < 10; ++i) ten.push_back({static_cast<double>(i), i < 5, true});
  const RoutingCurve curve = routing_curve(ten);
  EXPECT_DOUBLE_EQ(curve.weak, 50);
  EXPECT_DOUBLE_EQ(curve.strong, 100);
  EXPECT_NEAR(curve.apgr, 0.75, 0.01) << "all of the gap is closed at half of the calls";
}

TEST(RoutingCurve, EdgesAreNoCrash) {
  EXPECT_TRUE(routing_curve({}).points.empty());
  const std::vector<ScoredRow> one{{0.5, true, true}};
  EXPECT_EQ(routing_curve(one).apgr, 0) << "no gap, nothing to recover";
  EXPECT_THAT(to_svg(routing_curve(one), "<b>&"), HasSubstr("&lt;b>&amp;"));
  EXPECT_EQ(calibration_error({}, {}), 0);
  const std::vector<double> sure{1, 1, 0, 0};
  EXPECT_DOUBLE_EQ(calibration_error(sure, {true, true, false, false}), 0);
  EXPECT_DOUBLE_EQ(calibration_error(sure, {false, false, true, true}), 1);
}

}  // namespace
}  // namespace hearth::router
