// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hearth/base/checksum.hpp"
#include "text_features.hpp"

namespace hearth::router {
namespace {

constexpr std::size_t kPercentiles = 101;
constexpr std::string_view kMagic = "HRTHQLT3";

float logistic(float x) { return 1 / (1 + std::exp(-x)); }

void put(std::string& out, std::span<const float> values) {
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}
void take(std::string_view& from, std::vector<float>& values, std::size_t count) {
  values.resize(count);
  std::memcpy(values.data(), from.data(), count * sizeof(float));
  from.remove_prefix(count * sizeof(float));
}

/// One scale for all, then a signed byte each.
void put_small(std::string& out, std::span<const float> values) {
  float largest = 1e-12F;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  const float scale = largest / 127;
  put(out, std::span{&scale, 1});
  for (const float value : values) out += static_cast<char>(static_cast<std::int8_t>(std::lround(value / scale)));
}
void take_small(std::string_view& from, std::vector<float>& values, std::size_t count) {
  std::vector<float> scale;
  take(from, scale, 1);
  values.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = scale[0] * static_cast<float>(static_cast<std::int8_t>(from[i]));
  }
  from.remove_prefix(count);
}

}  // namespace

std::pair<std::vector<std::pair<std::uint32_t, float>>, std::vector<float>> QualityModel::values_of(
    std::string_view prompt) const {
  const TextFeatures features = text_features(prompt);
  std::vector<std::pair<std::uint32_t, float>> values;
  values.reserve(features.words.size() + features.pieces.size());
  // Words and pieces each have length 1, so that neither drowns the other.
  for (const auto* hashes : {&features.words, &features.pieces}) {
    float squares = 1e-6F;
    for (const std::uint32_t index : *hashes) squares += idf_[index] * idf_[index];
    const float norm = 1 / std::sqrt(squares);
    for (const std::uint32_t index : *hashes) {
      if (idf_[index] > 0) values.emplace_back(index, idf_[index] * norm);
    }
  }
  std::vector<float> dense(kDense);
  for (std::size_t i = 0; i < kDense; ++i) dense[i] = (features.dense[i] - mean_[i]) / deviation_[i];
  return {std::move(values), std::move(dense)};
}

float QualityModel::margin(const Head& head, const std::vector<std::pair<std::uint32_t, float>>& values,
                           const std::vector<float>& dense) {
  float sum = head.bias;
  for (const auto& [index, value] : values) sum += head.sparse[index] * value;
  for (std::size_t i = 0; i < kDense; ++i) sum += head.dense[i] * dense[i];
  return sum;
}

Prediction QualityModel::predict(std::string_view prompt) const {
  const auto [values, dense] = values_of(prompt);
  const auto probability = [&](const Head& head) {
    return logistic(head.scale * margin(head, values, dense) + head.shift);
  };
  return {
      .weak_correct = probability(weak_), .strong_correct = probability(strong_), .gain = margin(gain_, values, dense)};
}

float QualityModel::gain_of_share(double share) const {
  if (share >= 1) return -INFINITY;
  if (share <= 0) return INFINITY;
  const double place = (1 - share) * static_cast<double>(gains_.size() - 1);
  return gains_[static_cast<std::size_t>(std::lround(place))];
}

std::string QualityModel::save() const {
  std::string out{kMagic};
  put(out, mean_);
  put(out, deviation_);
  put(out, gains_);
  put_small(out, idf_);
  for (const Head* head : {&weak_, &strong_, &gain_}) {
    put(out, std::array{head->bias, head->scale, head->shift});
    put(out, head->dense);
    put_small(out, head->sparse);
  }
  const std::uint64_t sum = checksum(out);
  out.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return out;
}

Result<QualityModel> QualityModel::load(std::string_view bytes) {
  constexpr std::size_t kHashes = std::size_t{1} << kBits;
  constexpr std::size_t kFloats = 2 * kDense + kPercentiles + 1 + 3 * (3 + kDense + 1);
  constexpr std::size_t kSize = kMagic.size() + kFloats * sizeof(float) + 4 * kHashes + sizeof(std::uint64_t);
  if (bytes.size() != kSize || !bytes.starts_with(kMagic)) {
    return fail(ErrorCode::corrupt_data,
                "this is no quality model of this version; train one with: hearth router train");
  }
  std::uint64_t sum = 0;
  std::memcpy(&sum, bytes.data() + kSize - sizeof sum, sizeof sum);
  if (sum != checksum(bytes.substr(0, kSize - sizeof sum))) {
    return fail(ErrorCode::corrupt_data, "the quality model is damaged; train it again");
  }
  std::string_view rest = bytes.substr(kMagic.size());
  QualityModel model;
  take(rest, model.mean_, kDense);
  take(rest, model.deviation_, kDense);
  take(rest, model.gains_, kPercentiles);
  take_small(rest, model.idf_, kHashes);
  for (Head* head : {&model.weak_, &model.strong_, &model.gain_}) {
    std::vector<float> numbers;
    take(rest, numbers, 3);
    head->bias = numbers[0], head->scale = numbers[1], head->shift = numbers[2];
    take(rest, head->dense, kDense);
    take_small(rest, head->sparse, kHashes);
  }
  return model;
}

}  // namespace hearth::router
