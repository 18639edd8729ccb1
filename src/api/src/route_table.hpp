// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>

#include "admin_routes.hpp"
#include "anthropic_routes.hpp"
#include "gemini_routes.hpp"
#include "native_routes.hpp"
#include "ollama_routes.hpp"
#include "openai_routes.hpp"
#include "route.hpp"

namespace hearth::api {
namespace detail {

template <std::size_t... N>
consteval auto joined(const std::array<Route, N>&... parts) {
  std::array<Route, (N + ...)> all{};
  auto at = all.begin();
  ((at = std::ranges::copy(parts, at).out), ...);
  return all;
}

}  // namespace detail

/// Every route of the server. Order is of no meaning: a literal pattern beats one with braces.
inline constexpr auto kRoutes = detail::joined(openai::kRoutes, anthropic::kRoutes, gemini::kRoutes, ollama::kRoutes,
                                               native::kRoutes, admin::kRoutes);

consteval bool routes_are_unique() {
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    for (std::size_t j = i + 1; j < kRoutes.size(); ++j) {
      if (kRoutes[i].method == kRoutes[j].method && kRoutes[i].pattern == kRoutes[j].pattern) return false;
    }
  }
  return true;
}
static_assert(routes_are_unique(), "two handlers for one method and pattern");

}  // namespace hearth::api
