// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include <llama-ext.h>

#include "hearth/engine/instance.hpp"
#include "library.hpp"

namespace hearth::engine {
namespace {

Result<ggml_type> kv_type(const std::string& name, const char* field) {
  static constexpr std::array kTypes{GGML_TYPE_F32,  GGML_TYPE_F16,    GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0,
                                     GGML_TYPE_Q4_1, GGML_TYPE_IQ4_NL, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1};
  for (const ggml_type type : kTypes) {
    if (name == ggml_type_name(type)) return type;
  }
  return fail(ErrorCode::invalid_request,
              fmt::format("unknown KV type \"{}\"; known: f32 f16 bf16 q8_0 q4_0 q4_1 iq4_nl q5_0 q5_1", name), field);
}

/// `sharers`: backends among which the compute bytes in host memory are counted again and again.
ContextBytes sum_up(const llama_context* context, std::uint64_t sharers) {
  ContextBytes bytes;
  for (const auto& [type, use] : llama_get_memory_breakdown(context)) {
    bytes.weights += use.model;
    bytes.kv += use.context;
    bytes.compute += type == ggml_backend_cpu_buffer_type() ? use.compute / sharers : use.compute;
    if (!ggml_backend_buft_is_host(type)) {
      ggml_backend_dev_t device = ggml_backend_buft_get_device(type);
      if (device != nullptr && ggml_backend_dev_type(device) != GGML_BACKEND_DEVICE_TYPE_CPU)
        bytes.device += use.total();
    }
  }
  return bytes;
}

}  // namespace

LoadOptions resolved(LoadOptions options, std::int32_t train_context, int cores) {
  const std::int32_t trained = train_context > 0 ? train_context : kDefaultContext;
  if (options.context <= 0) options.context = std::min(trained, kDefaultContext);
  if (options.parallel <= 0) options.parallel = kDefaultParallel;
  options.parallel = std::min(options.parallel, kMaxParallel);
  if (options.cells <= 0) {
    const std::int64_t wanted = std::int64_t{options.context} * options.parallel;
    options.cells =
        std::max(options.context, static_cast<std::int32_t>(std::min<std::int64_t>(wanted, kDefaultCellsMax)));
  }
  options.cells = (std::max(options.cells, options.context) + 255) / 256 * 256;  // libllama pads so; say so beforehand
  if (options.batch <= 0) options.batch = kDefaultBatch;
  options.batch = std::clamp(options.batch, options.parallel, 4096);
  if (options.threads <= 0) options.threads = cores;
  return options;
}

std::int32_t output_rows(const LoadOptions& options) { return std::min(options.batch, std::max(options.parallel, 32)); }

Result<llama_context_params> generation_params(const LoadOptions& options) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(options.cells);
  params.n_batch = static_cast<std::uint32_t>(options.batch);
  params.n_ubatch = params.n_batch;  // one graph a step: a step is already small
  params.n_seq_max = static_cast<std::uint32_t>(options.parallel);
  params.n_outputs_max = static_cast<std::uint32_t>(output_rows(options));
  params.n_threads = options.threads;
  params.n_threads_batch = options.threads;
  params.flash_attn_type = options.flash_attention == FlashAttention::on    ? LLAMA_FLASH_ATTN_TYPE_ENABLED
                           : options.flash_attention == FlashAttention::off ? LLAMA_FLASH_ATTN_TYPE_DISABLED
                                                                            : LLAMA_FLASH_ATTN_TYPE_AUTO;
  HEARTH_TRY(params.type_k, kv_type(options.kv_type_k, "kv_type_k"));
  HEARTH_TRY(params.type_v, kv_type(options.kv_type_v, "kv_type_v"));
  params.no_perf = true;
  params.kv_unified = true;  // sequences share cells: that is what makes prefixes free
  params.swa_full = true;    // a sliding window would lose the prefix that another request wants to share
  return params;
}

llama_context_params embedding_params(const Model& model, const LoadOptions& options, enum llama_pooling_type pooling) {
  llama_context_params params = llama_context_default_params();
  const std::int32_t trained = model.facts().train_context > 0 ? model.facts().train_context : kEmbeddingTokensMax;
  params.n_batch = static_cast<std::uint32_t>(std::min(trained, kEmbeddingTokensMax));
  params.n_ubatch = params.n_batch;  // attention that is not causal needs all of an input at once
  params.n_ctx = (params.n_batch + 255) / 256 * 256;
  params.n_seq_max = kEmbeddingSequences;
  params.n_threads = options.threads;
  params.n_threads_batch = options.threads;
  params.embeddings = true;
  params.pooling_type = pooling;
  params.no_perf = true;
  params.kv_unified = true;
  return params;
}

Result<ContextPtr> make_context(const Model& model, llama_context_params params) {
  take_library_error();
  try {
    ContextPtr context{llama_init_from_model(model.raw(), params)};
    if (context) return context;
  } catch (const std::exception& e) {
    return fail(ErrorCode::insufficient_memory, fmt::format("cannot make a context: {}", e.what()));
  }
  return fail(ErrorCode::insufficient_memory,
              fmt::format("cannot make a context of {} cells: {}; try a smaller context or fewer parallel sequences",
                          params.n_ctx, take_library_error()));
}

ContextBytes bytes_of(const llama_context* context) { return sum_up(context, 1); }

ContextBytes planned_bytes_of(const llama_context* context) {
  // libllama reports the plan of a shared buffer once for each backend that uses it.
  std::uint64_t sharers = 0;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    const auto type = ggml_backend_dev_type(device);
    const bool on_host = type == GGML_BACKEND_DEVICE_TYPE_CPU || type == GGML_BACKEND_DEVICE_TYPE_ACCEL;
    if (on_host && ggml_backend_dev_buffer_type(device) == ggml_backend_cpu_buffer_type()) ++sharers;
  }
  return sum_up(context, std::max<std::uint64_t>(sharers, 1));
}

}  // namespace hearth::engine
