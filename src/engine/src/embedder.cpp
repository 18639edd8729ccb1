// SPDX-License-Identifier: Apache-2.0
#include "embedder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::engine {
namespace {

enum llama_pooling_type to_library(inference::Pooling pooling) {
  switch (pooling) {
    case inference::Pooling::model_default: return LLAMA_POOLING_TYPE_UNSPECIFIED;
    case inference::Pooling::mean: return LLAMA_POOLING_TYPE_MEAN;
    case inference::Pooling::cls: return LLAMA_POOLING_TYPE_CLS;
    case inference::Pooling::last: return LLAMA_POOLING_TYPE_LAST;
    case inference::Pooling::none: return LLAMA_POOLING_TYPE_NONE;
  }
  return LLAMA_POOLING_TYPE_UNSPECIFIED;
}

}  // namespace

Result<> Embedder::prepare(EmbedJob& job) const {
  if (job.rank && !model_.facts().can_rerank) {
    return fail(ErrorCode::unsupported, "this model does not rank; use a reranker (pooling type rank)", "model");
  }
  if (!job.rank && job.pooling == inference::Pooling::model_default && model_.facts().can_rerank) {
    return fail(ErrorCode::unsupported, "this model ranks; use /v1/rerank, or ask for pooling mean, cls or last",
                "model");
  }
  if (job.pooling == inference::Pooling::none) {
    return fail(ErrorCode::unsupported, "pooling none gives one vector a token; choose mean, cls or last", "pooling");
  }
  const auto limit = embedding_params(model_, options_, LLAMA_POOLING_TYPE_UNSPECIFIED).n_batch;
  for (std::size_t i = 0; i < job.inputs.size(); ++i) {
    auto& input = job.inputs[i];
    if (input.empty()) return fail(ErrorCode::invalid_request, fmt::format("input {} is empty", i), "input");
    if (input.size() <= limit) continue;
    if (!job.truncate) {
      return fail(ErrorCode::context_too_long,
                  fmt::format("input {} has {} tokens; this model embeds at most {}; split it or set truncate", i,
                              input.size(), limit),
                  "input");
    }
    input.resize(limit);
  }
  return {};
}

Result<llama_context*> Embedder::context_for(const EmbedJob& job) {
  enum llama_pooling_type pooling = job.rank ? LLAMA_POOLING_TYPE_RANK : to_library(job.pooling);
  const auto made = contexts_.find(pooling);
  if (made != contexts_.end()) return made->second.get();
  HEARTH_TRY(ContextPtr context, make_context(model_, embedding_params(model_, options_, pooling)));
  if (pooling == LLAMA_POOLING_TYPE_UNSPECIFIED && llama_pooling_type(context.get()) == LLAMA_POOLING_TYPE_NONE) {
    // A model made to generate names no pooling; the mean over its tokens is the usual choice.
    HEARTH_TRY(context, make_context(model_, embedding_params(model_, options_, LLAMA_POOLING_TYPE_MEAN)));
  }
  if (threads_ != nullptr) llama_attach_threadpool(context.get(), threads_, threads_);
  return contexts_.emplace(pooling, std::move(context)).first->second.get();
}

Result<std::size_t> Embedder::run_batch(const EmbedJob& job, std::size_t first, std::vector<std::vector<float>>& out) {
  HEARTH_TRY(llama_context * context, context_for(job));
  const auto limit = static_cast<std::size_t>(llama_n_batch(context));
  std::size_t last = first;
  std::size_t tokens = 0;
  while (last < job.inputs.size() && last - first < static_cast<std::size_t>(kEmbeddingSequences) &&
         tokens + job.inputs[last].size() <= limit) {
    tokens += job.inputs[last++].size();
  }
  llama_batch batch = llama_batch_init(static_cast<std::int32_t>(tokens), 0, 1);
  for (std::size_t i = first; i < last; ++i) {
    for (std::size_t p = 0; p < job.inputs[i].size(); ++p) {
      const std::int32_t n = batch.n_tokens++;
      batch.token[n] = job.inputs[i][p];
      batch.pos[n] = static_cast<llama_pos>(p);
      batch.n_seq_id[n] = 1;
      batch.seq_id[n][0] = static_cast<llama_seq_id>(i - first);
      batch.logits[n] = 1;
    }
  }
  if (llama_memory_t memory = llama_get_memory(context)) llama_memory_clear(memory, false);
  const int rc = llama_decode(context, batch);
  llama_batch_free(batch);
  if (rc != 0) return fail(ErrorCode::internal, fmt::format("the library failed to embed (code {})", rc));
  const std::int32_t width = job.rank ? 1 : model_.facts().embedding_size;
  for (std::size_t i = first; i < last; ++i) {
    const float* vector = llama_get_embeddings_seq(context, static_cast<llama_seq_id>(i - first));
    if (vector == nullptr) return fail(ErrorCode::unsupported, "this model gives no embeddings", "model");
    out.emplace_back(vector, vector + width);
  }
  return last;
}

std::uint64_t Embedder::bytes() const {
  std::uint64_t total = 0;
  for (const auto& [pooling, context] : contexts_) {
    const ContextBytes bytes = bytes_of(context.get());
    total += bytes.kv + bytes.compute;
  }
  return total;
}

}  // namespace hearth::engine
