// SPDX-License-Identifier: Apache-2.0
#include "hearth/provider/remote.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "hearth/net/client.hpp"
#include "probe.hpp"
#include "protocol.hpp"
#include "remote_stream.hpp"

namespace hearth::provider {
namespace {

constexpr std::uint64_t kErrorBytesMax = 64 * 1024;  // of an error's body

Result<std::unique_ptr<Protocol>> make_protocol(const RemoteOptions& options) {
  const std::string& kind = options.kind;
  if (kind == "openai") return make_openai_protocol(Dialect::openai);
  if (kind == "vllm") return make_openai_protocol(Dialect::vllm);
  if (kind == "sglang") return make_sglang_protocol();
  if (kind == "llama-server") return make_openai_protocol(Dialect::llama_server);
  if (kind == "mlx") return make_openai_protocol(Dialect::mlx);
  if (kind == "hearth") return make_openai_protocol(Dialect::hearth);
  if (kind == "compatible") return make_openai_protocol(Dialect::compatible);
  if (kind == "anthropic") return make_anthropic_protocol();
  if (kind == "gemini") return make_gemini_protocol();
  if (kind == "ollama")
    return make_ollama_protocol({.contexts = options.contexts, .may_relay = options.zone == policy::Zone::cloud});
  return fail(
      ErrorCode::invalid_request,
      fmt::format(
          "\"{}\" is no kind of provider; one of: openai, anthropic, gemini, ollama, vllm, sglang, llama-server, mlx, "
          "hearth, compatible",
          kind),
      "kind");
}

class RemoteImpl final : public Remote {
 public:
  RemoteImpl(RemoteOptions options, std::unique_ptr<Protocol> protocol, net::Url base, async::IoThreads& io)
      : options_{std::move(options)}, protocol_{std::move(protocol)}, base_{std::move(base)}, io_{io} {
    clients_.resize(io.size());
    while (base_.target.ends_with('/')) base_.target.pop_back();
    for (const std::string_view version : {"/v1", "/v1beta"}) {  // as SDKs want it; paths bring their own
      if (base_.target.ends_with(version)) base_.target.erase(base_.target.size() - version.size());
    }
  }

  Task<Result<EventStreamPtr>> async_chat(policy::Permit permit, std::string target, RequestContext context,
                                          inference::ChatRequest request) override;
  Task<Result<EventStreamPtr>> async_complete(policy::Permit permit, std::string target, RequestContext context,
                                              inference::CompletionRequest request) override;
  Task<Result<inference::Embeddings>> async_embed(policy::Permit permit, std::string target, RequestContext context,
                                                  inference::EmbeddingRequest request) override;
  Task<Result<inference::Ranking>> async_rerank(policy::Permit permit, std::string target, RequestContext context,
                                                inference::RerankRequest request) override;
  Task<Result<Load>> async_probe() override;
  Task<> async_end() override;
  Task<> async_close() override;

 private:
  template <class Request>
  Result<> check(const policy::Permit& permit, const std::string& target, const Request& request) const;
  /// Of the io thread that `executor` is.
  Result<net::Client*> client(const asio::any_io_executor& executor);
  net::ClientRequest to_request(HttpCall call, Deadline deadline) const;
  /// The answer to a call once its head says 200; the protocol's error otherwise.
  Task<Result<std::unique_ptr<net::ClientAnswer>>> async_open(HttpCall call, Deadline deadline);
  Task<Result<std::string>> async_body(HttpCall call, Deadline deadline);
  Task<Result<std::string>> async_get(std::string path, Deadline deadline);
  RemoteStreamOptions stream_options(Deadline deadline) const {
    return {.name = options_.name, .max_bytes = options_.max_answer_bytes, .deadline = deadline, .ending = &ending_};
  }
  static Task<> async_end_client(std::unique_ptr<net::Client>& client);
  static Task<> async_drop(std::unique_ptr<net::Client> client);

