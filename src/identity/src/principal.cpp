// SPDX-License-Identifier: Apache-2.0
#include "hearth/identity/principal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace hearth::identity {
namespace {

constexpr std::array<std::string_view, 3> kKinds{"user", "service", "agent"};
constexpr std::array<std::string_view, 3> kScopes{"inference", "manage", "admin"};  // bit 0, 1, 2
constexpr std::size_t kNameMax = 128;

}  // namespace

std::string_view name_of(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

Result<Kind> parse_kind(std::string_view name) {
  const auto found = std::ranges::find(kKinds, name);
  if (found != kKinds.end()) return static_cast<Kind>(found - kKinds.begin());
  return fail(ErrorCode::invalid_request, fmt::format("\"{}\" is no kind; one of: user, service, agent", name), "kind");
}

std::string names_of(Scopes scopes) {
  std::string out;
  for (std::size_t i = 0; i < kScopes.size(); ++i) {
    if ((scopes >> i & 1) == 0) continue;
    if (!out.empty()) out += ',';
    out += kScopes[i];
  }
  return out;
}

Result<Scopes> parse_scopes(std::string_view names) {
  Scopes out = 0;
  for (std::size_t at = 0; at <= names.size();) {
    const std::size_t comma = std::min(names.find(',', at), names.size());
    const std::string_view name = names.substr(at, comma - at);
    const auto found = std::ranges::find(kScopes, name);
    if (found == kScopes.end()) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("\"{}\" is no scope; of these, with commas: inference, manage, admin", name), "scopes");
    }
    out = static_cast<Scopes>(out | 1U << (found - kScopes.begin()));
    at = comma + 1;
  }
  return out;
}

bool is_name(std::string_view text) {
  constexpr std::string_view kMarks = "._:/@*?+-";
  return !text.empty() && text.size() <= kNameMax && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

Result<> check(const Principal& principal) {
  const auto wrong = [](std::string message, const char* param) {
    return fail(ErrorCode::invalid_request, std::move(message), param);
  };
  const auto name = [&](const std::string& text, const char* what) -> Result<> {
    if (is_name(text)) return {};
    return wrong(fmt::format("{} must have 1 to {} of letters, digits and ._:/@*?+-", what, kNameMax), what);
  };
  HEARTH_CHECKED(name(principal.name, "name"));
  if (principal.name == "anonymous") return wrong("\"anonymous\" is who has no key", "name");
  if (!principal.team.empty()) HEARTH_CHECKED(name(principal.team, "team"));
  if (!principal.tenant.empty()) HEARTH_CHECKED(name(principal.tenant, "tenant"));
  for (const std::string& role : principal.roles) HEARTH_CHECKED(name(role, "role"));
  for (const std::string& model : principal.models) HEARTH_CHECKED(name(model, "model"));
  if ((principal.kind == Kind::agent) != !principal.on_behalf_of.empty()) {
    return wrong("an agent, and nobody else, acts on behalf of a principal", "on_behalf_of");
  }
  if (!principal.on_behalf_of.empty()) HEARTH_CHECKED(name(principal.on_behalf_of, "on_behalf_of"));
  if (principal.on_behalf_of == principal.name) return wrong("an agent cannot act for itself", "on_behalf_of");
  if (principal.scopes == 0) return wrong("a key needs a scope: inference, manage or admin", "scopes");
  if (principal.requests_per_minute < 0) return wrong("must not be negative", "requests_per_minute");
  if (principal.tokens_per_minute < 0) return wrong("must not be negative", "tokens_per_minute");
  return {};
}

}  // namespace hearth::identity
