// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "text_features.hpp"

namespace hearth::router {
namespace {

constexpr std::string_view kMagic = "HRTHQLT1";

float logistic(float x) { return 1 / (1 + std::exp(-x)); }

std::uint64_t checksum(std::string_view bytes) {  // FNV-1a: against damage, not against malice
  std::uint64_t h = 14695981039346656037ULL;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}

void put(std::string& out, std::span<const float> values) {
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}
void take(std::string_view& from, std::span<float> values) {
  std::memcpy(values.data(), from.data(), values.size_bytes());
  from.remove_prefix(values.size_bytes());
}

}  // namespace

Prediction QualityModel::predict(std::string_view prompt) const {
  const TextFeatures features = text_features(prompt);
  float squares = 1e-6F;
  for (const std::uint32_t index : features.sparse) squares += idf_[index] * idf_[index];
  const float norm = 1 / std::sqrt(squares);
  const auto probability = [&](const Head& head) {
    float sum = 0;
    for (const std::uint32_t index : features.sparse) sum += head.sparse[index] * idf_[index];
    float margin = head.bias + sum * norm;
    for (std::size_t i = 0; i < kDense; ++i) {
      margin += head.dense[i] * (features.dense[i] - mean_[i]) / deviation_[i];
    }
    return logistic(head.scale * margin + head.shift);
  };
  return {.weak_correct = probability(weak_),
          .strong_correct = probability(strong_),
          .gain = probability(only_strong_) - probability(only_weak_)};
}

std::string QualityModel::save() const {
  std::string out{kMagic};
  put(out, mean_);
  put(out, deviation_);
  put(out, idf_);
  for (const Head* head : {&weak_, &strong_, &only_weak_, &only_strong_}) {
    put(out, std::array{head->bias, head->scale, head->shift});
    put(out, head->dense);
    put(out, head->sparse);
  }
  const std::uint64_t sum = checksum(out);
  out.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return out;
}

Result<QualityModel> QualityModel::load(std::string_view bytes) {
  constexpr std::size_t kFloats = 2 * kDense + (std::size_t{1} << kBits) + 4 * (3 + kDense + (std::size_t{1} << kBits));
  constexpr std::size_t kSize = kMagic.size() + kFloats * sizeof(float) + sizeof(std::uint64_t);
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
  model.mean_.resize(kDense);
  model.deviation_.resize(kDense);
  take(rest, model.mean_);
  take(rest, model.deviation_);
  model.idf_.resize(std::size_t{1} << kBits);
  take(rest, model.idf_);
  for (Head* head : {&model.weak_, &model.strong_, &model.only_weak_, &model.only_strong_}) {
    std::array<float, 3> numbers{};
    take(rest, numbers);
    head->bias = numbers[0], head->scale = numbers[1], head->shift = numbers[2];
    head->dense.resize(kDense);
    head->sparse.resize(std::size_t{1} << kBits);
    take(rest, head->dense);
    take(rest, head->sparse);
  }
  return model;
}

}  // namespace hearth::router
