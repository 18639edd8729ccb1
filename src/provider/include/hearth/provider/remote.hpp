// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "hearth/async/task_group.hpp"
#include "hearth/base/secret.hpp"
#include "hearth/inference/verbatim.hpp"
#include "hearth/policy/policy.hpp"
#include "hearth/provider/provider.hpp"

namespace hearth::provider {

struct RemoteOptions {
  std::string name;  // of the provider in the configuration
  std::string kind;  // openai | anthropic | gemini | ollama | vllm | sglang | llama-server | mlx | hearth | compatible
  std::string url;   // scheme, host, port and perhaps a path that goes before the protocol's
  Secret key;        // empty: none is sent
  std::string ca_file;  // extra trust
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds idle_timeout{60'000};  // without a byte from the server
  std::chrono::milliseconds probe_timeout{5'000};  // of a health check, all of it
  std::uint64_t max_answer_bytes = 64ULL << 20;    // of one answer; then it fails
  std::size_t max_idle_connections = 64;           // kept open on each io thread
  /// Where it stands. An Ollama elsewhere than in a cloud must not pass requests on to one: what its answers tell of
  /// that ends them.
  policy::Zone zone = policy::Zone::cloud;
  /// Tokens, by the server's name of the model, where they are known: an Ollama is told to keep that many.
  std::map<std::string, std::int32_t, std::less<>> contexts;

  bool operator==(const RemoteOptions&) const = default;
};

/// invalid_request for a kind or URL that is none.
Result<> check_remote(const RemoteOptions& options);

/// The protocol in which servers of this kind take chats as their clients wrote them.
inference::Wire wire_of(const std::string& kind);

/// What a server published about itself when it was probed.
struct Load {
  std::optional<std::int32_t> running;  // requests
  std::optional<std::int32_t> waiting;
  std::optional<double> kv_used;     // share of the KV cache, 0 to 1
  std::vector<std::string> models;   // as the server names them, "x:latest" also as "x"; empty: it did not say
  std::vector<std::string> relayed;  // of these, the ones that it only passes on to a cloud (Ollama's remote_host)
};

/// A server elsewhere that can run inference. Every call that carries content takes the permit for that content and
/// target, and fails with `forbidden` when it does not cover them: nothing has been written then.
/// Any io thread; connections are kept a thread. `request.model` is the server's name of the model.
/// Errors before the first event as AnswerDecoder and Protocol say; upstream_unavailable when there is no connection.
class Remote {
 public:
  /// invalid_request for a kind or URL that is none. `io` outlives the remote.
  static Result<std::unique_ptr<Remote>> create(RemoteOptions options, async::IoThreads& io);
  virtual ~Remote() = default;

  virtual Task<Result<EventStreamPtr>> async_chat(policy::Permit permit, std::string target, RequestContext context,
                                                  inference::ChatRequest request) = 0;
  virtual Task<Result<EventStreamPtr>> async_complete(policy::Permit permit, std::string target, RequestContext context,
                                                      inference::CompletionRequest request) = 0;
  /// `prompt_tokens` is 0 where the server tells none (Gemini).
  virtual Task<Result<inference::Embeddings>> async_embed(policy::Permit permit, std::string target,
                                                          RequestContext context,
                                                          inference::EmbeddingRequest request) = 0;
  virtual Task<Result<inference::Ranking>> async_rerank(policy::Permit permit, std::string target,
                                                        RequestContext context, inference::RerankRequest request) = 0;
  /// Asks for the list of models and, where the server has one, for its load. Carries no content.
  virtual Task<Result<Load>> async_probe() = 0;
  /// Ends what is under way, and all that is asked later, with `unavailable`: for a server that stops.
  virtual Task<> async_end() = 0;
  /// Closes the kept connections. Await it before the io threads end; no call may be under way.
  virtual Task<> async_close() = 0;
};

}  // namespace hearth::provider
