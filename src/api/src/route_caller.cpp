// SPDX-License-Identifier: Apache-2.0
#include "route_caller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "hearth/base/text.hpp"

namespace hearth::api {
namespace {

using identity::Scope;

constexpr std::array<std::string_view, 4> kOpen{"/", "/health", "/v1/health", "/api/version"};
constexpr std::array<std::string_view, 6> kManage{"/api/create", "/api/copy", "/api/delete",
                                                  "/api/pull",   "/api/push", "/api/blobs/{digest}"};

std::string_view name_of(Scope scope) {
  return scope == Scope::admin ? "admin" : scope == Scope::manage ? "manage" : "inference";
}

std::shared_ptr<policy::Subject> subject_of(const identity::Principal& principal) {
  return std::make_shared<policy::Subject>(policy::Subject{.principal = principal.name,
                                                           .roles = principal.roles,
                                                           .team = principal.team,
                                                           .tenant = principal.tenant,
                                                           .models = principal.models});
}

}  // namespace

std::string_view key_of(const net::Request& request) {
  if (const auto header = request.headers.get("Authorization")) {
    constexpr std::string_view kBearer = "bearer ";
    if (text::to_lower_ascii(header->substr(0, kBearer.size())) == kBearer) return header->substr(kBearer.size());
  }
  for (const std::string_view name : {"x-api-key", "x-goog-api-key"}) {
    if (const auto header = request.headers.get(name)) return *header;
  }
  const auto query = request.query.find("key");
  return query == request.query.end() ? std::string_view{} : query->second;
}

std::optional<Scope> scope_of(std::string_view method, std::string_view pattern) {
  if (method == "OPTIONS" || std::ranges::find(kOpen, pattern) != kOpen.end()) return std::nullopt;
  if (pattern.starts_with("/admin/") || pattern == "/metrics") return Scope::admin;
  if (std::ranges::find(kManage, pattern) != kManage.end()) return Scope::manage;
  return Scope::inference;
}

Result<identity::Caller> identify(const Services& services, const net::Request& request, Scope scope) {
  HEARTH_TRY(
      identity::Caller caller,
      services.auth->identify({.key = key_of(request), .certificate = request.peer_name, .address = request.peer},
                              Clock::now(), WallClock::now()));
  if (caller.may(scope)) return caller;
  return fail(ErrorCode::forbidden,
              fmt::format("the key of {} does not have the scope {}", caller.principal->name, name_of(scope)));
}

std::shared_ptr<const policy::Subject> subject_of(const identity::Caller& caller) {
  auto subject = subject_of(*caller.principal);
  if (caller.behalf) subject->behalf = subject_of(*caller.behalf);
  return subject;
}

std::string label_of(const identity::Caller& caller, const std::string& said) {
  std::string highest = said;
  for (const identity::PrincipalPtr& who : {caller.principal, caller.behalf}) {
    if (!who || who->label.empty()) continue;
    const auto least = policy::parse_label(who->label);
    const auto now = policy::parse_label(highest);
    if (least && (!now || *least > *now)) highest = who->label;
  }
  return highest;
}

}  // namespace hearth::api
