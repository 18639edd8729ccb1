// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/async/asio.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"
#include "hearth/inference/event.hpp"
#include "hearth/inference/request.hpp"
#include "hearth/policy/policy.hpp"

namespace hearth::provider {

/// What travels with a request beside its content.
struct RequestContext {
  std::string id;         // of the request, for logs and traces
  std::string principal;  // fairness key; "anonymous" without authentication
  Deadline deadline;
  Deadline first_content;                          // before the answer's first words; remote servers only
  std::optional<std::chrono::seconds> keep_alive;  // local models: stay loaded so long after this; negative: for ever
  std::optional<std::int32_t> context;  // local models: the context length this caller wants (Ollama num_ctx)
  // For the router; the engine needs none of them.
  std::shared_ptr<const policy::Subject> subject;  // null: nothing but `principal` is known
  std::string route;                               // overrides the request's model
  std::string label;                               // of the content, as the client says; empty: the policy's default
  std::string session;                             // requests of one session stay with one target
  std::optional<std::chrono::milliseconds> max_latency;
  std::optional<double> max_cost;  // US$
};

/// Where an answer comes from, for the response headers.
struct Placement {
  std::string target;    // "lab/llama-3.1-70b"
  std::string zone;      // "cluster"
  std::string decision;  // an id that `hearth explain` takes
  bool cached = false;   // an earlier answer to the same request
  std::optional<double> confidence;
};

/// The answer as it is made. One coroutine pulls. Destroying it cancels the request within one token.
class EventStream {
 public:
  virtual ~EventStream() = default;
  /// The next event, or nullopt after the last choice Finished or the stream Failed.
  virtual Task<std::optional<inference::Event>> async_next() = 0;
  /// The next event if it is there already, which costs no coroutine; nullopt says nothing about the end.
  virtual std::optional<inference::Event> next_at_hand() { return std::nullopt; }
  /// What was asked for and could not be done in full, for `x-hearth-degraded`. Known before the first event.
  virtual std::vector<std::string> degraded() const { return {}; }
  /// The model that a server elsewhere says it ran; empty until it says so, and for our own.
  virtual std::string_view told_model() const { return {}; }
  /// Known before the first event; nullopt: the embedded engine was asked without a router.
  virtual std::optional<Placement> placement() const { return std::nullopt; }
};
using EventStreamPtr = std::unique_ptr<EventStream>;

/// Anything that can run inference: the embedded engine or, one day, a server elsewhere.
/// Any io thread; no state of its own between calls beyond its connections. A Result error comes before any event:
/// nothing has been generated then and another provider may be tried.
class Provider {
 public:
  virtual ~Provider() = default;
  virtual Task<Result<EventStreamPtr>> async_chat(RequestContext context, inference::ChatRequest request) = 0;
  virtual Task<Result<EventStreamPtr>> async_complete(RequestContext context, inference::CompletionRequest request) = 0;
  virtual Task<Result<inference::Embeddings>> async_embed(RequestContext context,
                                                          inference::EmbeddingRequest request) = 0;
  virtual Task<Result<inference::Ranking>> async_rerank(RequestContext context, inference::RerankRequest request) = 0;
};

/// One token and its text, as /tokenize shows it.
struct Piece {
  inference::TokenId id = 0;
  std::string bytes;
};

/// A loaded model, as /api/ps shows it.
struct Running {
  std::string name;
  std::string digest;       // of the model's manifest or file, hex sha256
  std::uint64_t bytes = 0;  // weights + KV + compute, host and device
  std::uint64_t device_bytes = 0;
  std::int32_t context = 0;  // longest sequence
  std::int32_t cells = 0;    // KV cells in all
  std::int32_t cells_used = 0;
  std::int32_t active = 0;  // sequences running
  std::int32_t queued = 0;
  bool pinned = false;
  std::optional<WallClock::time_point> expires_at;  // absent while busy or pinned
};

/// What a loaded model can tell about itself.
struct ModelInfo {
  std::int32_t context = 0;  // longest sequence as loaded
  std::int32_t train_context = 0;
  std::int32_t embedding_size = 0;
  std::int32_t vocabulary_size = 0;
  std::int32_t vocabulary_type = 0;  // llama_vocab_type
  std::uint64_t parameters = 0;
  std::uint64_t weight_bytes = 0;
  std::string chat_template;  // Jinja; empty: none
  std::string bos_token;
  std::string eos_token;
  bool can_chat = false;
  bool can_use_tools = false;
  bool can_think = false;
  bool can_infill = false;
  bool can_embed = false;
  bool can_rerank = false;
};

/// One running or queued request of a loaded model, as /slots shows it. Never content.
struct Slot {
  std::int32_t id = 0;
  bool processing = false;
  std::int32_t context = 0;
  std::int32_t prompt_tokens = 0;
  std::int32_t prompt_tokens_done = 0;
  std::int32_t cached_tokens = 0;
  std::int32_t generated_tokens = 0;
};

/// What only a local engine can do. Loads the model if need be, except where the name says otherwise.
class Local : public Provider {
 public:
  virtual Task<Result<std::vector<Piece>>> async_tokenize(RequestContext context, std::string model, std::string text,
                                                          bool add_special, bool parse_special) = 0;
  virtual Task<Result<std::string>> async_detokenize(RequestContext context, std::string model,
                                                     std::vector<inference::TokenId> tokens) = 0;
  virtual Task<Result<std::string>> async_apply_template(RequestContext context, inference::ChatRequest request) = 0;
  /// Prompt tokens of a chat, tools included.
  virtual Task<Result<std::int64_t>> async_count_tokens(RequestContext context, inference::ChatRequest request) = 0;
  virtual Task<Result<ModelInfo>> async_info(RequestContext context, std::string model) = 0;
  virtual Task<Result<>> async_load(RequestContext context, std::string model) = 0;
  /// Unloads when its last request ends. not_found if it is not loaded.
  virtual Task<Result<>> async_unload(std::string model) = 0;
  virtual std::vector<Running> running() const = 0;
  virtual std::vector<Slot> slots(const std::string& model) const = 0;
  /// The model that is meant when a llama-server client names none: the only configured or loaded one.
  virtual Result<std::string> default_model() const = 0;
};

}  // namespace hearth::provider
