// SPDX-License-Identifier: Apache-2.0
#include "anthropic_routes.hpp"

#include "anthropic_decode.hpp"
#include "anthropic_encode.hpp"
#include "hearth/base/id.hpp"
#include "json_dump.hpp"

#include <nlohmann/json.hpp>

namespace hearth::api::anthropic {
namespace {

/// A model that cannot think answers without, since Anthropic's clients ask for thinking whatever the model; the
/// answer says so.
Task<Result<>> async_settle_thinking(Call& call, inference::ChatRequest& chat) {
  if (!chat.reasoning.enabled.value_or(false) || call.is_elsewhere(chat.model)) co_return Result<>{};
  HEARTH_CO_CHECKED(call.check_local(chat.model));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const provider::ModelInfo info, co_await call.engine().async_info(std::move(context), chat.model));
  if (!info.can_think) {
    chat.reasoning = inference::Reasoning{};
    call.degraded("thinking");
  }
  co_return Result<>{};
}

}  // namespace

Task<Result<>> async_messages(Call& call) {
  HEARTH_CO_TRY(MessagesRequest request, decode_messages(call.request().body));
  inference::ChatRequest& chat = request.chat;
  HEARTH_CO_CHECKED(call.choose_model(chat.model));
  if (request.sealed || request.beyond) {
    HEARTH_CO_CHECKED(call.allow_verbatim(chat, inference::Wire::anthropic, std::move(request.beyond),
                                          {"anthropic-version", "anthropic-beta"}));
  }
  HEARTH_CO_CHECKED(co_await async_settle_thinking(call, chat));
  Head head{random_id("msg_"), call.id(), chat.model, chat.generation.max_tokens.value_or(0)};
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(provider::EventStreamPtr events,
                co_await call.inference().async_chat(std::move(context), std::move(chat)));
  std::vector<StreamSource> sources = one_source(std::move(events));
  if (request.stream) {
    MessageStream encoder{std::move(head)};
    co_return co_await async_stream(call, std::move(sources), encoder, kStreamFormat);
  }
  HEARTH_CO_TRY(std::vector<CollectedChoice> choices, co_await async_collect(call, std::move(sources)));
  if (choices.empty()) co_return hearth::fail(ErrorCode::internal, "the model ended without an answer");
  co_return co_await call.async_send_json(message_body(head, choices.front()));
}

Task<Result<>> async_count_tokens(Call& call) {
  HEARTH_CO_TRY(inference::ChatRequest chat, decode_count_tokens(call.request().body));
  HEARTH_CO_CHECKED(call.choose_local_model(chat.model));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const std::int64_t count,
                co_await call.engine().async_count_tokens(std::move(context), std::move(chat)));
  const nlohmann::json answer{{"input_tokens", count}};
  co_return co_await call.async_send_json(dump(answer));
}

}  // namespace hearth::api::anthropic
