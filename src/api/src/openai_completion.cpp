// SPDX-License-Identifier: Apache-2.0
#include "openai_completion_request.hpp"
#include "openai_completion_response.hpp"
#include "openai_routes.hpp"

namespace hearth::api::openai {
namespace {

/// The text of each prompt, for echo: token ids are asked of the engine.
Task<Result<std::vector<std::string>>> async_echoes(Call& call, const CompletionCall& wanted) {
  std::vector<std::string> out;
  for (const Input& prompt : wanted.prompts) {
    if (const auto* text = std::get_if<std::string>(&prompt)) {
      out.push_back(*text);
      continue;
    }
    HEARTH_CO_CHECKED(call.check_local(wanted.request.model));
    provider::RequestContext context = call.context();
    std::vector<inference::TokenId> tokens = std::get<1>(prompt);
    HEARTH_CO_TRY(std::string text,
                  co_await call.engine().async_detokenize(std::move(context), wanted.request.model, std::move(tokens)));
    out.push_back(std::move(text));
  }
  co_return out;
}

/// Asks for all prompts before the first answer is read, so that the engine batches them.
Task<Result<std::vector<StreamSource>>> async_start_all(Call& call, const CompletionCall& wanted) {
  std::vector<StreamSource> sources;
  for (const Input& prompt : wanted.prompts) {
    inference::CompletionRequest one = wanted.request;
    one.prompt = prompt;
    provider::RequestContext context = call.context();
    HEARTH_CO_TRY(auto stream, co_await call.inference().async_complete(std::move(context), std::move(one)));
    const auto first = static_cast<std::int32_t>(sources.size()) * wanted.request.generation.n;
    sources.push_back(StreamSource{std::move(stream), first});
  }
  co_return sources;
}

}  // namespace

Task<Result<>> async_completion(Call& call) {
  HEARTH_CO_TRY(CompletionCall wanted, read_completion(call.request().body));
  HEARTH_CO_TRY(wanted.request.model, call.choose_model(wanted.request.model));
  const Head head = make_head(call, "cmpl-", wanted.request.model);
  CompletionView view;
  view.echo = wanted.echo;
  view.logprobs = wanted.request.generation.logprobs.has_value();
  view.per_prompt = static_cast<std::size_t>(wanted.request.generation.n);
  view.shown = static_cast<std::size_t>(wanted.n);
  if (wanted.echo) {
    HEARTH_CO_TRY(view.echoes, co_await async_echoes(call, wanted));
  }
  HEARTH_CO_TRY(auto sources, co_await async_start_all(call, wanted));
  if (wanted.view.stream) {
    const std::size_t choices = wanted.prompts.size() * view.per_prompt;
    CompletionEncoder encoder{head, std::move(view), choices, wanted.view.include_usage};
    co_return co_await async_stream(call, std::move(sources), encoder, kSse);
  }
  HEARTH_CO_TRY(const auto choices, co_await async_collect(call, std::move(sources)));
  co_return co_await call.async_send_json(completion_body(head, choices, view));
}

}  // namespace hearth::api::openai
