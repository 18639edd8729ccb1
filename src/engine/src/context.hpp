// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ggml-cpu.h>
#include <llama.h>

#include <memory>

#include "hearth/base/result.hpp"
#include "hearth/engine/model.hpp"
#include "hearth/engine/options.hpp"

namespace hearth::engine {

struct ContextDeleter {
  void operator()(llama_context* context) const { llama_free(context); }
};
using ContextPtr = std::unique_ptr<llama_context, ContextDeleter>;

struct ThreadPoolDeleter {
  void operator()(ggml_threadpool* pool) const { ggml_threadpool_free(pool); }
};
using ThreadPoolPtr = std::unique_ptr<ggml_threadpool, ThreadPoolDeleter>;

/// The parameters of the context that generates; estimate() predicts with the same ones. `options` resolved.
Result<llama_context_params> generation_params(const LoadOptions& options);
/// Rows of logits a step may ask for.
std::int32_t output_rows(const LoadOptions& options);
/// Parameters of a context for embeddings or, with LLAMA_POOLING_TYPE_RANK, scores.
llama_context_params embedding_params(const Model& model, const LoadOptions& options, enum llama_pooling_type pooling);

Result<ContextPtr> make_context(const Model& model, llama_context_params params);

/// Bytes by place, after the buffers were allocated (or simulated).
struct ContextBytes {
  std::uint64_t weights = 0;
  std::uint64_t kv = 0;
  std::uint64_t compute = 0;
  std::uint64_t device = 0;  // of all three, the part that is not host memory
};
ContextBytes bytes_of(const llama_context* context);
/// The same of a context whose model was loaded with `no_alloc`: what it would take.
ContextBytes planned_bytes_of(const llama_context* context);

inline constexpr std::int32_t kEmbeddingSequences = 16;    // inputs of one embedding batch
inline constexpr std::int32_t kEmbeddingTokensMax = 2048;  // of one batch, so also of one input

}  // namespace hearth::engine
