// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "route.hpp"
#include "text_distance.hpp"

namespace hearth::api {

std::optional<std::string_view> match_pattern(std::string_view pattern, std::string_view path) noexcept {
  const auto open = pattern.find('{');
  if (open == std::string_view::npos) return pattern == path ? std::optional{std::string_view{}} : std::nullopt;
  const auto close = pattern.find('}', open);
  const std::string_view suffix = pattern.substr(close + 1);
  if (path.size() <= open + suffix.size() || !path.starts_with(pattern.substr(0, open)) || !path.ends_with(suffix)) {
    return std::nullopt;
  }
  const std::string_view argument = path.substr(open, path.size() - open - suffix.size());
  const bool tail = pattern[close - 1] == '*';
  if (!tail && argument.find('/') != std::string_view::npos) return std::nullopt;
  return argument;
}

std::string allowed_methods(std::span<const Route> table, std::string_view path) {
  std::vector<std::string_view> methods;
  const auto add = [&](std::string_view method) {
    if (std::ranges::find(methods, method) == methods.end()) methods.push_back(method);
  };
  for (const Route& route : table) {
    if (!match_pattern(route.pattern, path)) continue;
    add(route.method);
    if (route.method == "GET") add("HEAD");
  }
  std::ranges::sort(methods);
  return fmt::format("{}", fmt::join(methods, ", "));
}

Result<RouteMatch> find_route(std::span<const Route> table, std::string_view method, std::string_view path) {
  const bool literal = path.find('{') == std::string_view::npos;
  const auto search = [&](std::string_view wanted) {
    // A literal pattern beats one with an argument, wherever they stand in the table.
    for (const Route& route : table) {
      if (literal && route.pattern == path && route.method == wanted) return RouteMatch{&route, {}};
    }
    for (const Route& route : table) {
      if (route.method != wanted) continue;
      if (const auto argument = match_pattern(route.pattern, path)) return RouteMatch{&route, *argument};
    }
    return RouteMatch{};
  };
  RouteMatch found = search(method);
  if (found.route == nullptr && method == "HEAD") found = search("GET");
  if (found.route != nullptr) return found;

  std::vector<std::string_view> patterns;
  for (const Route& route : table) patterns.push_back(route.pattern);
  const auto near = nearest_word(path, patterns);
  return fail(ErrorCode::not_found, fmt::format("there is no {} {} here{}", method, path,
                                                near ? fmt::format("; did you mean {}?", *near) : std::string{}));
}

}  // namespace hearth::api
