// SPDX-License-Identifier: Apache-2.0
#include "routing_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

namespace hearth::app {
namespace {

Result<std::string> parse_workload(const std::string& word) {
  for (const std::string_view known : {"simple", "sensitive", "latency-critical", "heavy"}) {
    if (word == known) return word;
  }
  return fail(ErrorCode::invalid_request, "must be one of: simple, sensitive, latency-critical, heavy");
}

std::string read_capabilities(const YAML::Node& node, router::Capabilities& out) {
  std::vector<std::string> names;
  if (std::string wrong = read_texts(node, names); !wrong.empty()) return wrong;
  out = 0;
  for (const std::string& name : names) {
    const auto one = router::parse_capability(name);
    if (!one) return one.error().message;
    out |= *one;
  }
  return {};
}

constexpr double kPriceMax = 1e6;
constexpr double kLimitMax = 1e9;

}  // namespace

std::vector<YamlKey> RoutingReader::keys() {
  return {{"zone", parsed(routing_.zone, policy::parse_zone)},
          {"providers", [this](const YAML::Node& node) { return read_providers(node); }},
          {"routes", [this](const YAML::Node& node) { return read_routes(node); }},
          {"calibration", [this](const YAML::Node& node) { return read_calibration(node); }},
          {"budgets", [this](const YAML::Node& node) { return read_budgets(node); }},
          {"privacy", [this](const YAML::Node& node) { return privacy_.read(node); }},
          {"policy", [this](const YAML::Node& node) { return read_policy(node); }}};
}

std::string RoutingReader::read_providers(const YAML::Node& list) {
  if (!list.IsSequence()) return "must be a list of providers";
  for (std::size_t i = 0; i < list.size(); ++i) read_provider(list[i], fmt::format("providers[{}]", i));
  return {};
}

void RoutingReader::read_provider(const YAML::Node& node, const std::string& where) {
  RemoteProvider provider;
  bool zoned = false;
  const std::vector<YamlKey> keys{{"name", into(provider.options.name, environment_)},
                                  {"kind", into(provider.options.kind, environment_)},
                                  {"url", into(provider.options.url, environment_)},
                                  {"key", [&](const YAML::Node& n) { return read_key(n, provider); }},
                                  {"key_file", [&](const YAML::Node& n) { return read_key_file(n, provider); }},
                                  {"ca_file", file_into(provider.options.ca_file, folder_, environment_)},
                                  {"zone",
                                   [&](const YAML::Node& n) {
                                     zoned = true;
                                     return parsed(provider.zone, policy::parse_zone)(n);
                                   }},
                                  {"region", into(provider.region, environment_)},
                                  {"connect_timeout", into(provider.options.connect_timeout)},
                                  {"idle_timeout", into(provider.options.idle_timeout)},
                                  {"models", [&](const YAML::Node& n) -> std::string {
                                     if (!n.IsSequence()) return "must be a list of models";
                                     for (std::size_t i = 0; i < n.size(); ++i) {
                                       read_remote_model(n[i], fmt::format("{}.models[{}]", where, i), provider);
                                     }
                                     return {};
                                   }}};
  read_mapping(node, where, keys, mistakes_);
  if (!node.IsMap()) return;
  if (provider.options.name.empty()) mistakes_.add(node, where + ": name is missing");
  if (provider.options.name.find('/') != std::string::npos || provider.options.name == "local") {
    mistakes_.add(node, where + ".name: must have no slash and not be \"local\"");
  }
  // Where a server stands is a fact that only the operator knows; guessing it from a host name leaks.
  if (!zoned) mistakes_.add(node, where + ": zone is missing; one of: device, edge, onprem, cluster, cloud");
  for (const RemoteProvider& other : routing_.providers) {
    if (other.options.name == provider.options.name) {
      mistakes_.add(node, fmt::format("{}: the name \"{}\" is given twice", where, provider.options.name));
    }
  }
  if (const auto valid = provider::check_remote(provider.options); !valid) {
    mistakes_.add(node, fmt::format("{}: {}", where, valid.error().message));
  }
  provider.options.zone = provider.zone;
  for (const RemoteModel& model : provider.models) {
    if (model.context > 0) provider.options.contexts[model.model.empty() ? model.name : model.model] = model.context;
  }
  routing_.providers.push_back(std::move(provider));
}

std::string RoutingReader::read_key(const YAML::Node& node, RemoteProvider& provider) {
  if (!node.IsScalar() || !node.Scalar().starts_with("${") || !node.Scalar().ends_with("}")) {
    return "must name an environment variable, such as ${OPENAI_API_KEY}, or use key_file: a key in this file would be "
           "in every copy of it";
  }
  std::string key;
  if (std::string wrong = into(key, environment_)(node); !wrong.empty()) return wrong;
  provider.options.key = Secret{std::move(key)};
  provider.key_reference = node.Scalar();
  return {};
}

std::string RoutingReader::read_key_file(const YAML::Node& node, RemoteProvider& provider) {
  std::string path;
  if (std::string wrong = into(path, environment_)(node); !wrong.empty()) return wrong;
  std::ifstream in{folder_ / path};
  std::string key{std::istreambuf_iterator<char>{in}, {}};
  while (!key.empty() && std::isspace(static_cast<unsigned char>(key.back())) != 0) key.pop_back();
  if (key.empty()) return fmt::format("cannot read a key from {}", path);
  provider.options.key = Secret{std::move(key)};
  provider.key_reference = path;
  return {};
}

void RoutingReader::read_remote_model(const YAML::Node& node, const std::string& where, RemoteProvider& provider) {
  RemoteModel model;
  const std::vector<YamlKey> price_keys{{"input", into(model.price.input, 0, kPriceMax)},
                                        {"cached_input", into(model.price.cached_input, 0, kPriceMax)},
                                        {"output", into(model.price.output, 0, kPriceMax)}};
  read_mapping(node, where,
               {{"name", into(model.name, environment_)},
                {"model", into(model.model, environment_)},
                {"context", into(model.context, 1, 100'000'000)},
                {"capabilities", [&](const YAML::Node& n) { return read_capabilities(n, model.capabilities); }},
                {"quality", into(model.quality, 0.0, 1.0)},
                {"price",
                 [&](const YAML::Node& n) -> std::string {
                   read_mapping(n, where + ".price", price_keys, mistakes_);
                   if (!n["cached_input"]) model.price.cached_input = model.price.input;
                   return {};
                 }}},
               mistakes_);
  if (model.name.empty() && node.IsMap()) mistakes_.add(node, where + ": name is missing");
  provider.models.push_back(std::move(model));
}

std::string RoutingReader::read_routes(const YAML::Node& list) {
  if (!list.IsSequence()) return "must be a list of routes";
  for (std::size_t i = 0; i < list.size(); ++i) read_route(list[i], fmt::format("routes[{}]", i));
  return {};
}

void RoutingReader::read_route(const YAML::Node& node, const std::string& where) {
  RouteConfig config;
  router::Route& route = config.route;
  std::int32_t retries = route.retries;
  const std::vector<YamlKey> objective{{"quality", into(route.objective.quality, 0, 1)},
                                       {"cost", into(route.objective.cost, 0, 1)},
                                       {"latency", into(route.objective.latency, 0, 1)}};
  read_mapping(node, where,
               {{"name", into(route.name, environment_)},
                {"strategy", parsed(route.strategy, router::parse_strategy)},
                {"targets", [&](const YAML::Node& n) { return read_texts(n, config.targets); }},
                {"fallback", [&](const YAML::Node& n) { return read_texts(n, route.fallback); }},
                {"objective",
                 [&](const YAML::Node& n) -> std::string {
                   read_mapping(n, where + ".objective", objective, mistakes_);
                   return {};
                 }},
                {"confidence", into(route.confidence, 0, 1)},
                {"agreement", into(route.agreement, 0, 1)},
                {"embeddings", into(config.embedder, environment_)},
                {"retries", into(retries, 0, 5)},
                {"timeout", into(route.timeout)},
                {"first_token_timeout", into(route.first_token_timeout)},
                {"hedge_after", into(route.hedge_after)},
                {"label", parsed(route.label, policy::parse_label)},
                {"sticky", into(route.sticky)},
                {"cache",
                 [&](const YAML::Node& n) -> std::string {
                   read_mapping(n, where + ".cache",
                                {{"ttl", into(route.cache.ttl)},
                                 {"salt", into(route.cache.salt, environment_)},
                                 {"shared", into(route.cache.shared)}},
                                mistakes_);
                   return {};
                 }},
                {"shadow",
                 [&](const YAML::Node& n) -> std::string {
                   read_mapping(n, where + ".shadow",
                                {{"share", into(route.shadow.share, 0, 1)},
                                 {"target", into(config.shadow_target, environment_)},
                                 {"judge", into(route.shadow.judge)},
                                 {"keep_prompts", into(route.shadow.keep_prompts)}},
                                mistakes_);
                   return config.shadow_target.empty() ? "needs a target" : "";
                 }},
                {"quality_model", [&](const YAML::Node& n) { return read_quality_model(n, config); }},
                {"strong_share", into(route.strong_share, 0, 1)},
                {"worth_usd", [&](const YAML::Node& n) { return into(route.worth_usd.emplace(), 0, kLimitMax)(n); }}},
               mistakes_);
  route.retries = retries;
  if (!node.IsMap()) return;
  if (route.name.empty()) mistakes_.add(node, where + ": name is missing");
  nodes_.insert_or_assign(route.name, node);
  routing_.routes.push_back(std::move(config));
}

std::string RoutingReader::read_calibration(const YAML::Node& node) {
  if (!node.IsMap()) return "must be a mapping of targets to {scale: …, shift: …}";
  constexpr double kMost = 100;
  for (const auto& pair : node) {
    const std::string target = pair.first.Scalar();
    router::Calibration& one = routing_.calibration[target];
    read_mapping(pair.second, "calibration." + target,
                 {{"scale", into(one.scale, 0, kMost)}, {"shift", into(one.shift, -kMost, kMost)}}, mistakes_);
    nodes_.insert_or_assign(target, pair.first);
  }
  return {};
}

std::string RoutingReader::read_quality_model(const YAML::Node& node, RouteConfig& config) {
  if (std::string wrong = into(config.quality_model, environment_)(node); !wrong.empty()) return wrong;
  std::ifstream in{folder_ / config.quality_model, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  auto model = router::QualityModel::load(bytes);
  if (!model) return fmt::format("{}: {}", config.quality_model, model.error().message);
  config.route.quality_model = std::make_shared<const router::QualityModel>(*std::move(model));
  return {};
}

std::string RoutingReader::read_budgets(const YAML::Node& list) {
  if (!list.IsSequence()) return "must be a list of budgets";
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("budgets[{}]", i);
    router::Budget budget;
    read_mapping(list[i], where,
                 {{"principal", into(budget.principal, environment_)},
                  {"route", into(budget.route, environment_)},
                  {"limit_usd", into(budget.limit_usd, 0, kLimitMax)},
                  {"per", parsed(budget.per, router::parse_period)},
                  {"action", parsed(budget.action, router::parse_budget_action)}},
                 mistakes_);
    if (list[i].IsMap() && !list[i]["limit_usd"]) mistakes_.add(list[i], where + ": limit_usd is missing");
    routing_.budgets.push_back(std::move(budget));
  }
  return {};
}

std::string RoutingReader::read_policy(const YAML::Node& node) {
  auto& policy = routing_.policy;
  read_mapping(node, "policy",
               {{"default_label", parsed(policy.default_label, policy::parse_label)},
                {"zones", [this](const YAML::Node& n) { return read_ceilings(n); }},
                {"rules", [this](const YAML::Node& n) { return read_rules(n); }},
                {"otherwise", parsed(policy.otherwise,
                                     [](const std::string& word) -> Result<bool> {
                                       if (word == "allow" || word == "deny") return word == "allow";
                                       return fail(ErrorCode::invalid_request, "must be allow or deny");
                                     })},
                {"redact", [this](const YAML::Node& n) { return privacy_.read_redact(n); }}},
               mistakes_);
  return {};
}

std::string RoutingReader::read_ceilings(const YAML::Node& node) {
  if (!node.IsMap()) return "must be a mapping of zones to labels";
  for (auto& ceiling : routing_.policy.ceilings) ceiling.reset();  // what is not named may see nothing
  for (const auto& pair : node) {
    const auto zone = policy::parse_zone(pair.first.Scalar());
    const auto label = policy::parse_label(pair.second.IsScalar() ? pair.second.Scalar() : "");
    if (!zone) mistakes_.add(pair.first, "policy.zones: " + zone.error().message);
    if (!label) mistakes_.add(pair.second, "policy.zones: " + label.error().message);
    if (zone && label) routing_.policy.ceilings[static_cast<std::size_t>(*zone)] = *label;
  }
  return {};
}

std::string RoutingReader::read_rules(const YAML::Node& list) {
  if (!list.IsSequence()) return "must be a list of {allow: …} and {deny: …}";
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("policy.rules[{}]", i);
    if (const std::string wrong = read_rule(list[i], where); !wrong.empty())
      mistakes_.add(list[i], where + ": " + wrong);
  }
  return {};
}

