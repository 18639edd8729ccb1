// SPDX-License-Identifier: Apache-2.0
#include "hearth/provider/local.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "hearth/base/log.hpp"
#include "hearth/models/go_template.hpp"
#include "local_stream.hpp"
#include "prepare.hpp"

namespace hearth::provider {
namespace {

/// A loaded model held for one request.
struct Held {
  engine::Lease lease;
  std::shared_ptr<const Resolved> resolved;
  std::chrono::nanoseconds load{};
  std::vector<std::string> degraded;
};

/// The context that a caller gets who asks for one. Beyond what the model was trained for goes the configuration alone:
/// else what a caller gets would depend on who loaded the model.
std::int32_t granted_context(std::int32_t asked, std::int64_t trained, std::int32_t configured) {
  if (trained <= 0) return asked;
  return static_cast<std::int32_t>(std::min<std::int64_t>(asked, std::max<std::int64_t>(trained, configured)));
}

class LocalEngine final : public Local {
 public:
  LocalEngine(models::Store& store, engine::Pool& pool, async::BlockingPool& blocking,
              std::vector<ConfiguredModel> configured)
      : store_{store}, pool_{pool}, blocking_{blocking}, configured_{std::move(configured)} {}

  Task<Result<EventStreamPtr>> async_chat(RequestContext context, inference::ChatRequest request) override;
  Task<Result<EventStreamPtr>> async_complete(RequestContext context, inference::CompletionRequest request) override;
  Task<Result<inference::Embeddings>> async_embed(RequestContext context, inference::EmbeddingRequest request) override;
  Task<Result<inference::Ranking>> async_rerank(RequestContext context, inference::RerankRequest request) override;
  Task<Result<std::vector<Piece>>> async_tokenize(RequestContext context, std::string model, std::string text,
                                                  bool add_special, bool parse_special) override;
  Task<Result<std::string>> async_detokenize(RequestContext context, std::string model,
                                             std::vector<inference::TokenId> tokens) override;
  Task<Result<std::string>> async_apply_template(RequestContext context, inference::ChatRequest request) override;
  Task<Result<std::int64_t>> async_count_tokens(RequestContext context, inference::ChatRequest request) override;
  Task<Result<ModelInfo>> async_info(RequestContext context, std::string model) override;
  Task<Result<>> async_load(RequestContext context, std::string model) override;
  Task<Result<>> async_unload(std::string model) override;
  std::vector<Running> running() const override;
  std::vector<Slot> slots(const std::string& model) const override;
  Result<std::string> default_model() const override;

 private:
  Task<Result<std::shared_ptr<const Resolved>>> async_resolve(std::string name);
  Task<Result<Held>> async_hold(RequestContext context, std::string model);

