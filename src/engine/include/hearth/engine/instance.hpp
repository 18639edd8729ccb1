// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hearth/async/asio.hpp"
#include "hearth/engine/generation.hpp"
#include "hearth/engine/model.hpp"
#include "hearth/engine/observer.hpp"
#include "hearth/engine/options.hpp"

namespace hearth::engine {

/// Inputs of one embedding or rerank call, already tokens.
struct EmbedJob {
  std::vector<std::vector<TokenId>> inputs;
  inference::Pooling pooling = inference::Pooling::model_default;
  bool rank = false;      // one relevance score an input instead of a vector
  bool truncate = false;  // cut to the longest input that fits instead of refusing
};

/// One running request, as /slots shows it.
struct SequenceStatus {
  std::int32_t prompt_tokens = 0;
  std::int32_t done_tokens = 0;
  std::int32_t reused_tokens = 0;
  std::int32_t generated_tokens = 0;
};

struct InstanceStatus {
  std::int32_t context = 0;
  std::int32_t parallel = 0;
  std::int32_t cells = 0;
  std::int32_t cells_used = 0;
  std::int32_t cells_cached = 0;
  std::int32_t queued = 0;
  std::uint64_t preemptions = 0;
  std::uint64_t prefix_memory = 0;  // bytes of kept prefixes outside the cache
  std::uint64_t prefix_disk = 0;
  std::vector<SequenceStatus> running;
};

/// Where computed prefixes go that lose their KV cells: into memory, and from there into files, which outlive the
/// process.
struct PrefixKeeping {
  std::uint64_t memory = 0;                               // bytes; 0: nowhere
  std::uint64_t disk = 0;                                 // bytes; 0: no files. They hold what users wrote
  std::filesystem::path folder;                           // of all models
  std::string model;                                      // key of weights and adapters
  std::function<void(std::function<void()>)> background;  // runs a job on a thread that may block
};

/// A loaded model at work: one `model-*` thread, the only one that touches its llama_context. Continuous batching over
/// one unified KV cache. Every call comes from any thread. The destructor ends what still runs with `unavailable` and
/// joins the thread.
class Instance {
 public:
  /// Creates the contexts (KV cache and compute buffers) and starts the thread. insufficient_memory if they cannot be
  /// had.
  static Result<std::unique_ptr<Instance>> start(std::shared_ptr<Model> model, const LoadOptions& options,
                                                 std::shared_ptr<Observer> observer, PrefixKeeping prefixes = {});
  virtual ~Instance() = default;

  virtual const Model& model() const noexcept = 0;
  /// Longest sequence this instance takes, in tokens.
  virtual std::int32_t context() const noexcept = 0;
  /// Bytes that weights, KV cache and compute buffers really took.
  virtual std::uint64_t bytes() const noexcept = 0;
  virtual std::uint64_t device_bytes() const noexcept = 0;

  /// Queues a request. Events go to a box on `executor`, whose context outlives the
  /// instance. Refuses at once: context_too_long, rate_limited (queue full;
  /// with retry_after), invalid_request (sampling, grammar), unsupported (model cannot generate).
  virtual Result<std::unique_ptr<Generation>> submit(GenerateRequest request, asio::any_io_executor executor) = 0;
  /// One vector (or score) an input. Runs between two steps of the running streams, one batch at a time.
  virtual Task<Result<std::vector<std::vector<float>>>> async_embed(EmbedJob job) = 0;

  virtual InstanceStatus status() const = 0;
  virtual bool busy() const = 0;
  /// Memory pressure, first stage.
  virtual void drop_cached_prefixes() = 0;
  /// False, while memory is short: what loses its KV cells is kept nowhere.
  virtual void keep_prefixes(bool keep) = 0;
  /// Memory pressure, last stage: prompts longer than this are refused with `unavailable`; 0 lifts it.
  virtual void refuse_prompts_over(std::int32_t tokens) = 0;
  /// Requests that run, wait or come later end with `unavailable`. Does not wait for it.
  virtual void stop() = 0;
};

/// Fills in what `options` leaves to the engine, for a model of this training context. Pure.
LoadOptions resolved(LoadOptions options, std::int32_t train_context, int cores);

}  // namespace hearth::engine
