// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>

#include "ollama_decode.hpp"
#include "ollama_encode.hpp"
#include "ollama_history.hpp"
#include "ollama_routes.hpp"

namespace hearth::api::ollama {
namespace {

/// Names the model in the answer's headers and says which options did nothing.
/// How long a model stays loaded is everybody's business: a key for answers alone does not decide it.
Result<std::optional<std::chrono::seconds>> allowed_keep_alive(Call& call, std::optional<std::chrono::seconds> wanted) {
  if (!wanted || call.caller() == nullptr || call.caller()->may(identity::Scope::manage)) return wanted;
  if (wanted->count() == 0) {
    return hearth::fail(ErrorCode::forbidden, "unloading a model needs a key with the scope manage", "keep_alive");
  }
  call.degraded("keep_alive");
  return std::optional<std::chrono::seconds>{};
}

/// One rendering at a time: a template that takes long keeps everybody waiting.
Result<> allow_template(const Call& call, const inference::ChatRequest& chat) {
  const bool allowed = call.caller() == nullptr || call.caller()->may(identity::Scope::manage);
  if (allowed || chat.template_override.empty()) return {};
  return hearth::fail(ErrorCode::forbidden, "a template in a request needs a key with the scope manage", "template");
}

Result<provider::RequestContext> begin(Call& call, const Common& common) {
  HEARTH_CHECKED(call.choose_model(common.model));
  if (!common.without_effect.empty()) {
    call.degraded(fmt::format("options:{}", fmt::join(common.without_effect, ",")));
  }
  provider::RequestContext context = call.context();
  HEARTH_TRY(context.keep_alive, allowed_keep_alive(call, common.keep_alive));
  context.context = common.context_length;
  return context;
}

Task<Result<>> async_check_thinking(Call& call, provider::RequestContext context, const inference::ChatRequest& chat) {
  if (!chat.reasoning.enabled.value_or(false) || call.is_elsewhere(chat.model)) co_return Result<>{};
  HEARTH_CO_CHECKED(call.check_local(chat.model));
  HEARTH_CO_TRY(const provider::ModelInfo info, co_await call.engine().async_info(std::move(context), chat.model));
  if (info.can_think) co_return Result<>{};
  co_return hearth::fail(ErrorCode::unsupported, fmt::format("\"{}\" does not support thinking", chat.model), "think");
}

Task<Result<>> async_load(Call& call, provider::RequestContext context, std::string model) {
  HEARTH_CO_CHECKED(call.check_local(model));
  co_return co_await call.engine().async_load(std::move(context), std::move(model));
}

/// An empty prompt: loads the model, or unloads it when it is to be kept for no time at all.
Task<Result<>> async_load_only(Call& call, provider::RequestContext context, Shape shape) {
  const std::string model = call.record().model;
  const AnswerHead head{.shape = shape, .model = model, .context = {}};
  if (context.keep_alive != std::chrono::seconds{0}) {
    HEARTH_CO_CHECKED(co_await async_load(call, std::move(context), model));
    co_return co_await call.async_send_json(loaded_body(head, "load"));
  }
  HEARTH_CO_CHECKED(call.check_local(model));
  const Result<> unloaded = co_await call.engine().async_unload(model);
  if (!unloaded && unloaded.error().code != ErrorCode::not_found) co_return hearth::fail(unloaded.error());
  // Not loaded is fine, not there is not.
  if (!unloaded) HEARTH_CO_CHECKED(co_await call.store().async_find(std::string{local_name(model)}));
  co_return co_await call.async_send_json(loaded_body(head, "unload"));
}

Task<Result<>> async_answer(Call& call, bool stream, AnswerHead head, provider::EventStreamPtr events) {
  std::vector<StreamSource> sources = one_source(std::move(events));
  if (stream) {
    AnswerStream encoder{std::move(head)};
    co_return co_await async_stream(call, std::move(sources), encoder, kNdjson);
  }
  HEARTH_CO_TRY(std::vector<CollectedChoice> choices, co_await async_collect(call, std::move(sources)));
  if (choices.empty()) co_return hearth::fail(ErrorCode::internal, "the model ended without an answer");
  co_return co_await call.async_send_json(answer_body(head, choices.front()));
}

/// A conversation that goes on is one raw prompt of tokens: the old ones, then the new.
inference::CompletionRequest continued(GenerateCall& request, Tokens tokens) {
  inference::CompletionRequest completion;
  completion.model = request.chat.model;
  completion.prompt = std::move(tokens);
  completion.add_special = false;
  completion.generation = std::move(request.chat.generation);
  return completion;
}

/// Raw prompts and suffixes: no template, no history.
Task<Result<provider::EventStreamPtr>> async_begin_raw(Call& call, provider::RequestContext context,
                                                       GenerateCall& request) {
  co_return co_await call.inference().async_complete(std::move(context), *std::move(request.completion));
}

/// A prompt in the model's template. `out` is filled with the conversation's tokens when the answer has ended.
Task<Result<provider::EventStreamPtr>> async_begin_templated(Call& call, provider::RequestContext context,
                                                             GenerateCall& request, std::shared_ptr<Tokens> out) {
  if (call.is_elsewhere(request.chat.model)) {
    if (!request.history.empty()) {
      co_return hearth::fail(ErrorCode::unsupported, "the token history of another model's answer means nothing here",
                             "context");
    }
    co_return co_await call.inference().async_chat(std::move(context), std::move(request.chat));
  }
  HEARTH_CO_CHECKED(call.check_local(request.chat.model));
  History history{.model = request.chat.model, .before = std::move(request.history), .prompt = {}};
  HEARTH_CO_TRY(history.prompt, co_await call.engine().async_apply_template(context, request.chat));
  provider::EventStreamPtr events;
  if (history.before.empty()) {
    HEARTH_CO_TRY(events, co_await call.inference().async_chat(context, std::move(request.chat)));
  } else {
    HEARTH_CO_TRY(Tokens tokens, co_await async_extend(call.engine(), context, history, history.prompt));
    inference::CompletionRequest completion = continued(request, std::move(tokens));
    HEARTH_CO_TRY(events, co_await call.inference().async_complete(context, std::move(completion)));
  }
  co_return with_history(std::move(events), call.engine(), std::move(context), std::move(history), std::move(out));
}

/// One embedding for a request of one text; a text that is too long is cut only when the client said so, and said.
Task<Result<inference::Embeddings>> async_embed_all(Call& call, provider::RequestContext context, EmbedCall request) {
  Result<inference::Embeddings> whole = co_await call.inference().async_embed(context, request.request);
  if (whole || whole.error().code != ErrorCode::context_too_long || !request.may_truncate) co_return whole;
  request.request.truncate = true;
  call.degraded("truncated");
  co_return co_await call.inference().async_embed(std::move(context), std::move(request.request));
}

}  // namespace

Task<Result<>> async_chat(Call& call) {
  HEARTH_CO_TRY(ChatCall request, decode_chat(call.request().body));
  HEARTH_CO_TRY(provider::RequestContext context, begin(call, request.common));
  if (request.load_only && request.beyond) co_return hearth::fail(*std::move(request.beyond));
  if (request.load_only) co_return co_await async_load_only(call, std::move(context), Shape::chat);
  HEARTH_CO_CHECKED(call.allow_verbatim(request.chat, inference::Wire::ollama, std::move(request.beyond)));
  HEARTH_CO_CHECKED(co_await async_check_thinking(call, context, request.chat));
  AnswerHead head{.shape = Shape::chat, .model = request.common.model, .context = {}};
  HEARTH_CO_TRY(provider::EventStreamPtr events,
                co_await call.inference().async_chat(std::move(context), std::move(request.chat)));
  co_return co_await async_answer(call, request.stream, std::move(head), std::move(events));
}

Task<Result<>> async_generate(Call& call) {
  HEARTH_CO_TRY(GenerateCall request, decode_generate(call.request().body));
  HEARTH_CO_CHECKED(allow_template(call, request.chat));
  HEARTH_CO_TRY(provider::RequestContext context, begin(call, request.common));
  if (request.load_only) co_return co_await async_load_only(call, std::move(context), Shape::generate);
  HEARTH_CO_CHECKED(co_await async_check_thinking(call, context, request.chat));
  AnswerHead head{.shape = Shape::generate, .model = request.common.model, .context = {}};
  Result<provider::EventStreamPtr> events;
  if (request.completion) {
    events = co_await async_begin_raw(call, std::move(context), request);
  } else {
    auto tokens = std::make_shared<Tokens>();
    head.context = tokens;
    events = co_await async_begin_templated(call, std::move(context), request, std::move(tokens));
  }
  if (!events) co_return hearth::fail(std::move(events).error());
  co_return co_await async_answer(call, request.stream, std::move(head), *std::move(events));
}

Task<Result<>> async_embed(Call& call) {
  HEARTH_CO_TRY(EmbedCall request, decode_embed(call.request().body));
  HEARTH_CO_TRY(provider::RequestContext context, begin(call, request.common));
  inference::Embeddings made;
  if (request.request.inputs.empty()) {
    HEARTH_CO_CHECKED(co_await async_load(call, std::move(context), request.common.model));
  } else {
    HEARTH_CO_TRY(made, co_await async_embed_all(call, std::move(context), request));
  }
  call.record().usage.prompt_tokens = made.prompt_tokens;
  const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - call.arrived());
  co_return co_await call.async_send_json(embed_body(request.common.model, made, took));
}

Task<Result<>> async_embeddings(Call& call) {
  HEARTH_CO_TRY(EmbedCall request, decode_embeddings(call.request().body));
  HEARTH_CO_TRY(provider::RequestContext context, begin(call, request.common));
  inference::Embeddings made;
  if (request.request.inputs.empty()) {
    HEARTH_CO_CHECKED(co_await async_load(call, std::move(context), request.common.model));
  } else {
    HEARTH_CO_TRY(made, co_await call.inference().async_embed(std::move(context), std::move(request.request)));
  }
  call.record().usage.prompt_tokens = made.prompt_tokens;
  co_return co_await call.async_send_json(embedding_body(made));
}

}  // namespace hearth::api::ollama
