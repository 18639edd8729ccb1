// SPDX-License-Identifier: Apache-2.0
#include "json_dump.hpp"
#include "native_decode.hpp"
#include "native_routes.hpp"

namespace hearth::api::native {
namespace {

using nlohmann::json;

/// One stream a prompt; the engine batches them.
Task<Result<std::vector<StreamSource>>> async_begin(Call& call, CompletionCall& request) {
  std::vector<StreamSource> sources;
  for (Prompt& prompt : request.prompts) {
    inference::CompletionRequest one = request.request;
    one.model = request.model;
    one.prompt = std::move(prompt);
    const auto first = static_cast<std::int32_t>(sources.size()) * request.request.generation.n;
    provider::RequestContext context = call.context();
    HEARTH_CO_TRY(provider::EventStreamPtr events,
                  co_await call.inference().async_complete(std::move(context), std::move(one)));
    sources.push_back(StreamSource{std::move(events), first});
  }
  co_return sources;
}

Task<Result<>> async_answer(Call& call, CompletionCall request) {
  HEARTH_CO_TRY(request.model, call.choose_model(request.model));
  request.view.model = request.model;
  HEARTH_CO_TRY(std::vector<StreamSource> sources, co_await async_begin(call, request));
  if (request.stream) {
    CompletionStream encoder{std::move(request.view)};
    co_return co_await async_stream(call, std::move(sources), encoder, kSse);
  }
  HEARTH_CO_TRY(const std::vector<CollectedChoice> choices, co_await async_collect(call, std::move(sources)));
  json answers = json::array();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    answers.push_back(completion_json(request.view, static_cast<std::int32_t>(i), choices[i]));
  }
  const bool one = !request.several && answers.size() == 1;
  std::string body = dump(one ? answers.front() : answers);
  co_return co_await call.async_send_json(std::move(body));
}

}  // namespace

Task<Result<>> async_completion(Call& call) {
  HEARTH_CO_TRY(CompletionCall request, decode_completion(call.request().body));
  co_return co_await async_answer(call, std::move(request));
}

Task<Result<>> async_infill(Call& call) {
  HEARTH_CO_TRY(CompletionCall request, decode_infill(call.request().body));
  co_return co_await async_answer(call, std::move(request));
}

}  // namespace hearth::api::native
