// SPDX-License-Identifier: Apache-2.0
#include "anthropic_encode.hpp"
#include "openai_routes.hpp"
#include "openai_shape.hpp"

namespace hearth::api::openai {
namespace {

Json model_json(const models::Model& model) {
  Json meta{{"n_ctx_train", model.context_length},
            {"n_embd", model.embedding_length},
            {"size", model.size},
            {"ftype", model.quantization},
            {"family", model.family},
            {"parameter_size", model.parameter_size}};
  return Json{{"id", model.name},
              {"object", "model"},
              {"created", unix_seconds(model.modified)},
              {"owned_by", "hearth"},
              {"capabilities", model.capabilities},
              {"meta", std::move(meta)}};
}

/// Anthropic's clients ask on the same path and say so; they get their own shape.
bool is_anthropic(const Call& call) { return call.request().headers.get("anthropic-version").has_value(); }

}  // namespace

Task<Result<>> async_list_models(Call& call) {
  HEARTH_CO_TRY(const auto models, co_await call.store().async_list());
  if (is_anthropic(call)) co_return co_await call.async_send_json(anthropic::model_list(models));
  Json data = Json::array();
  for (const models::Model& model : models) data.push_back(model_json(model));
  std::string body = dump(Json{{"object", "list"}, {"data", std::move(data)}});
  co_return co_await call.async_send_json(std::move(body));
}

Task<Result<>> async_get_model(Call& call) {
  HEARTH_CO_TRY(const models::Model model, co_await call.store().async_find(call.argument()));
  if (is_anthropic(call)) co_return co_await call.async_send_json(anthropic::model_info(model));
  co_return co_await call.async_send_json(dump(model_json(model)));
}

}  // namespace hearth::api::openai
