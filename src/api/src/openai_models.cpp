// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "anthropic_encode.hpp"
#include "gemini_routes.hpp"
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

/// A route, or a model at a remote provider: what clients need to know of it.
struct Routed {
  models::Model model;
  std::string_view kind;
};

Json routed_json(const Routed& routed) {
  return Json{
      {"id", routed.model.name}, {"object", "model"}, {"created", 0}, {"owned_by", "hearth"}, {"kind", routed.kind}};
}

Routed routed(const std::string& name, std::int32_t context, std::string_view kind) {
  Routed out{.model = {}, .kind = kind};
  out.model.name = name;
  out.model.context_length = context;
  return out;
}

std::vector<Routed> granted_routed(const Call& call) {
  std::vector<Routed> out;
  if (call.router() == nullptr) return out;
  const router::TablePtr table = call.router()->table();
  for (const router::Route& route : table->routes) {
    if (call.is_granted(route.name)) out.push_back(routed(route.name, 0, "route"));
  }
  for (const router::Target& target : table->targets) {
    if (target.remote != nullptr && call.is_granted(target.name)) {
      out.push_back(routed(target.name, target.context, "remote"));
    }
  }
  return out;
}

/// Anthropic's clients ask on the same path and say so; they get their own shape.
bool is_anthropic(const Call& call) { return call.family() == Family::anthropic; }

}  // namespace

Task<Result<>> async_list_models(Call& call) {
  if (call.family() == Family::gemini) co_return co_await gemini::async_list_models(call);
  HEARTH_CO_TRY(auto models, co_await call.store().async_list());
  std::erase_if(models, [&](const models::Model& model) { return !call.is_granted_here(model.name); });
  std::vector<Routed> others = granted_routed(call);
  if (is_anthropic(call)) {
    for (Routed& other : others) models.push_back(std::move(other.model));
    co_return co_await call.async_send_json(anthropic::model_list(models));
  }
  Json data = Json::array();
  for (const models::Model& model : models) data.push_back(model_json(model));
  for (const Routed& other : others) data.push_back(routed_json(other));
  std::string body = dump(Json{{"object", "list"}, {"data", std::move(data)}});
  co_return co_await call.async_send_json(std::move(body));
}

Task<Result<>> async_get_model(Call& call) {
  if (call.family() == Family::gemini) co_return co_await gemini::async_get_model(call);
  const std::vector<Routed> others = granted_routed(call);
  const auto other = std::ranges::find_if(others, [&](const Routed& one) { return one.model.name == call.argument(); });
  if (other != others.end()) {
    co_return co_await call.async_send_json(is_anthropic(call) ? anthropic::model_info(other->model)
                                                               : dump(routed_json(*other)));
  }
  HEARTH_CO_CHECKED(call.check_local(call.argument()));
  HEARTH_CO_TRY(const models::Model model, co_await call.store().async_find(std::string{local_name(call.argument())}));
  if (is_anthropic(call)) co_return co_await call.async_send_json(anthropic::model_info(model));
  co_return co_await call.async_send_json(dump(model_json(model)));
}

}  // namespace hearth::api::openai
