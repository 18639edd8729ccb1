// SPDX-License-Identifier: Apache-2.0
#include "admin_routes.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "json_dump.hpp"
#include "management.hpp"
#include "openai_chat_request.hpp"

namespace hearth::api::admin {
namespace {

using Json = nlohmann::ordered_json;

Json target_json(const router::ExplainedTarget& target) {
  Json conditions = Json::array();
  for (const policy::Condition& condition : target.conditions) {
    conditions.push_back({{"condition", condition.name}, {"holds", condition.holds}, {"why", condition.why}});
  }
  Json out{{"target", target.target}, {"zone", target.zone}, {"candidate", target.candidate}};
  if (!target.candidate) {
    out["excluded_by"] = target.excluded_by;
    out["why"] = target.why;
  }
  out["policy"] = std::move(conditions);
  out["label"] = target.label;
  out["redacted"] = target.redacted;
  out["quality"] = target.quality;
  out["predicted_latency_ms"] = target.latency_ms;
  out["estimated_cost_usd"] = target.cost_usd;
  out["score"] = target.score;
  out["load"] = target.load;
  out["breaker"] = target.breaker;
  return out;
}

std::string explanation_body(const router::Explanation& explanation) {
  Json targets = Json::array();
  for (const router::ExplainedTarget& target : explanation.targets) targets.push_back(target_json(target));
  Json out = Json::object();
  if (!explanation.id.empty()) out["decision"] = explanation.id;
  out["route"] = explanation.route;
  out["strategy"] = explanation.strategy;
  out["principal"] = explanation.principal;
  out["label"] = explanation.label;
  out["features"] = {{"prompt_tokens", explanation.prompt_tokens},
                     {"answer_tokens", explanation.answer_tokens},
                     {"needs", explanation.needs},
                     {"turns", explanation.turns},
                     {"language", explanation.language},
                     {"code", explanation.code},
                     {"mathematics", explanation.mathematics},
                     {"workload", explanation.workload}};
  if (explanation.gain) out["features"]["expected_gain"] = *explanation.gain;
  out["targets"] = std::move(targets);
  out["plan"] = explanation.plan;
  if (!explanation.id.empty()) out["attempts"] = explanation.attempts;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<router::Router*> router_of(Call& call) {
  HEARTH_CHECKED(check_management(call, identity::Scope::admin));
  if (call.router() != nullptr) return call.router();
  return hearth::fail(ErrorCode::not_found, "this server has no router");
}

Json total_json(const router::LedgerTotal& total) {
  return {{"key", total.key},
          {"requests", total.requests},
          {"completed", total.completed},
          {"failed", total.failed},
          {"cancelled", total.cancelled},
          {"expired", total.expired},
          {"open", total.open},
          {"prompt_tokens", total.prompt_tokens},
          {"completion_tokens", total.completion_tokens},
          {"cost_usd", total.cost_usd},
          {"saved_usd", total.saved_usd}};
}

Result<std::chrono::hours> hours_in(const std::map<std::string, std::string>& query) {
  constexpr int kMonth = 720;
  const auto found = query.find("hours");
  if (found == query.end()) return std::chrono::hours{kMonth};
  int hours = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hours);
  constexpr int kMost = 400 * 24;
  if (error == std::errc{} && end == text.data() + text.size() && hours >= 1 && hours <= kMost) {
    return std::chrono::hours{hours};
  }
  return hearth::fail(ErrorCode::invalid_request, "hours must be a whole number from 1 to 9600", "hours");
}

/// The id in {"decision": id}; empty: the body is a request.
std::string decision_in(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object() || json.size() != 1 || !json.contains("decision") || !json["decision"].is_string()) return {};
  return json["decision"].get<std::string>();
}

}  // namespace

Task<Result<>> async_explain(Call& call) {
  HEARTH_CO_TRY(const router::Router* router, router_of(call));
  if (const std::string id = decision_in(call.request().body); !id.empty()) {
    HEARTH_CO_TRY(const router::Explanation past, router->explain(id));
    co_return co_await call.async_send_json(explanation_body(past));
  }
  HEARTH_CO_TRY(openai::ChatCall wanted, openai::read_chat_leniently(call.request().body));
  HEARTH_CO_TRY(wanted.request.model, call.choose_model(wanted.request.model));
  HEARTH_CO_CHECKED(call.allow_verbatim(wanted.request, inference::Wire::openai, std::move(wanted.beyond)));
  HEARTH_CO_TRY(const router::Explanation would, router->explain(call.context(), wanted.request));
  co_return co_await call.async_send_json(explanation_body(would));
}

Task<Result<>> async_decision(Call& call) {
  HEARTH_CO_TRY(const router::Router* router, router_of(call));
  HEARTH_CO_TRY(const router::Explanation past, router->explain(call.argument()));
  co_return co_await call.async_send_json(explanation_body(past));
}

Task<Result<>> async_ledger(Call& call) {
  const Services& services = call.shared().services;
  HEARTH_CO_CHECKED(check_management(call, identity::Scope::admin));
  if (services.ledger == nullptr || services.files == nullptr) {
    co_return hearth::fail(ErrorCode::not_found, "this server keeps no ledger");
  }
  HEARTH_CO_TRY(const auto hours, hours_in(call.request().query));
  const auto asked = call.request().query.find("by");
  const std::string by = asked == call.request().query.end() ? "principal" : asked->second;
  const auto since = WallClock::now() - hours;
  auto read = [&] { return services.ledger->totals(by, since); };
  HEARTH_CO_TRY(const auto totals, co_await services.files->async_run(std::move(read)));
  Json list = Json::array();
  for (const router::LedgerTotal& total : totals) list.push_back(total_json(total));
  const Json out{{"by", by}, {"hours", hours.count()}, {"totals", std::move(list)}};
  co_return co_await call.async_send_json(out.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace hearth::api::admin
