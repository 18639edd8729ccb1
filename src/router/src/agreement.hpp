// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "attempt.hpp"

namespace hearth::router {

/// How alike two answers are, 0 to 1: the cosine of their embeddings by the target `embedder` (ConsRoute's measure),
/// or, where it is SIZE_MAX, may not see them or fails, the share of words that they have in common. `base`: the
/// attempt that the answers came from; policy and budgets apply to the embedding as well.
Task<double> async_agreement(Attempt base, std::size_t embedder, std::string first, std::string second);

/// Of vectors of one length; 0 for others. Pure.
double cosine(std::span<const float> a, std::span<const float> b);

}  // namespace hearth::router