  const RemoteOptions options_;
  const std::unique_ptr<Protocol> protocol_;
  net::Url base_;
  async::IoThreads& io_;
  std::vector<std::unique_ptr<net::Client>> clients_;  // by io thread; each touched by that thread only
  std::atomic<bool> ending_{false};
};

template <class Request>
Result<> RemoteImpl::check(const policy::Permit& permit, const std::string& target, const Request& request) const {
  if (permit.covers(policy::ContentDigest::of(request), target)) return {};
  return fail(ErrorCode::forbidden, fmt::format("the permit is not for this content at {}", target));
}

Result<net::Client*> RemoteImpl::client(const asio::any_io_executor& executor) {
  if (ending_) return fail(stopping_error(options_.name));
  const asio::execution_context& here = asio::query(executor, asio::execution::context);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (&io_.at(i) != &here) continue;
    if (!clients_[i]) {
      clients_[i] = net::Client::create(
          executor, {.max_idle_per_origin = options_.max_idle_connections, .ca_file = options_.ca_file});
    }
    return clients_[i].get();
  }
  return fail(ErrorCode::internal, "a remote was called on a thread that is no io thread");
}

net::ClientRequest RemoteImpl::to_request(HttpCall call, Deadline deadline) const {
  net::ClientRequest request;
  request.method = "POST";
  request.url = base_;
  request.url.target += call.path;
  request.headers = std::move(call.headers);
  request.headers.add("Content-Type", "application/json");
  if (!options_.key.empty()) {
    auto [name, value] = protocol_->credential(options_.key.reveal());
    request.headers.add(std::move(name), std::move(value));
  }
  request.body = std::move(call.body);
  request.rest = std::move(call.rest);
  request.connect_timeout = options_.connect_timeout;
  request.idle_timeout = options_.idle_timeout;
  request.deadline = deadline;
  return request;
}

Task<Result<std::unique_ptr<net::ClientAnswer>>> RemoteImpl::async_open(HttpCall call, Deadline deadline) {
  HEARTH_CO_TRY(net::Client * client, this->client(co_await asio::this_coro::executor));
  net::ClientRequest request = to_request(std::move(call), deadline);
  auto opened = co_await client->async_open(std::move(request));
  if (!opened && ending_) co_return fail(stopping_error(options_.name));
  HEARTH_CO_TRY(auto answer, std::move(opened));
  const int status = answer->head().status;
  if (status >= 200 && status < 300) co_return std::move(answer);
  std::string body;
  while (body.size() < kErrorBytesMax) {
    const Result<std::string_view> piece = co_await answer->async_read();
    if (!piece || piece->empty()) break;
    body.append(piece->substr(0, kErrorBytesMax - body.size()));
  }
  Error error = protocol_->error(status, answer->head().headers, body);
  error.message = fmt::format("{}: {}", options_.name, error.message);
  co_return fail(std::move(error));
}

Task<Result<std::string>> RemoteImpl::async_body(HttpCall call, Deadline deadline) {
  HEARTH_CO_TRY(const auto answer, co_await async_open(std::move(call), deadline));
  std::string body;
  while (true) {
    const Result<std::string_view> piece = co_await answer->async_read();
    if (!piece) co_return fail(ending_ ? stopping_error(options_.name) : piece.error());
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > options_.max_answer_bytes) {
      co_return fail(ErrorCode::upstream_error,
                     fmt::format("{}: the answer is over {} bytes", options_.name, options_.max_answer_bytes));
    }
    body.append(*piece);
  }
}

Task<Result<EventStreamPtr>> RemoteImpl::async_chat(policy::Permit permit, std::string target, RequestContext context,
                                                    inference::ChatRequest request) {
  HEARTH_CO_CHECKED(check(permit, target, request));
  HEARTH_CO_TRY(HttpCall call, protocol_->chat(request));
  HEARTH_CO_TRY(auto answer, co_await async_open(std::move(call), context.deadline.earlier(context.first_content)));
  co_return make_remote_stream(stream_options(context.deadline), std::move(answer),
                               protocol_->chat_decoder(request.generation.n));
}

Task<Result<EventStreamPtr>> RemoteImpl::async_complete(policy::Permit permit, std::string target,
                                                        RequestContext context, inference::CompletionRequest request) {
  HEARTH_CO_CHECKED(check(permit, target, request));
  HEARTH_CO_TRY(HttpCall call, protocol_->complete(request));
  HEARTH_CO_TRY(auto answer, co_await async_open(std::move(call), context.deadline.earlier(context.first_content)));
  co_return make_remote_stream(stream_options(context.deadline), std::move(answer),
                               protocol_->completion_decoder(request.generation.n));
}

