// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "json_dump.hpp"
#include "native_decode.hpp"
#include "native_routes.hpp"
#include "openai_chat_request.hpp"

namespace hearth::api::native {
namespace {

using nlohmann::json;

/// `?model=` of the GET routes.
std::string model_of_query(const Call& call) {
  const auto found = call.request().query.find("model");
  return found == call.request().query.end() ? std::string{} : found->second;
}

bool asks(const Call& call, const char* flag) {
  const auto found = call.request().query.find(flag);
  return found != call.request().query.end() && found->second != "0" && found->second != "false";
}

}  // namespace

Task<Result<>> async_health(Call& call) {
  const auto& draining = call.shared().services.draining;
  if (draining && draining()) co_return hearth::fail(ErrorCode::unavailable, "the server is shutting down");
  co_return co_await call.async_send_json(R"({"status":"ok"})");
}

Task<Result<>> async_metrics(Call& call) {
  const auto& text = call.shared().services.metrics_text;
  if (!text) co_return hearth::fail(ErrorCode::not_found, "this server keeps no metrics");
  std::string body = text();
  co_return co_await call.async_send(200, "text/plain; version=0.0.4; charset=utf-8", std::move(body));
}

Task<Result<>> async_props(Call& call) {
  HEARTH_CO_TRY(const std::string model, call.choose_local_model(model_of_query(call)));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const provider::ModelInfo info, co_await call.engine().async_info(std::move(context), model));
  const auto slots = static_cast<std::int32_t>(call.engine().slots(model).size());
  std::string body = dump(props_json(model, info, slots));
  co_return co_await call.async_send_json(std::move(body));
}

Task<Result<>> async_slots(Call& call) {
  HEARTH_CO_TRY(const std::string model, call.choose_local_model(model_of_query(call)));
  const std::vector<provider::Slot> slots = call.engine().slots(model);
  const bool busy = !slots.empty() && std::ranges::all_of(slots, &provider::Slot::processing);
  if (asks(call, "fail_on_no_slot") && busy) {
    co_return hearth::fail(ErrorCode::unavailable, "every slot of this model is busy");
  }
  std::string body = dump(slots_json(slots));
  co_return co_await call.async_send_json(std::move(body));
}

/// Adapters belong to models here (ADAPTER in a Modelfile); none can be scaled on the fly.
Task<Result<>> async_lora_adapters(Call& call) { co_return co_await call.async_send_json("[]"); }

Task<Result<>> async_tokenize(Call& call) {
  HEARTH_CO_TRY(TokenizeCall request, decode_tokenize(call.request().body));
  HEARTH_CO_TRY(std::string model, call.choose_local_model(std::move(request.model)));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const std::vector<provider::Piece> pieces,
                co_await call.engine().async_tokenize(std::move(context), std::move(model), std::move(request.content),
                                                      request.add_special, request.parse_special));
  std::string body = dump(tokens_json(pieces, request.with_pieces));
  co_return co_await call.async_send_json(std::move(body));
}

Task<Result<>> async_detokenize(Call& call) {
  HEARTH_CO_TRY(DetokenizeCall request, decode_detokenize(call.request().body));
  HEARTH_CO_TRY(std::string model, call.choose_local_model(std::move(request.model)));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(std::string text, co_await call.engine().async_detokenize(std::move(context), std::move(model),
                                                                          std::move(request.tokens)));
  const json answer{{"content", std::move(text)}};
  co_return co_await call.async_send_json(dump(answer));
}

Task<Result<>> async_apply_template(Call& call) {
  HEARTH_CO_TRY(openai::ChatCall request, openai::read_chat(call.request().body));
  HEARTH_CO_TRY(request.request.model, call.choose_local_model(request.request.model));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(std::string prompt,
                co_await call.engine().async_apply_template(std::move(context), std::move(request.request)));
  const json answer{{"prompt", std::move(prompt)}};
  co_return co_await call.async_send_json(dump(answer));
}

Task<Result<>> async_embedding(Call& call) {
  HEARTH_CO_TRY(inference::EmbeddingRequest request, decode_embedding(call.request().body));
  HEARTH_CO_TRY(request.model, call.choose_model(request.model));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const inference::Embeddings made,
                co_await call.inference().async_embed(std::move(context), std::move(request)));
  call.record().usage.prompt_tokens = made.prompt_tokens;
  co_return co_await call.async_send_json(embeddings_body(made));
}

}  // namespace hearth::api::native
