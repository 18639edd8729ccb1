// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "openai_routes.hpp"
#include "responses_request.hpp"
#include "responses_store.hpp"
#include "responses_stream.hpp"
#include "tool_results.hpp"

namespace hearth::api::openai {
namespace {

using inference::Message;

Error no_response(const std::string& id) {
  return Error{
      ErrorCode::not_found,
      fmt::format("there is no response '{}' here: stored ones are kept in memory for a while, and only without "
                  "store: false",
                  id),
      "previous_response_id",
      {}};
}

/// What the previous response left, then the new input. Instructions stand in front and are not kept.
Result<std::vector<Message>> conversation(const Call& call, const ResponsesCall& wanted) {
  std::vector<Message> out;
  if (!wanted.previous_response_id.empty()) {
    const auto previous =
        call.shared().responses->find(wanted.previous_response_id, call.record().principal, Clock::now());
    if (!previous) return hearth::fail(no_response(wanted.previous_response_id));
    out = previous->messages;
  }
  out.insert(out.end(), wanted.request.messages.begin(), wanted.request.messages.end());
  if (out.empty()) return hearth::fail(ErrorCode::invalid_request, "input must not be empty", "input");
  pair_tool_results(out);
  return out;
}

inference::ChatRequest chat_of(const ResponsesCall& wanted, const std::vector<Message>& messages) {
  inference::ChatRequest chat = wanted.request;
  chat.messages.clear();
  if (!wanted.instructions.empty()) {
    Message& system = chat.messages.emplace_back();
    system.role = "system";
    system.content.emplace_back(inference::TextPart{wanted.instructions});
  }
  chat.messages.insert(chat.messages.end(), messages.begin(), messages.end());
  return chat;
}

void keep(Call& call, std::vector<Message> messages, const ResponseObject& response) {
  messages.push_back(response.message());
  call.shared().responses->put(
      StoredResponse{response.id(), dump(response.json()), std::move(messages), call.record().principal}, Clock::now());
}

Task<Result<>> async_streamed(Call& call, std::vector<StreamSource> sources, ResponseObject response,
                              std::optional<std::vector<Message>> kept) {
  ResponsesEncoder::OnDone on_done = [&call, &kept](const ResponseObject& done) {
    if (kept) keep(call, *std::move(kept), done);
  };
  ResponsesEncoder encoder{std::move(response), std::move(on_done)};
  co_return co_await async_stream(call, std::move(sources), encoder, kSse);
}

}  // namespace

Task<Result<>> async_create_response(Call& call) {
  HEARTH_CO_TRY(ResponsesCall wanted, read_responses(call.request().body));
  HEARTH_CO_TRY(wanted.request.model, call.choose_model(wanted.request.model));
  for (const std::string& what : wanted.view.degraded) call.degraded(what);
  HEARTH_CO_TRY(std::vector<Message> messages, conversation(call, wanted));
  ResponseObject response{make_head(call, "resp_", wanted.request.model), std::move(wanted.echo)};
  inference::ChatRequest chat = chat_of(wanted, messages);
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(auto stream, co_await call.inference().async_chat(std::move(context), std::move(chat)));
  std::vector<StreamSource> sources = one_source(std::move(stream));
  std::optional<std::vector<Message>> kept;
  if (wanted.store) kept = std::move(messages);
  if (wanted.view.stream) {
    co_return co_await async_streamed(call, std::move(sources), std::move(response), std::move(kept));
  }
  HEARTH_CO_TRY(const auto choices, co_await async_collect(call, std::move(sources)));
  if (choices.empty()) co_return hearth::fail(ErrorCode::internal, "the model gave no answer");
  add_choice(response, choices.front());
  if (kept) keep(call, *std::move(kept), response);
  co_return co_await call.async_send_json(dump(response.json()));
}

Task<Result<>> async_get_response(Call& call) {
  const auto stored = call.shared().responses->find(call.argument(), call.record().principal, Clock::now());
  if (!stored) co_return hearth::fail(no_response(call.argument()));
  co_return co_await call.async_send_json(stored->body);
}

Task<Result<>> async_delete_response(Call& call) {
  if (!call.shared().responses->erase(call.argument(), call.record().principal, Clock::now()))
    co_return hearth::fail(no_response(call.argument()));
  std::string body = dump(Json{{"id", call.argument()}, {"object", "response"}, {"deleted", true}});
  co_return co_await call.async_send_json(std::move(body));
}

Task<Result<>> async_response_input_tokens(Call& call) {
  HEARTH_CO_TRY(ResponsesCall wanted, read_responses(call.request().body));
  HEARTH_CO_TRY(wanted.request.model, call.choose_local_model(wanted.request.model));
  HEARTH_CO_TRY(const std::vector<Message> messages, conversation(call, wanted));
  inference::ChatRequest chat = chat_of(wanted, messages);
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const std::int64_t tokens,
                co_await call.engine().async_count_tokens(std::move(context), std::move(chat)));
  std::string body = dump(Json{{"object", "response.input_tokens"}, {"input_tokens", tokens}});
  co_return co_await call.async_send_json(std::move(body));
}

}  // namespace hearth::api::openai
