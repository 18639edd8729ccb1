// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "hearth/router/quality.hpp"

namespace hearth::router {

/// A prompt as a learner sees it.
struct TextFeatures {
  std::vector<std::uint32_t> words;   // hashes of words and pairs of them, below 1 << QualityModel::kBits, each once
  std::vector<std::uint32_t> pieces;  // of three to five characters
  std::array<float, QualityModel::kDense> dense{};
};

/// Of the first QualityModel::kTextMax bytes. Pure.
TextFeatures text_features(std::string_view prompt);

}  // namespace hearth::router
