// SPDX-License-Identifier: Apache-2.0
#include "routing_print.hpp"

#include <string>

namespace hearth::app {
namespace {

template <class T>
void field(YAML::Emitter& out, const char* key, const T& value) {
  out << YAML::Key << key << YAML::Value << value;
}
void text(YAML::Emitter& out, const char* key, const std::string& value) {
  if (!value.empty()) field(out, key, value);
}
void milliseconds(YAML::Emitter& out, const char* key, std::chrono::milliseconds value) {
  field(out, key, std::to_string(value.count()) + "ms");
}
template <class List>
void list(YAML::Emitter& out, const char* key, const List& values) {
  out << YAML::Key << key << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const auto& value : values) out << std::string{value};
  out << YAML::EndSeq;
}

std::vector<std::string> names(router::Capabilities capabilities) {
  std::vector<std::string> out;
  std::string rest = router::names_of(capabilities);
  for (std::size_t at = 0; at < rest.size();) {
    const std::size_t end = std::min(rest.find(", ", at), rest.size());
    out.push_back(rest.substr(at, end - at));
    at = end + 2;
  }
  return out;
}

void print_model(YAML::Emitter& out, const RemoteModel& model) {
  out << YAML::BeginMap;
  field(out, "name", model.name);
  text(out, "model", model.model);
  if (model.context > 0) field(out, "context", model.context);
  list(out, "capabilities", names(model.capabilities));
  field(out, "quality", model.quality);
  out << YAML::Key << "price" << YAML::Value << YAML::Flow << YAML::BeginMap;
  field(out, "input", model.price.input);
  field(out, "cached_input", model.price.cached_input);
  field(out, "output", model.price.output);
  out << YAML::EndMap << YAML::EndMap;
}

void print_provider(YAML::Emitter& out, const RemoteProvider& provider) {
  out << YAML::BeginMap;
  field(out, "name", provider.options.name);
  field(out, "kind", provider.options.kind);
  field(out, "url", provider.options.url);
  const bool variable = provider.key_reference.starts_with("${");
  text(out, variable ? "key" : "key_file", provider.key_reference);
  text(out, "ca_file", provider.options.ca_file);
  field(out, "zone", std::string{policy::name_of(provider.zone)});
  text(out, "region", provider.region);
  milliseconds(out, "connect_timeout", provider.options.connect_timeout);
  milliseconds(out, "idle_timeout", provider.options.idle_timeout);
  out << YAML::Key << "models" << YAML::Value << YAML::BeginSeq;
  for (const RemoteModel& model : provider.models) print_model(out, model);
  out << YAML::EndSeq << YAML::EndMap;
}

void print_route(YAML::Emitter& out, const RouteConfig& config) {
  const router::Route& route = config.route;
  out << YAML::BeginMap;
  field(out, "name", route.name);
  field(out, "strategy", std::string{router::name_of(route.strategy)});
  list(out, "targets", config.targets);
  list(out, "fallback", route.fallback);
  out << YAML::Key << "objective" << YAML::Value << YAML::Flow << YAML::BeginMap;
  field(out, "quality", route.objective.quality);
  field(out, "cost", route.objective.cost);
  field(out, "latency", route.objective.latency);
  out << YAML::EndMap;
  field(out, "confidence", route.confidence);
  field(out, "agreement", route.agreement);
  text(out, "embeddings", config.embedder);
  field(out, "retries", route.retries);
  milliseconds(out, "timeout", route.timeout);
  milliseconds(out, "first_token_timeout", route.first_token_timeout);
  milliseconds(out, "hedge_after", route.hedge_after);
  if (route.label) field(out, "label", std::string{policy::name_of(*route.label)});
  field(out, "sticky", route.sticky);
  if (route.cache.ttl.count() > 0) {
    out << YAML::Key << "cache" << YAML::Value << YAML::Flow << YAML::BeginMap;
    milliseconds(out, "ttl", route.cache.ttl);
    text(out, "salt", route.cache.salt);
    field(out, "shared", route.cache.shared);
    out << YAML::EndMap;
  }
  if (!config.shadow_target.empty()) {
    out << YAML::Key << "shadow" << YAML::Value << YAML::Flow << YAML::BeginMap;
    field(out, "share", route.shadow.share);
    field(out, "target", config.shadow_target);
    field(out, "judge", route.shadow.judge);
    field(out, "keep_prompts", route.shadow.keep_prompts);
    out << YAML::EndMap;
  }
  text(out, "quality_model", config.quality_model);
  field(out, "strong_share", route.strong_share);
  if (route.worth_usd) field(out, "worth_usd", *route.worth_usd);
  out << YAML::EndMap;
}

void print_rule(YAML::Emitter& out, const policy::Rule& rule) {
  out << YAML::Flow << YAML::BeginMap << YAML::Key << (rule.allow ? "allow" : "deny") << YAML::Value << YAML::BeginMap;
  if (rule.principal) field(out, "principal", *rule.principal);
  if (rule.target) field(out, "target", *rule.target);
  if (rule.region) field(out, "region", *rule.region);
  if (rule.zone) field(out, "zone", std::string{policy::name_of(*rule.zone)});
  if (rule.label) field(out, "label", std::string{policy::name_of(*rule.label)});
  if (rule.actions) field(out, "action", policy::names_of(*rule.actions));
  if (rule.workload) field(out, "workload", *rule.workload);
  if (rule.hours) field(out, "hours", policy::to_string(*rule.hours));
  out << YAML::EndMap << YAML::EndMap;
}

void print_redact(YAML::Emitter& out, const Privacy& privacy) {
  if (privacy.redact_zones.empty()) return;
  std::vector<std::string> zones;
  for (const policy::Zone zone : privacy.redact_zones) zones.emplace_back(policy::name_of(zone));
  out << YAML::Key << "redact" << YAML::Value << YAML::BeginMap;
  list(out, "zones", zones);
  list(out, "detectors", privacy.redact_types);
  out << YAML::EndMap;
}

void print_privacy(YAML::Emitter& out, const Privacy& privacy) {
  out << YAML::Key << "privacy" << YAML::Value << YAML::BeginMap;
  field(out, "scan", privacy.scan);
  field(out, "names", privacy.detectors.names);
  text(out, "names_file", privacy.names_file);
  if (!privacy.detectors.labels.empty()) {
    out << YAML::Key << "labels" << YAML::Value << YAML::Flow << YAML::BeginMap;
    for (const auto& [type, label] : privacy.detectors.labels)
      field(out, type.c_str(), std::string{policy::name_of(label)});
    out << YAML::EndMap;
  }
  out << YAML::Key << "patterns" << YAML::Value << YAML::BeginSeq;
  for (const privacy::CustomPattern& pattern : privacy.detectors.patterns) {
    out << YAML::Flow << YAML::BeginMap;
    field(out, "name", pattern.name);
    field(out, "pattern", pattern.pattern);
    field(out, "any_case", pattern.any_case);
    out << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::Key << "words" << YAML::Value << YAML::BeginSeq;
  for (const privacy::WordList& words : privacy.detectors.words) {
    out << YAML::BeginMap;
    field(out, "name", words.name);
    list(out, "words", words.words);
    out << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::EndMap;
}

void print_policy(YAML::Emitter& out, const policy::Policy::Options& policy, const Privacy& privacy) {
  out << YAML::Key << "policy" << YAML::Value << YAML::BeginMap;
  field(out, "default_label", std::string{policy::name_of(policy.default_label)});
  out << YAML::Key << "zones" << YAML::Value << YAML::Flow << YAML::BeginMap;
  for (int zone = 0; zone < policy::kZones; ++zone) {
    const auto& ceiling = policy.ceilings[zone];
    if (!ceiling) continue;
    field(out, std::string{policy::name_of(static_cast<policy::Zone>(zone))}.c_str(),
          std::string{policy::name_of(*ceiling)});
  }
  out << YAML::EndMap;
  out << YAML::Key << "rules" << YAML::Value << YAML::BeginSeq;
  for (const policy::Rule& rule : policy.rules) print_rule(out, rule);
  out << YAML::EndSeq;
  field(out, "otherwise", policy.otherwise ? "allow" : "deny");
  print_redact(out, privacy);
  out << YAML::EndMap;
}

}  // namespace

void print_routing(YAML::Emitter& out, const Routing& routing) {
  out << YAML::Key << "providers" << YAML::Value << YAML::BeginSeq;
  for (const RemoteProvider& provider : routing.providers) print_provider(out, provider);
  out << YAML::EndSeq;
  out << YAML::Key << "routes" << YAML::Value << YAML::BeginSeq;
  for (const RouteConfig& route : routing.routes) print_route(out, route);
  out << YAML::EndSeq;
  print_policy(out, routing.policy, routing.privacy);
  print_privacy(out, routing.privacy);
  if (!routing.calibration.empty()) {
    out << YAML::Key << "calibration" << YAML::Value << YAML::BeginMap;
    for (const auto& [target, one] : routing.calibration) {
      out << YAML::Key << target << YAML::Value << YAML::Flow << YAML::BeginMap;
      field(out, "scale", one.scale);
      field(out, "shift", one.shift);
      out << YAML::EndMap;
    }
    out << YAML::EndMap;
  }
  out << YAML::Key << "budgets" << YAML::Value << YAML::BeginSeq;
  for (const router::Budget& budget : routing.budgets) {
    out << YAML::Flow << YAML::BeginMap;
    field(out, "principal", budget.principal);
    field(out, "route", budget.route);
    field(out, "limit_usd", budget.limit_usd);
    field(out, "per", std::string{router::name_of(budget.per)});
    field(out, "action", std::string{router::name_of(budget.action)});
    out << YAML::EndMap;
  }
  out << YAML::EndSeq;
}

}  // namespace hearth::app