std::string RoutingReader::read_rule(const YAML::Node& node, const std::string& where) {
  if (!node.IsMap() || node.size() != 1) return "must be one {allow: …} or {deny: …}";
  const std::string verb = node.begin()->first.Scalar();
  if (verb != "allow" && verb != "deny") return "must be one {allow: …} or {deny: …}";
  policy::Rule rule{.allow = verb == "allow", .line = node.Mark().line + 1};
  const auto text = [this](std::optional<std::string>& target) {
    return [this, &target](const YAML::Node& n) { return into(target.emplace(), environment_)(n); };
  };
  read_mapping(node.begin()->second, where,
               {{"principal", text(rule.principal)},
                {"target", text(rule.target)},
                {"region", text(rule.region)},
                {"zone", parsed(rule.zone, policy::parse_zone)},
                {"label", parsed(rule.label, policy::parse_label)},
                {"action", parsed(rule.actions, policy::parse_action)},
                {"workload", parsed(rule.workload, parse_workload)},
                {"hours", parsed(rule.hours, policy::parse_hours)}},
               mistakes_);
  routing_.policy.rules.push_back(std::move(rule));
  return {};
}

Routing RoutingReader::finish(const std::vector<provider::ConfiguredModel>& models) {
  privacy_.finish(routing_);
  std::vector<router::Mistake> found;
  (void)make_table(routing_, models, {}, nullptr, found);
  for (const router::Mistake& mistake : found) {
    const auto node = nodes_.find(mistake.subject);
    mistakes_.add(node == nodes_.end() ? YAML::Node{} : node->second,
                  fmt::format("{} {}: {}", node == nodes_.end() ? "target" : "route", mistake.subject, mistake.text));
  }
  return std::move(routing_);
}

}  // namespace hearth::app
