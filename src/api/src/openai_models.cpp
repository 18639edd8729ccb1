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

/// Routes and models at remote providers, as far as clients need to know them.
Json routed_json(const std::string& id, std::string_view kind) {
  return Json{{"id", id}, {"object", "model"}, {"created", 0}, {"owned_by", "hearth"}, {"kind", kind}};
}

void add_routed(const Call& call, Json& data) {
  const router::TablePtr table = call.router()->table();
  for (const router::Route& route : table->routes) {
    if (call.is_granted(route.name)) data.push_back(routed_json(route.name, "route"));
  }
  for (const router::Target& target : table->targets) {
    if (target.remote != nullptr && call.is_granted(target.name)) data.push_back(routed_json(target.name, "remote"));
  }
}

/// Anthropic's clients ask on the same path and say so; they get their own shape.
bool is_anthropic(const Call& call) { return call.request().headers.get("anthropic-version").has_value(); }

}  // namespace

Task<Result<>> async_list_models(Call& call) {
  HEARTH_CO_TRY(auto models, co_await call.store().async_list());
  std::erase_if(models, [&](const models::Model& model) { return !call.is_granted_here(model.name); });
  if (is_anthropic(call)) co_return co_await call.async_send_json(anthropic::model_list(models));
  Json data = Json::array();
  for (const models::Model& model : models) data.push_back(model_json(model));
  if (call.router() != nullptr) add_routed(call, data);
  std::string body = dump(Json{{"object", "list"}, {"data", std::move(data)}});
  co_return co_await call.async_send_json(std::move(body));
}

Task<Result<>> async_get_model(Call& call) {
  if (call.is_elsewhere(call.argument()) && call.is_granted(call.argument())) {
    const bool route = call.router()->table()->find_route(call.argument()) != nullptr;
    co_return co_await call.async_send_json(dump(routed_json(call.argument(), route ? "route" : "remote")));
  }
  HEARTH_CO_CHECKED(call.check_local(call.argument()));
  HEARTH_CO_TRY(const models::Model model, co_await call.store().async_find(std::string{local_name(call.argument())}));
  if (is_anthropic(call)) co_return co_await call.async_send_json(anthropic::model_info(model));
  co_return co_await call.async_send_json(dump(model_json(model)));
}

}  // namespace hearth::api::openai
