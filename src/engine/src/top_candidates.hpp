// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "hearth/inference/request.hpp"

namespace hearth::engine {

struct Candidate {
  inference::TokenId token = 0;
  float logit = 0;
};

/// The `most` largest of `logits`, largest first, lower tokens first among equals; -infinity is none of them. One pass
/// that the compiler vectorises and a look at few values, where sorting has to move all of a vocabulary. Pure; `out` is
/// reused.
void top_candidates(std::span<const float> logits, std::size_t most, std::vector<Candidate>& out);

}  // namespace hearth::engine
