// SPDX-License-Identifier: Apache-2.0
// Ridge regression by conjugate gradients (Hestenes and Stiefel 1952) on the normal equations, then Platt scaling on
// rows that the weights have not seen.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include "text_features.hpp"

namespace hearth::router {
namespace {

constexpr int kIterations = 30;
constexpr float kPenalty = 10;       // on each weight but the bias
constexpr float kDenseShare = 0.3F;  // how much a measure of the text counts beside its n-grams
constexpr float kNoScale = 4;        // about the identity between 0 and 1: what few rows leave a margin at
constexpr float kNoShift = -2;
constexpr float kLeastSeen = 2;      // rows that an n-gram must occur in
constexpr std::size_t kHeldOut = 8;  // every eighth row calibrates

float logistic(float x) { return 1 / (1 + std::exp(-x)); }

/// Rows of a sparse matrix, one after the other.
struct Matrix {
  std::vector<std::size_t> begins{0};
  std::vector<std::uint32_t> columns;
  std::vector<float> values;
  std::uint32_t width = 0;

  std::size_t rows() const { return begins.size() - 1; }
  void add(std::uint32_t column, float value) {
    columns.push_back(column);
    values.push_back(value);
  }
  void end_row() { begins.push_back(columns.size()); }
};

/// out = (X^T X + penalty) v over `rows`; the last column is the bias, which has no penalty.
void multiply(const Matrix& x, std::span<const std::size_t> rows, const std::vector<float>& v,
              std::vector<float>& out) {
  for (std::size_t i = 0; i < v.size(); ++i) out[i] = kPenalty * v[i];
  out.back() = 0;
  for (const std::size_t row : rows) {
    float sum = 0;
    for (std::size_t k = x.begins[row]; k < x.begins[row + 1]; ++k) sum += x.values[k] * v[x.columns[k]];
    for (std::size_t k = x.begins[row]; k < x.begins[row + 1]; ++k) out[x.columns[k]] += x.values[k] * sum;
  }
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

std::vector<float> solve(const Matrix& x, std::span<const std::size_t> rows, const std::vector<float>& y) {
  std::vector<float> weights(x.width, 0);
  std::vector<float> residual(x.width, 0);
  for (const std::size_t row : rows) {
    for (std::size_t k = x.begins[row]; k < x.begins[row + 1]; ++k) residual[x.columns[k]] += x.values[k] * y[row];
  }
  std::vector<float> direction = residual;
  std::vector<float> product(x.width, 0);
  double length = dot(residual, residual);
  const double enough = 1e-8 * length;
  for (int i = 0; i < kIterations && length > enough; ++i) {
    multiply(x, rows, direction, product);
    const auto step = static_cast<float>(length / dot(direction, product));
    for (std::size_t c = 0; c < weights.size(); ++c) {
      weights[c] += step * direction[c];
      residual[c] -= step * product[c];
    }
    const double next = dot(residual, residual);
    const auto share = static_cast<float>(next / length);
    for (std::size_t c = 0; c < weights.size(); ++c) direction[c] = residual[c] + share * direction[c];
    length = next;
  }
  return weights;
}

/// Platt 1999: two numbers by gradient descent.
std::pair<float, float> scaling_of(const std::vector<std::pair<float, float>>& points) {
  float scale = kNoScale;
  float shift = kNoShift;
  constexpr int kSteps = 3'000;
  for (int i = 0; i < kSteps; ++i) {
    float by_scale = 0;
    float by_shift = 0;
    for (const auto& [m, y] : points) {
      const float error = logistic(scale * m + shift) - y;
      by_scale += error * m;
      by_shift += error;
    }
    const auto n = static_cast<float>(points.size());
    scale -= 4 * by_scale / n;
    shift -= 2 * by_shift / n;
  }
  return {scale, shift};
}

}  // namespace

/// Knows the insides of the model that it makes.
class QualityTrainer {
 public:
  explicit QualityTrainer(std::span<const Verdict> rows) : rows_{rows} {
    std::vector<TextFeatures> texts;
    texts.reserve(rows.size());
    for (const Verdict& row : rows) texts.push_back(text_features(row.prompt));
    weigh(texts);
    standardize(texts);
    const auto width = static_cast<std::uint32_t>((std::size_t{1} << QualityModel::kBits) + QualityModel::kDense + 1);
    x_.width = width;
    for (const Verdict& row : rows) {
      const auto [values, dense] = model_.values_of(row.prompt);
      for (const auto& [index, value] : values) x_.add(index, value);
      for (std::uint32_t i = 0; i < QualityModel::kDense; ++i)
        x_.add((1U << QualityModel::kBits) + i, kDenseShare * dense[i]);
      x_.add(width - 1, 1);
      x_.end_row();
    }
  }

