// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <vector>

#include "context.hpp"
#include "hearth/engine/instance.hpp"

namespace hearth::engine {

/// Embeddings and rerank scores from the same weights as the generating context. Its own contexts are made on first
/// use, one a pooling type. Model thread only.
class Embedder {
 public:
  Embedder(const Model& model, const LoadOptions& options, ggml_threadpool* threads)
      : model_{model}, options_{options}, threads_{threads} {}

  /// Checks a job's lengths; cuts them if it may.
  Result<> prepare(EmbedJob& job) const;
  /// Computes the inputs from `first` on, as many as fit one batch, and appends their vectors. Returns the next
  /// `first`.
  Result<std::size_t> run_batch(const EmbedJob& job, std::size_t first, std::vector<std::vector<float>>& out);
  std::uint64_t bytes() const;

 private:
  Result<llama_context*> context_for(const EmbedJob& job);

  const Model& model_;
  const LoadOptions& options_;
  ggml_threadpool* threads_;
  std::map<int, ContextPtr> contexts_;
};

}  // namespace hearth::engine
