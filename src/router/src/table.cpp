// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace hearth::router {
namespace {

constexpr std::array<std::pair<std::string_view, Capability>, 10> kCapabilityNames{{{"chat", kChat},
                                                                                    {"completion", kCompletion},
                                                                                    {"tools", kTools},
                                                                                    {"json", kJson},
                                                                                    {"grammar", kGrammar},
                                                                                    {"vision", kVision},
                                                                                    {"reasoning", kReasoning},
                                                                                    {"embedding", kEmbedding},
                                                                                    {"rerank", kRerank},
                                                                                    {"logprobs", kLogprobs}}};
constexpr std::array<std::string_view, 6> kStrategyNames{"direct",    "balance", "cascade",
                                                         "consensus", "hedge",   "learned"};

/// The routes of a cycle through `at`, "a -> b -> a"; empty: none.
std::string cycle_from(const Table& table, const Route& start) {
  std::vector<const Route*> path{&start};
  std::set<const Route*> done;
  // Depth first, over an explicit path: a configuration may be deep.
  while (!path.empty()) {
    const Route* at = path.back();
    const Route* next = nullptr;
    for (const std::string& name : at->fallback) {
      const Route* route = table.find_route(name);
      if (route == nullptr || done.contains(route)) continue;
      if (route == &start) {
        std::string text;
        for (const Route* each : path) text += each->name + " -> ";
        return text + start.name;
      }
      if (std::ranges::find(path, route) == path.end()) next = route;
    }
    if (next != nullptr) {
      path.push_back(next);
    } else {
      done.insert(at);
      path.pop_back();
    }
  }
  return {};
}

}  // namespace

Result<Capabilities> parse_capability(std::string_view name) {
  for (const auto& [known, capability] : kCapabilityNames) {
    if (name == known) return capability;
  }
  return fail(ErrorCode::invalid_request,
              fmt::format("\"{}\" is no capability; known: {}", name, names_of(static_cast<Capabilities>(~0U))));
}

std::string names_of(Capabilities capabilities) {
  std::vector<std::string_view> names;
  for (const auto& [name, capability] : kCapabilityNames) {
    if ((capabilities & capability) != 0) names.push_back(name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string_view name_of(Strategy strategy) { return kStrategyNames.at(static_cast<std::size_t>(strategy)); }

Result<Strategy> parse_strategy(std::string_view name) {
  const auto found = std::ranges::find(kStrategyNames, name);
  if (found != kStrategyNames.end()) return static_cast<Strategy>(found - kStrategyNames.begin());
  return fail(ErrorCode::invalid_request,
              fmt::format("\"{}\" is no strategy; known: {}", name, fmt::join(kStrategyNames, ", ")));
}

const Route* Table::find_route(std::string_view name) const {
  const auto found = std::ranges::find(routes, name, &Route::name);
  return found == routes.end() ? nullptr : &*found;
}

std::size_t Table::find_target(std::string_view name) const {
  const auto found = std::ranges::find(targets, name, &Target::name);
  return found == targets.end() ? SIZE_MAX : static_cast<std::size_t>(found - targets.begin());
}

std::vector<Mistake> mistakes_of(const Table& table) {
  std::vector<Mistake> mistakes;
  std::set<std::string_view> names;
  for (const Target& target : table.targets) {
    if (!names.insert(target.name).second) mistakes.push_back({target.name, "the target is given twice"});
  }
  for (const Route& route : table.routes) {
    const auto add = [&](std::string text) { mistakes.push_back({route.name, std::move(text)}); };
    if (!names.insert(route.name).second) add("the name is taken already");
    if (route.targets.empty()) add("it has no targets");
    if (route.strategy == Strategy::consensus && route.targets.size() == 1) add("consensus needs two targets");
    for (const std::string& name : route.fallback) {
      if (table.find_route(name) == nullptr) add(fmt::format("fallback to \"{}\", which is no route", name));
    }
    if (const std::string cycle = cycle_from(table, route); !cycle.empty()) {
      add(fmt::format("its fallbacks go round in a circle: {}", cycle));
    }
  }
  return mistakes;
}

}  // namespace hearth::router
