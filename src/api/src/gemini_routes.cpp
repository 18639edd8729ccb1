// SPDX-License-Identifier: Apache-2.0
#include "gemini_routes.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "gemini_decode.hpp"
#include "gemini_encode.hpp"
#include "hearth/base/id.hpp"

namespace hearth::api::gemini {
namespace {

using Json = nlohmann::ordered_json;

constexpr StreamFormat kJsonArray{"application/json", ""};
/// Google's clients take every line that does not begin with "data: " for an error, comments included.
constexpr StreamFormat kLines{"text/event-stream; charset=utf-8", "\r\n\r\n"};

Task<Result<>> async_generate(Call& call, std::string model, bool stream) {
  HEARTH_CO_TRY(GenerateRequest request, decode_generate(call.request().body));
  HEARTH_CO_TRY(request.chat.model, call.choose_model(std::move(model)));
  HEARTH_CO_CHECKED(call.allow_verbatim(request.chat, inference::Wire::gemini, std::move(request.beyond)));
  Head head{.id = random_id("resp_"), .model = request.chat.model, .thoughts = request.thoughts};
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(provider::EventStreamPtr events,
                co_await call.inference().async_chat(std::move(context), std::move(request.chat)));
  std::vector<StreamSource> sources = one_source(std::move(events));
  if (stream) {
    const auto alt = call.request().query.find("alt");
    const bool sse = alt != call.request().query.end() && alt->second == "sse";
    ResponseStream encoder{std::move(head), sse};
    co_return co_await async_stream(call, std::move(sources), encoder, sse ? kLines : kJsonArray);
  }
  HEARTH_CO_TRY(const std::vector<CollectedChoice> choices, co_await async_collect(call, std::move(sources)));
  co_return co_await call.async_send_json(response_body(head, choices));
}

Task<Result<>> async_count(Call& call, std::string model) {
  HEARTH_CO_TRY(inference::ChatRequest chat, decode_count(call.request().body));
  HEARTH_CO_TRY(chat.model, call.choose_local_model(std::move(model)));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const std::int64_t count,
                co_await call.engine().async_count_tokens(std::move(context), std::move(chat)));
  co_return co_await call.async_send_json(fmt::format(R"({{"totalTokens":{}}})", count));
}

Task<Result<>> async_embed(Call& call, std::string model, bool batch) {
  HEARTH_CO_TRY(inference::EmbeddingRequest request, decode_embed(call.request().body, batch));
  HEARTH_CO_TRY(request.model, call.choose_model(std::move(model)));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const auto embeddings, co_await call.inference().async_embed(std::move(context), std::move(request)));
  call.record().usage.prompt_tokens = embeddings.prompt_tokens;
  co_return co_await call.async_send_json(embedding_body(embeddings.vectors, batch));
}

Json model_json(const std::string& name, std::int64_t context) {
  Json out{{"name", "models/" + name}, {"version", "1"}, {"displayName", name}};
  if (context > 0) out["inputTokenLimit"] = context;
  out["supportedGenerationMethods"] = {"generateContent", "streamGenerateContent", "countTokens", "embedContent"};
  return out;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Task<Result<>> async_call(Call& call) {
  const std::string& argument = call.argument();
  const auto colon = argument.rfind(':');
  const std::string method = colon == std::string::npos ? "" : argument.substr(colon + 1);
  std::string model = argument.substr(0, colon);
  if (method == "generateContent") co_return co_await async_generate(call, std::move(model), false);
  if (method == "streamGenerateContent") co_return co_await async_generate(call, std::move(model), true);
  if (method == "countTokens") co_return co_await async_count(call, std::move(model));
  if (method == "embedContent") co_return co_await async_embed(call, std::move(model), false);
  if (method == "batchEmbedContents") co_return co_await async_embed(call, std::move(model), true);
  co_return hearth::fail(ErrorCode::not_found,
                         fmt::format("there is no method \"{}\"; there are generateContent, streamGenerateContent, "
                                     "countTokens, embedContent and batchEmbedContents",
                                     method.substr(0, 80)));
}

Task<Result<>> async_list_models(Call& call) {
  HEARTH_CO_TRY(const auto models, co_await call.store().async_list());
  Json list = Json::array();
  for (const models::Model& model : models) {
    if (call.is_granted_here(model.name)) list.push_back(model_json(model.name, model.context_length));
  }
  if (call.router() != nullptr) {
    const router::TablePtr table = call.router()->table();
    for (const router::Route& route : table->routes) {
      if (call.is_granted(route.name)) list.push_back(model_json(route.name, 0));
    }
    for (const router::Target& target : table->targets) {
      if (target.remote != nullptr && call.is_granted(target.name)) {
        list.push_back(model_json(target.name, target.context));
      }
    }
  }
  co_return co_await call.async_send_json(text_of(Json{{"models", std::move(list)}}));
}

Task<Result<>> async_get_model(Call& call) {
  if (call.is_elsewhere(call.argument()) && call.is_granted(call.argument())) {
    co_return co_await call.async_send_json(text_of(model_json(call.argument(), 0)));
  }
  HEARTH_CO_CHECKED(call.check_local(call.argument()));
  HEARTH_CO_TRY(const models::Model model, co_await call.store().async_find(std::string{local_name(call.argument())}));
  co_return co_await call.async_send_json(text_of(model_json(model.name, model.context_length)));
}

}  // namespace hearth::api::gemini
