// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/base/result.hpp"

/// How well a weak and a strong model will answer a prompt, guessed from its text alone (RouteLLM's question, Ong et
/// al. 2024, arXiv:2406.18665, without its calls to a cloud). Pure.
namespace hearth::router {

/// One prompt that both models were tried on.
struct Verdict {
  std::string prompt;
  bool weak_correct = false;
  bool strong_correct = false;
  std::string subject;  // empty: unknown; folds may keep a subject together
};

/// Calibrated probabilities that the answer would be correct.
struct Prediction {
  float weak_correct = 0.5F;
  float strong_correct = 0.5F;
  /// What sending it to the strong model is expected to gain, learned by itself: the difference of the two above would
  /// carry the noise of both.
  float gain = 0;
};

/// Ridge regressions over hashed n-grams of words and characters and a few measures of the text, one a question.
/// Immutable; any thread.
class QualityModel {
 public:
  static constexpr int kBits = 18;  // of the feature hash
  static constexpr std::size_t kDense = 4;

  /// Deterministic. 100,000 rows take well under a minute on one core.
  static QualityModel train(std::span<const Verdict> rows, std::uint32_t seed = 1);
  /// corrupt_data for bytes that save() did not write.
  static Result<QualityModel> load(std::string_view bytes);
  /// 1 MB: weights as 8-bit integers. A trained model has been through this, so that it predicts what its file will.
  std::string save() const;
  /// The one that comes with the program: trained on MMLU and GSM8K with Mixtral 8x7B and GPT-4 as the two models.
  static const QualityModel& built_in();

  /// The first kTextMax bytes count. Tens of microseconds.
  Prediction predict(std::string_view prompt) const;
  static constexpr std::size_t kTextMax = 2 * 1024;

  /// The gain that this share (0 to 1) of the prompts it was trained on exceeds.
  float gain_of_share(double share) const;

 private:
  struct Head {
    std::vector<float> sparse;  // 1 << kBits
    std::vector<float> dense;   // kDense
    float bias = 0;
    float scale = 1;  // Platt: probability = logistic(scale * margin + shift); not of `gain_`
    float shift = 0;
  };
  static float margin(const Head& head, const std::vector<std::pair<std::uint32_t, float>>& values,
                      const std::vector<float>& dense);
  /// The text's hashes with their weights, and its measures, as the heads take them.
  std::pair<std::vector<std::pair<std::uint32_t, float>>, std::vector<float>> values_of(std::string_view prompt) const;

  friend class QualityTrainer;

  Head weak_;                // the weak model is right
  Head strong_;              // the strong one is
  Head gain_;                // what the strong one's answer is better
  std::vector<float> mean_;  // of the dense features, and
  std::vector<float> deviation_;
  std::vector<float> idf_;    // by hash; 0: not known
  std::vector<float> gains_;  // percentiles 0 to 100 over the training rows
};

}  // namespace hearth::router
