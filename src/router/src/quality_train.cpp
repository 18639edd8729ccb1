// SPDX-License-Identifier: Apache-2.0
// Logistic regression by AdaGrad (Duchi, Hazan and Singer 2011) with L2, then Platt scaling on rows it did not see.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include "text_features.hpp"

namespace hearth::router {
namespace {

constexpr int kEpochs = 6;
constexpr float kRate = 0.1F;
constexpr float kDenseRate = 0.03F;
constexpr float kDecay = 2e-5F;      // L2 on n-grams, applied where they occur
constexpr float kHistory = 1;        // of gradients at the start: rare features must not leap
constexpr float kLeastSeen = 2;      // rows that an n-gram must occur in
constexpr std::size_t kHeldOut = 8;  // every eighth row calibrates

struct Example {
  TextFeatures text;
  std::vector<float> values;      // of `text.sparse`
  std::array<bool, 4> answers{};  // in the order of the heads
};

float logistic(float x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

/// Knows the insides of the model that it makes.
class QualityTrainer {
 public:
  explicit QualityTrainer(std::span<const Verdict> rows) {
    for (const Verdict& row : rows) {
      Example example{.text = text_features(row.prompt),
                      .answers = {row.weak_correct, row.strong_correct, row.weak_correct && !row.strong_correct,
                                  row.strong_correct && !row.weak_correct}};
      examples_.push_back(std::move(example));
    }
    weigh();
    standardize();
  }

  QualityModel run(std::uint32_t seed) {
    std::vector<std::size_t> order(examples_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::mt19937 random{seed};
    std::ranges::shuffle(order, random);
    const std::size_t held = examples_.size() >= 64 ? examples_.size() / kHeldOut : 0;
    const std::span<const std::size_t> calibration{order.data(), held};
    const std::span<const std::size_t> training{order.data() + held, order.size() - held};
    std::size_t question = 0;
    for (auto* head : {&model_.weak_, &model_.strong_, &model_.only_weak_, &model_.only_strong_}) {
      fit(*head, question, training, random);
      if (held > 0) calibrate(*head, question, calibration);
      ++question;
    }
    return std::move(model_);
  }

 private:
  /// Inverse document frequency; what occurs once teaches nothing.
  void weigh() {
    std::vector<float> count(std::size_t{1} << QualityModel::kBits, 0);
    for (const Example& example : examples_) {
      for (const std::uint32_t index : example.text.sparse) ++count[index];
    }
    model_.idf_.assign(count.size(), 0);
    const float n = static_cast<float>(examples_.size());
    for (std::size_t i = 0; i < count.size(); ++i) {
      if (count[i] >= kLeastSeen) model_.idf_[i] = std::log((1 + n) / (1 + count[i])) + 1;
    }
    for (Example& example : examples_) {
      std::erase_if(example.text.sparse, [&](std::uint32_t index) { return model_.idf_[index] == 0; });
      float squares = 1e-6F;
      for (const std::uint32_t index : example.text.sparse) {
        example.values.push_back(model_.idf_[index]);
        squares += model_.idf_[index] * model_.idf_[index];
      }
      for (float& value : example.values) value /= std::sqrt(squares);
    }
  }

  void standardize() {
    model_.mean_.assign(QualityModel::kDense, 0);
    model_.deviation_.assign(QualityModel::kDense, 1);
    if (examples_.empty()) return;
    const auto n = static_cast<float>(examples_.size());
    for (std::size_t i = 0; i < QualityModel::kDense; ++i) {
      float sum = 0;
      float squares = 0;
      for (const Example& example : examples_) sum += example.text.dense[i];
      const float mean = sum / n;
      for (const Example& example : examples_)
        squares += (example.text.dense[i] - mean) * (example.text.dense[i] - mean);
      model_.mean_[i] = mean;
      model_.deviation_[i] = std::max(std::sqrt(squares / n), 1e-3F);
      for (Example& example : examples_) example.text.dense[i] = (example.text.dense[i] - mean) / model_.deviation_[i];
    }
  }

  static float margin(const QualityModel::Head& head, const Example& example) {
    float sum = 0;
    for (std::size_t i = 0; i < example.values.size(); ++i)
      sum += head.sparse[example.text.sparse[i]] * example.values[i];
    float out = head.bias + sum;
    for (std::size_t i = 0; i < QualityModel::kDense; ++i) out += head.dense[i] * example.text.dense[i];
    return out;
  }

  void fit(QualityModel::Head& head, std::size_t question, std::span<const std::size_t> rows, std::mt19937& random) {
    head.sparse.assign(std::size_t{1} << QualityModel::kBits, 0);
    head.dense.assign(QualityModel::kDense, 0);
    std::vector<float> squares(head.sparse.size(), kHistory);
    std::array<float, QualityModel::kDense> dense_squares;
    dense_squares.fill(kHistory);
    float bias_squares = kHistory;
    std::vector<std::size_t> order(rows.begin(), rows.end());
    for (int epoch = 0; epoch < kEpochs; ++epoch) {
      std::ranges::shuffle(order, random);
      for (const std::size_t row : order) {
        const Example& example = examples_[row];
        const float error = logistic(margin(head, example)) - (example.answers[question] ? 1.0F : 0.0F);
        const auto step = [&](float& weight, float& history, float gradient, float rate) {
          history += gradient * gradient;
          weight -= rate * gradient / std::sqrt(history);
        };
        for (std::size_t i = 0; i < example.values.size(); ++i) {
          const std::uint32_t index = example.text.sparse[i];
          step(head.sparse[index], squares[index], error * example.values[i] + kDecay * head.sparse[index], kRate);
        }
        for (std::size_t i = 0; i < QualityModel::kDense; ++i) {
          step(head.dense[i], dense_squares[i], error * example.text.dense[i], kDenseRate);
        }
        step(head.bias, bias_squares, error, kDenseRate);
      }
    }
  }

  /// Platt 1999: two numbers by gradient descent on rows that the weights have not seen.
  void calibrate(QualityModel::Head& head, std::size_t question, std::span<const std::size_t> rows) const {
    std::vector<std::pair<float, float>> points;
    for (const std::size_t row : rows) {
      points.emplace_back(margin(head, examples_[row]), examples_[row].answers[question] ? 1.0F : 0.0F);
    }
    float scale = 1;
    float shift = 0;
    for (int i = 0; i < 500; ++i) {
      float by_scale = 0;
      float by_shift = 0;
      for (const auto& [m, y] : points) {
        const float error = logistic(scale * m + shift) - y;
        by_scale += error * m;
        by_shift += error;
      }
      const auto n = static_cast<float>(points.size());
      scale -= 0.5F * by_scale / n;
      shift -= 0.5F * by_shift / n;
    }
    head.scale = scale;
    head.shift = shift;
  }

  std::vector<Example> examples_;
  QualityModel model_;
};

QualityModel QualityModel::train(std::span<const Verdict> rows, std::uint32_t seed) {
  QualityModel model = QualityTrainer{rows}.run(seed);
  model.gains_.assign(101, 0);
  model = *load(model.save());
  std::vector<float> gains;
  for (const Verdict& row : rows) gains.push_back(model.predict(row.prompt).gain);
  std::ranges::sort(gains);
  if (gains.empty()) return model;
  for (std::size_t i = 0; i < model.gains_.size(); ++i) model.gains_[i] = gains[(gains.size() - 1) * i / 100];
  return model;
}

}  // namespace hearth::router
