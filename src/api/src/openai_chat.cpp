// SPDX-License-Identifier: Apache-2.0
#include "openai_chat_request.hpp"
#include "openai_chat_response.hpp"
#include "openai_routes.hpp"

namespace hearth::api::openai {

Task<Result<>> async_chat(Call& call) {
  HEARTH_CO_TRY(ChatCall wanted, read_chat_leniently(call.request().body));
  HEARTH_CO_TRY(wanted.request.model, call.choose_model(wanted.request.model));
  if (wanted.standard || wanted.beyond) {
    HEARTH_CO_CHECKED(call.allow_verbatim(wanted.request, inference::Wire::openai, std::move(wanted.beyond)));
  }
  for (const std::string& what : wanted.view.degraded) call.degraded(what);
  const Head head = make_head(call, "chatcmpl-", wanted.request.model);
  const bool logprobs = wanted.request.generation.logprobs.has_value();
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(auto stream, co_await call.inference().async_chat(std::move(context), std::move(wanted.request)));
  auto sources = one_source(std::move(stream));
  if (wanted.view.stream) {
    ChatEncoder encoder{head, wanted.view.include_usage};
    co_return co_await async_stream(call, std::move(sources), encoder, kSse);
  }
  HEARTH_CO_TRY(const auto choices, co_await async_collect(call, std::move(sources)));
  co_return co_await call.async_send_json(chat_body(head, choices, logprobs));
}

Task<Result<>> async_chat_input_tokens(Call& call) {
  HEARTH_CO_TRY(ChatCall wanted, read_chat(call.request().body));
  HEARTH_CO_TRY(wanted.request.model, call.choose_local_model(wanted.request.model));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const std::int64_t tokens,
                co_await call.engine().async_count_tokens(std::move(context), std::move(wanted.request)));
  co_return co_await call.async_send_json(dump(Json{{"object", "response.input_tokens"}, {"input_tokens", tokens}}));
}

}  // namespace hearth::api::openai
