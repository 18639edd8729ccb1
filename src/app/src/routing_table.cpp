// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>

#include "hearth/app/routing_config.hpp"

namespace hearth::app {
namespace {

using router::Table;
using router::Target;

constexpr std::string_view kLocal = "local/";
/// What libllama does for every model; thinking, vision and embeddings depend on the model, which says so itself.
constexpr router::Capabilities kLocalCapabilities = router::kChat | router::kCompletion | router::kTools |
                                                    router::kJson | router::kGrammar | router::kReasoning |
                                                    router::kLogprobs | router::kEmbedding | router::kRerank;

Target local_target(std::string model, std::int32_t context, policy::Zone zone, provider::Provider* local) {
  return {.name = std::string{kLocal} + model,
          .model = std::move(model),
          .zone = zone,
          .region = {},
          .capabilities = kLocalCapabilities,
          .context = context,
          .quality = 0.5,
          .price = {},
          .local = local,
          .remote = nullptr};
}

/// SIZE_MAX, and a mistake, if there is none.
std::size_t index_of(const std::string& name, const std::string& route, Table& table, provider::Provider* local,
                     std::vector<router::Mistake>& mistakes) {
  const std::size_t index = table.find_target(name);
  if (index != SIZE_MAX) return index;
  if (name.starts_with(kLocal)) {
    table.targets.push_back(local_target(name.substr(kLocal.size()), 0, table.zone, local));
    return table.targets.size() - 1;
  }
  mistakes.push_back({route, fmt::format("\"{}\" is no target; targets are PROVIDER/MODEL of the providers above, or "
                                         "local/MODEL",
                                         name)});
  return SIZE_MAX;
}

std::vector<std::size_t> indices_of(const RouteConfig& config, Table& table, provider::Provider* local,
                                    std::vector<router::Mistake>& mistakes) {
  std::vector<std::size_t> indices;
  for (const std::string& name : config.targets) {
    const std::size_t index = index_of(name, config.route.name, table, local, mistakes);
    if (index != SIZE_MAX) indices.push_back(index);
  }
  return indices;
}

router::Redaction redaction_of(const Routing& routing) {
  router::Redaction out;
  if (!routing.scanner) return out;
  for (const policy::Zone zone : routing.privacy.redact_zones) out.zones[static_cast<std::size_t>(zone)] = true;
  out.types.assign(routing.scanner->types().size(), false);
  for (const std::string& name : routing.privacy.redact_types) {
    if (const auto type = routing.scanner->type_named(name)) out.types[*type] = true;
  }
  return out;
}

}  // namespace

router::TablePtr make_table(const Routing& routing, const std::vector<provider::ConfiguredModel>& models,
                            const std::map<std::string, provider::Remote*>& remotes, provider::Provider* local,
                            std::vector<router::Mistake>& mistakes) {
  auto table = std::make_shared<Table>();
  table->zone = routing.zone;
  table->policy = std::make_shared<const policy::Policy>(routing.policy);
  table->budgets = routing.budgets;
  table->scanner = routing.scanner;
  table->redaction = redaction_of(routing);
  for (const auto& model : models) {
    table->targets.push_back(local_target(model.name, model.options.context, routing.zone, local));
    table->targets.back().quality = model.quality;
  }
  for (const RemoteProvider& provider : routing.providers) {
    const auto remote = remotes.find(provider.options.name);
    // Models that an Ollama only passes on answer at its address and run in a cloud.
    const bool may_relay = provider.options.kind == "ollama" && provider.zone != policy::Zone::cloud;
    for (const RemoteModel& model : provider.models) {
      table->targets.push_back({.name = provider.options.name + "/" + model.name,
                                .model = model.model.empty() ? model.name : model.model,
                                .zone = may_relay ? policy::Zone::cloud : provider.zone,
                                .stands_in = may_relay ? std::optional{provider.zone} : std::nullopt,
                                .region = provider.region,
                                .capabilities = model.capabilities,
                                .context = model.context,
                                .quality = model.quality,
                                .price = model.price,
                                .wire = provider::wire_of(provider.options.kind),
                                .local = nullptr,
                                .remote = remote == remotes.end() ? nullptr : remote->second});
    }
  }
  for (const RouteConfig& config : routing.routes) {
    router::Route route = config.route;
    route.targets = indices_of(config, *table, local, mistakes);
    if (!config.embedder.empty()) {
      route.embedder = index_of(config.embedder, route.name, *table, local, mistakes);
    }
    if (!config.shadow_target.empty()) {
      route.shadow.target = index_of(config.shadow_target, route.name, *table, local, mistakes);
    }
    // An unknown target was reported already; that the route is empty without it is no second mistake.
    const bool emptied = route.targets.empty() && !config.targets.empty();
    table->routes.push_back(std::move(route));
    if (emptied) table->routes.back().targets.push_back(0);
  }
  for (const auto& [name, calibration] : routing.calibration) {
    const std::size_t index = table->find_target(name);
    if (index == SIZE_MAX) {
      mistakes.push_back({name, "calibration for what is no target"});
    } else {
      table->targets[index].calibration = calibration;
    }
  }
  for (router::Mistake& mistake : router::mistakes_of(*table)) mistakes.push_back(std::move(mistake));
  return table;
}

}  // namespace hearth::app
