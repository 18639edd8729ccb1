// SPDX-License-Identifier: Apache-2.0
#include "agreement.hpp"

#include <algorithm>
#include <cmath>

#include "confidence.hpp"

namespace hearth::router {

double cosine(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return 0;
  double product = 0;
  double left = 0;
  double right = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    left += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    right += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return left > 0 && right > 0 ? product / std::sqrt(left * right) : 0;
}

Task<double> async_agreement(Attempt base, std::size_t embedder, std::string first, std::string second) {
  const double by_words = agreement(first, second);
  if (embedder == SIZE_MAX || first.empty() || second.empty()) co_return by_words;
  base.target = embedder;
  base.wishes.label = std::max(base.wishes.label, base.looked_at.label);  // answers tell of what they were asked
  inference::EmbeddingRequest request;
  request.inputs = {std::move(first), std::move(second)};
  request.truncate = true;
  const auto vectors = co_await router::async_embed(std::move(base), std::move(request));
  if (!vectors || vectors->vectors.size() != 2) co_return by_words;
  co_return std::max(0.0, cosine(vectors->vectors[0], vectors->vectors[1]));
}

}  // namespace hearth::router