  models::Store& store_;
  engine::Pool& pool_;
  async::BlockingPool& blocking_;
  std::vector<ConfiguredModel> configured_;
};

std::string without_prefix(std::string name) {
  static constexpr std::string_view kPrefix = "local/";  // the provider's name, when a route names a target in full
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

engine::ModelSpec make_spec(const models::Model& model, const models::RuntimeOptions& runtime,
                            engine::LoadOptions options) {
  engine::ModelSpec spec;
  spec.name = model.name;
  spec.key = model.weights_digest.empty() ? model.weights.front().string() : model.weights_digest;
  options.weights = model.weights;
  for (const auto& adapter : model.adapters) {
    options.adapters.push_back({.path = adapter});
    spec.key += "+" + adapter.string();
  }
  if (options.context <= 0) options.context = runtime.context.value_or(0);
  if (options.batch <= 0) options.batch = runtime.batch.value_or(0);
  if (options.threads <= 0) options.threads = runtime.threads.value_or(0);
  if (runtime.gpu_layers) options.gpu_layers = *runtime.gpu_layers;
  if (runtime.main_gpu) options.main_gpu = *runtime.main_gpu;
  if (runtime.mmap) options.mmap = *runtime.mmap;
  spec.options = std::move(options);
  return spec;
}

Task<Result<std::shared_ptr<const Resolved>>> LocalEngine::async_resolve(std::string name) {
  name = without_prefix(std::move(name));
  const auto named = std::ranges::find(configured_, name, &ConfiguredModel::name);
  const bool pinned = named != configured_.end();
  Resolved resolved;
  HEARTH_CO_TRY(resolved.model, co_await store_.async_find(name));
  HEARTH_CO_TRY(resolved.options, models::to_options(resolved.model.parameters));
  resolved.spec = make_spec(resolved.model, resolved.options.runtime, pinned ? named->options : engine::LoadOptions{});
  resolved.spec.pinned = pinned;
  if (!resolved.model.template_text.empty()) {
    if (auto jinja = models::to_jinja(resolved.model.template_text)) {
      resolved.template_override = std::move(*jinja);
    } else {
      // The GGUF's own template knows the model at least as well; saying so beats refusing to answer.
      log::warn("template not translated", {{"model", resolved.model.name}, {"reason", jinja.error().message}});
    }
  }
  co_return std::make_shared<const Resolved>(std::move(resolved));
}

Task<Result<Held>> LocalEngine::async_hold(RequestContext context, std::string model) {
  const Clock::time_point start = Clock::now();
  Held held;
  HEARTH_CO_TRY(held.resolved, co_await async_resolve(std::move(model)));
  engine::ModelSpec spec = held.resolved->spec;
  if (context.context) {
    const std::int64_t trained = held.resolved->model.context_length;
    spec.options.context = granted_context(*context.context, trained, spec.options.context);
    if (spec.options.context < *context.context) {
      held.degraded.push_back(fmt::format("num_ctx={};asked={}", spec.options.context, *context.context));
    }
  }
  HEARTH_CO_TRY(held.lease, co_await pool_.async_acquire(std::move(spec), context.keep_alive));
  held.load = Clock::now() - start;
  co_return held;
}

/// Tenants share no cached prefix: how soon an answer begins would tell one what another has asked.
void keep_apart(const RequestContext& context, inference::Generation& generation) {
  if (!context.subject || context.subject->tenant.empty()) return;
  generation.cache_salt = fmt::format("{}\n{}", context.subject->tenant, generation.cache_salt);
}

Task<Result<EventStreamPtr>> LocalEngine::async_chat(RequestContext context, inference::ChatRequest request) {
  HEARTH_CO_TRY(Held held, co_await async_hold(context, request.model));
  auto work = [&held, &request] { return prepare_chat(*held.lease, *held.resolved, std::move(request)); };
  HEARTH_CO_TRY(PreparedChat prepared, co_await blocking_.async_run(std::move(work)));
  prepared.request.principal = context.principal;
  keep_apart(context, prepared.request.generation);
  prepared.request.deadline = context.deadline;
  const auto executor = co_await asio::this_coro::executor;
  HEARTH_CO_TRY(auto generation, held.lease->instance->submit(std::move(prepared.request), executor));
  std::ranges::move(prepared.degraded, std::back_inserter(held.degraded));
  co_return std::make_unique<LocalStream>(std::move(held.lease), std::move(generation), std::move(prepared.chat),
                                          std::move(held.degraded), held.load);
}

Task<Result<EventStreamPtr>> LocalEngine::async_complete(RequestContext context, inference::CompletionRequest request) {
  HEARTH_CO_TRY(Held held, co_await async_hold(context, request.model));
  auto work = [&held, &request] { return prepare_completion(*held.lease, *held.resolved, std::move(request)); };
  HEARTH_CO_TRY(engine::GenerateRequest prepared, co_await blocking_.async_run(std::move(work)));
  prepared.principal = context.principal;
  keep_apart(context, prepared.generation);
  prepared.deadline = context.deadline;
  const auto executor = co_await asio::this_coro::executor;
  HEARTH_CO_TRY(auto generation, held.lease->instance->submit(std::move(prepared), executor));
  co_return std::make_unique<LocalStream>(std::move(held.lease), std::move(generation), nullptr,
                                          std::move(held.degraded), held.load);
}

void normalize(std::vector<float>& vector) {
  const double length = std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0));
  if (length <= 0) return;
  for (float& x : vector) x = static_cast<float>(x / length);
}

Task<Result<inference::Embeddings>> LocalEngine::async_embed(RequestContext context,
                                                             inference::EmbeddingRequest request) {
  HEARTH_CO_TRY(Held held, co_await async_hold(context, request.model));
  auto work = [&held, &request] { return prepare_embedding(*held.lease, request); };
  HEARTH_CO_TRY(engine::EmbedJob job, co_await blocking_.async_run(std::move(work)));
  inference::Embeddings result;
  for (const auto& input : job.inputs) result.prompt_tokens += static_cast<std::int64_t>(input.size());
  HEARTH_CO_TRY(result.vectors, co_await held.lease->instance->async_embed(std::move(job)));
  for (auto& vector : result.vectors) {
    if (request.dimensions) vector.resize(static_cast<std::size_t>(*request.dimensions));
    if (request.normalize) normalize(vector);
  }
  co_return result;
}

Task<Result<inference::Ranking>> LocalEngine::async_rerank(RequestContext context, inference::RerankRequest request) {
  HEARTH_CO_TRY(Held held, co_await async_hold(context, request.model));
  auto work = [&held, &request] { return prepare_rerank(*held.lease, request); };
  HEARTH_CO_TRY(engine::EmbedJob job, co_await blocking_.async_run(std::move(work)));
  inference::Ranking result;
  for (const auto& input : job.inputs) result.prompt_tokens += static_cast<std::int64_t>(input.size());
  HEARTH_CO_TRY(const auto scores, co_await held.lease->instance->async_embed(std::move(job)));
  for (const auto& score : scores) result.scores.push_back(score.front());
  co_return result;
}

Task<Result<std::vector<Piece>>> LocalEngine::async_tokenize(RequestContext context, std::string model,
                                                             std::string text, bool add_special, bool parse_special) {
  HEARTH_CO_TRY(const Held held, co_await async_hold(std::move(context), std::move(model)));
  auto work = [&]() -> Result<std::vector<Piece>> {
    HEARTH_TRY(const auto tokens, held.lease->model->tokenize(text, add_special, parse_special));
    std::vector<Piece> pieces;
    for (const inference::TokenId token : tokens) pieces.push_back({token, held.lease->model->piece(token, true)});
    return pieces;
  };
  co_return co_await blocking_.async_run(std::move(work));
}

Task<Result<std::string>> LocalEngine::async_detokenize(RequestContext context, std::string model,
                                                        std::vector<inference::TokenId> tokens) {
  HEARTH_CO_TRY(const Held held, co_await async_hold(std::move(context), std::move(model)));
  for (const inference::TokenId token : tokens) {
    if (!held.lease->model->valid(token)) {
      co_return fail(ErrorCode::invalid_request, fmt::format("token {} is not in the vocabulary", token), "tokens");
    }
  }
  co_return held.lease->model->detokenize(tokens);
}

Task<Result<std::string>> LocalEngine::async_apply_template(RequestContext context, inference::ChatRequest request) {
  HEARTH_CO_TRY(const Held held, co_await async_hold(std::move(context), request.model));
  auto work = [&held, &request] {
    return render(*held.lease, with_model_defaults(std::move(request), *held.resolved));
  };
  HEARTH_CO_TRY(engine::RenderedChat chat, co_await blocking_.async_run(std::move(work)));
  co_return std::move(chat.prompt);
}

Task<Result<std::int64_t>> LocalEngine::async_count_tokens(RequestContext context, inference::ChatRequest request) {
  HEARTH_CO_TRY(const Held held, co_await async_hold(std::move(context), request.model));
  auto work = [&held, &request] { return prepare_chat(*held.lease, *held.resolved, std::move(request)); };
  HEARTH_CO_TRY(const PreparedChat prepared, co_await blocking_.async_run(std::move(work)));
  co_return static_cast<std::int64_t>(prepared.request.prompt.size());
}

Task<Result<ModelInfo>> LocalEngine::async_info(RequestContext context, std::string model) {
  HEARTH_CO_TRY(const Held held, co_await async_hold(std::move(context), std::move(model)));
  const engine::ModelFacts& facts = held.lease->model->facts();
  const engine::ChatCapabilities can = held.lease->chat->capabilities();
  ModelInfo info;
  info.context = held.lease->instance->context();
  info.train_context = facts.train_context;
  info.embedding_size = facts.embedding_size;
  info.vocabulary_size = facts.vocabulary_size;
  info.vocabulary_type = facts.vocabulary_type;
  info.parameters = facts.parameters;
  info.weight_bytes = facts.weight_bytes;
  info.chat_template =
      held.resolved->template_override.empty() ? facts.chat_template : held.resolved->template_override;
  info.bos_token = facts.bos_token;
  info.eos_token = facts.eos_token;
  info.can_chat = facts.causal;
  info.can_use_tools = facts.causal && can.tools;
  info.can_think = facts.causal && can.thinking;
  info.can_infill = facts.can_infill;
  info.can_embed = !facts.can_rerank;
  info.can_rerank = facts.can_rerank;
  co_return info;
}

Task<Result<>> LocalEngine::async_load(RequestContext context, std::string model) {
  HEARTH_CO_TRY(const Held held, co_await async_hold(std::move(context), std::move(model)));
  co_return Result<>{};
}

Task<Result<>> LocalEngine::async_unload(std::string model) {
  HEARTH_CO_TRY(const auto resolved, co_await async_resolve(model));
  if (resolved->spec.pinned) {
    co_return fail(ErrorCode::conflict,
                   fmt::format("model '{}' is pinned by the configuration; take it out there", model), "model");
  }
  if (co_await pool_.async_unload(resolved->spec.key, resolved->spec.name)) co_return Result<>{};
  co_return fail(ErrorCode::not_found, fmt::format("model '{}' is not loaded", model), "model");
}

std::vector<Running> LocalEngine::running() const {
  std::vector<Running> list;
  for (const engine::PoolEntry& entry : pool_.list()) {
    Running r;
    r.name = entry.name;
    r.digest = entry.key.substr(0, entry.key.find('+'));
    r.bytes = entry.bytes;
    r.device_bytes = entry.device_bytes;
    r.context = entry.status.context;
    r.cells = entry.status.cells;
    r.cells_used = entry.status.cells_used;
    r.active = static_cast<std::int32_t>(entry.status.running.size());
    r.queued = entry.status.queued;
    r.pinned = entry.pinned;
    if (entry.expires) {
      r.expires_at = WallClock::now() + std::chrono::duration_cast<WallClock::duration>(*entry.expires - Clock::now());
    }
    list.push_back(std::move(r));
  }
  return list;
}

std::vector<Slot> LocalEngine::slots(const std::string& model) const {
  std::vector<Slot> slots;
  for (const engine::PoolEntry& entry : pool_.list()) {
    if (!model.empty() && entry.name != without_prefix(model)) continue;
    for (std::int32_t id = 0; id < entry.status.parallel; ++id) {
      Slot slot{.id = static_cast<std::int32_t>(slots.size()), .context = entry.status.context};
      if (static_cast<std::size_t>(id) < entry.status.running.size()) {
        const engine::SequenceStatus& s = entry.status.running[id];
        slot.processing = true;
        slot.prompt_tokens = s.prompt_tokens;
        slot.prompt_tokens_done = s.done_tokens;
        slot.cached_tokens = s.reused_tokens;
        slot.generated_tokens = s.generated_tokens;
      }
      slots.push_back(slot);
    }
  }
  return slots;
}

Result<std::string> LocalEngine::default_model() const {
  if (configured_.size() == 1) return configured_.front().name;
  const auto loaded = pool_.list();
  if (configured_.empty() && loaded.size() == 1) return loaded.front().name;
  return fail(ErrorCode::invalid_request,
              "name a model: the request has no \"model\" and there is not exactly one to choose", "model");
}

}  // namespace

std::unique_ptr<Local> make_local(models::Store& store, engine::Pool& pool, async::BlockingPool& blocking,
                                  std::vector<ConfiguredModel> configured) {
  return std::make_unique<LocalEngine>(store, pool, blocking, std::move(configured));
}

}  // namespace hearth::provider