  QualityModel run(std::uint32_t seed) {
    std::vector<std::size_t> order(rows_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::mt19937 random{seed};
    std::ranges::shuffle(order, random);
    const std::size_t held = order.size() >= 64 ? order.size() / kHeldOut : 0;
    const std::span<const std::size_t> calibration{order.data(), held};
    const std::span<const std::size_t> training{order.data() + held, order.size() - held};
    fit(model_.gain_, order,
        [](const Verdict& v) { return (v.strong_correct ? 1.0F : 0.0F) - (v.weak_correct ? 1.0F : 0.0F); });
    const auto weak = [](const Verdict& v) { return v.weak_correct ? 1.0F : 0.0F; };
    const auto strong = [](const Verdict& v) { return v.strong_correct ? 1.0F : 0.0F; };
    for (QualityModel::Head* head : {&model_.weak_, &model_.strong_}) {
      head->scale = kNoScale;
      head->shift = kNoShift;
    }
    fit(model_.weak_, training, weak);
    fit(model_.strong_, training, strong);
    if (held > 0) {
      calibrate(model_.weak_, calibration, weak);
      calibrate(model_.strong_, calibration, strong);
    }
    return std::move(model_);
  }

 private:
  /// Inverse document frequency; what occurs once teaches nothing.
  void weigh(const std::vector<TextFeatures>& texts) {
    std::vector<float> count(std::size_t{1} << QualityModel::kBits, 0);
    for (const TextFeatures& text : texts) {
      for (const std::uint32_t index : text.words) ++count[index];
      for (const std::uint32_t index : text.pieces) ++count[index];
    }
    model_.idf_.assign(count.size(), 0);
    const float n = static_cast<float>(texts.size());
    for (std::size_t i = 0; i < count.size(); ++i) {
      if (count[i] >= kLeastSeen) model_.idf_[i] = std::log((1 + n) / (1 + count[i])) + 1;
    }
  }

  void standardize(const std::vector<TextFeatures>& texts) {
    model_.mean_.assign(QualityModel::kDense, 0);
    model_.deviation_.assign(QualityModel::kDense, 1);
    const auto n = static_cast<float>(std::max<std::size_t>(texts.size(), 1));
    for (std::size_t i = 0; i < QualityModel::kDense; ++i) {
      float sum = 0;
      float squares = 0;
      for (const TextFeatures& text : texts) sum += text.dense[i];
      model_.mean_[i] = sum / n;
      for (const TextFeatures& text : texts) squares += std::pow(text.dense[i] - model_.mean_[i], 2.0F);
      model_.deviation_[i] = std::max(std::sqrt(squares / n), 1e-3F);
    }
  }

  template <class Target>
  void fit(QualityModel::Head& head, std::span<const std::size_t> rows, Target target) {
    std::vector<float> y(rows_.size());
    float mean = 0;
    for (const std::size_t row : rows) mean += target(rows_[row]) / static_cast<float>(rows.size());
    for (std::size_t row = 0; row < y.size(); ++row) y[row] = target(rows_[row]) - mean;
    std::vector<float> weights = solve(x_, rows, y);
    head.bias = weights.back() + mean;
    const auto dense = weights.begin() + (std::ptrdiff_t{1} << QualityModel::kBits);
    head.dense.assign(dense, dense + QualityModel::kDense);
    for (float& weight : head.dense) weight *= kDenseShare;
    weights.resize(std::size_t{1} << QualityModel::kBits);
    head.sparse = std::move(weights);
  }

  template <class Target>
  void calibrate(QualityModel::Head& head, std::span<const std::size_t> rows, Target target) const {
    std::vector<std::pair<float, float>> points;
    for (const std::size_t row : rows) {
      const auto [values, dense] = model_.values_of(rows_[row].prompt);
      points.emplace_back(QualityModel::margin(head, values, dense), target(rows_[row]));
    }
    std::tie(head.scale, head.shift) = scaling_of(points);
  }

  std::span<const Verdict> rows_;
  Matrix x_;
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
