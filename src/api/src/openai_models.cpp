// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "openai_routes.hpp"

namespace hearth::api::openai {
namespace {

using Json = nlohmann::ordered_json;

Json model_json(const models::Model& model) {
  const auto created = std::chrono::duration_cast<std::chrono::seconds>(model.modified.time_since_epoch()).count();
  Json meta{{"n_ctx_train", model.context_length},
            {"n_embd", model.embedding_length},
            {"size", model.size},
            {"ftype", model.quantization},
            {"family", model.family},
            {"parameter_size", model.parameter_size}};
  return Json{{"id", model.name},
              {"object", "model"},
              {"created", created},
              {"owned_by", "hearth"},
              {"capabilities", model.capabilities},
              {"meta", std::move(meta)}};
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Task<Result<>> async_list_models(Call& call) {
  HEARTH_CO_TRY(const auto models, co_await call.store().async_list());
  Json data = Json::array();
  for (const models::Model& model : models) data.push_back(model_json(model));
  co_return co_await call.async_send_json(dump(Json{{"object", "list"}, {"data", std::move(data)}}));
}

Task<Result<>> async_get_model(Call& call) {
  HEARTH_CO_TRY(const models::Model model, co_await call.store().async_find(call.argument()));
  co_return co_await call.async_send_json(dump(model_json(model)));
}

}  // namespace hearth::api::openai