Task<Result<inference::Embeddings>> RemoteImpl::async_embed(policy::Permit permit, std::string target,
                                                            RequestContext context,
                                                            inference::EmbeddingRequest request) {
  HEARTH_CO_CHECKED(check(permit, target, request));
  HEARTH_CO_TRY(HttpCall call, protocol_->embed(request));
  HEARTH_CO_TRY(const std::string body, co_await async_body(std::move(call), context.deadline));
  HEARTH_CO_TRY(inference::Embeddings out, protocol_->embeddings(body));
  if (out.vectors.size() != request.inputs.size()) {
    co_return fail(ErrorCode::upstream_error, fmt::format("{}: {} vectors for {} inputs", options_.name,
                                                          out.vectors.size(), request.inputs.size()));
  }
  co_return out;
}

Task<Result<inference::Ranking>> RemoteImpl::async_rerank(policy::Permit permit, std::string target,
                                                          RequestContext context, inference::RerankRequest request) {
  HEARTH_CO_CHECKED(check(permit, target, request));
  HEARTH_CO_TRY(HttpCall call, protocol_->rerank(request));
  HEARTH_CO_TRY(const std::string body, co_await async_body(std::move(call), context.deadline));
  HEARTH_CO_TRY(inference::Ranking out, protocol_->ranking(body));
  if (out.scores.size() != request.documents.size()) {
    co_return fail(ErrorCode::upstream_error, fmt::format("{}: {} scores for {} documents", options_.name,
                                                          out.scores.size(), request.documents.size()));
  }
  co_return out;
}

Task<Result<std::string>> RemoteImpl::async_get(std::string path, Deadline deadline) {
  HEARTH_CO_TRY(net::Client * client, this->client(co_await asio::this_coro::executor));
  net::ClientRequest request = to_request({.path = std::move(path), .headers = {}, .body = {}}, deadline);
  request.method = "GET";
  request.max_body_bytes = kProbeBytesMax;
  request.idle_timeout = kProbeTimeout;
  request.connect_timeout = std::min(request.connect_timeout, kProbeTimeout);
  HEARTH_CO_TRY(net::ClientResponse response, co_await client->async_request(std::move(request)));
  if (response.status >= 200 && response.status < 300) co_return std::move(response.body);
  co_return fail(protocol_->error(response.status, response.headers, response.body));
}

Task<Result<Load>> RemoteImpl::async_probe() {
  Load load;
  const ProbePlan plan = probe_plan(options_.kind);
  const Deadline deadline = Deadline::after(Clock::now(), options_.probe_timeout);
  HEARTH_CO_TRY(const std::string models, co_await async_get(plan.models_path, deadline));
  read_models(options_.kind, models, load);
  if (!plan.load_path.empty()) {
    // A server without metrics is as healthy as one with them.
    if (const Result<std::string> text = co_await async_get(plan.load_path, deadline))
      read_load(options_.kind, *text, load);
  }
  co_return load;
}

Task<> RemoteImpl::async_end_client(std::unique_ptr<net::Client>& client) {
  if (client) client->end();
  co_return;
}

Task<> RemoteImpl::async_end() {
  ending_ = true;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    co_await asio::co_spawn(io_.at(i), async_end_client(clients_[i]), asio::use_awaitable);
  }
}

Task<> RemoteImpl::async_drop(std::unique_ptr<net::Client> client) {
  client.reset();
  co_return;
}

Task<> RemoteImpl::async_close() {
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (!clients_[i]) continue;
    co_await asio::co_spawn(io_.at(i), async_drop(std::move(clients_[i])), asio::use_awaitable);
  }
}

}  // namespace

inference::Wire wire_of(const std::string& kind) {
  if (kind == "anthropic") return inference::Wire::anthropic;
  if (kind == "gemini") return inference::Wire::gemini;
  if (kind == "ollama") return inference::Wire::ollama;
  return inference::Wire::openai;
}

Result<> check_remote(const RemoteOptions& options) {
  HEARTH_CHECKED(make_protocol(options));
  HEARTH_CHECKED(net::Url::parse(options.url));
  return {};
}

Result<std::unique_ptr<Remote>> Remote::create(RemoteOptions options, async::IoThreads& io) {
  HEARTH_TRY(auto protocol, make_protocol(options));
  HEARTH_TRY(net::Url base, net::Url::parse(options.url));
  return std::make_unique<RemoteImpl>(std::move(options), std::move(protocol), std::move(base), io);
}

}  // namespace hearth::provider
