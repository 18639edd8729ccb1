// SPDX-License-Identifier: Apache-2.0
#include "hearth/identity/token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "jwk.hpp"

namespace hearth::identity {
namespace {

using Json = nlohmann::json;

auto refused(std::string_view why) {
  return fail(ErrorCode::unauthenticated, fmt::format("the token is not accepted: {}", why));
}

/// "realm_access.roles"; null when it is not there.
const Json* claim(const Json& claims, std::string_view path) {
  const Json* at = &claims;
  while (!path.empty()) {
    const std::string name{path.substr(0, path.find('.'))};
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    const auto found = at->is_object() ? at->find(name) : at->end();
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::string text_claim(const Json& claims, std::string_view path) {
  const Json* found = claim(claims, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string{};
}

/// A list of texts, or one text with spaces between, as `scope` is.
std::vector<std::string> list_claim(const Json& claims, std::string_view path) {
  std::vector<std::string> out;
  const Json* found = claim(claims, path);
  if (found != nullptr && found->is_array()) {
    for (const Json& one : *found) {
      if (one.is_string()) out.push_back(one.get<std::string>());
    }
  } else if (found != nullptr && found->is_string()) {
    const std::string words = found->get<std::string>();
    for (std::string_view rest = words; !rest.empty();) {
      const std::string_view word = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(word.size() + 1, rest.size()));
      if (!word.empty()) out.emplace_back(word);
    }
  }
  std::erase_if(out, [](const std::string& name) { return !is_name(name); });
  return out;
}

Result<> check_times(const Json& claims, WallClock::time_point now) {
  const auto seconds = [&](const char* name) -> std::optional<double> {
    const auto found = claims.find(name);
    if (found == claims.end()) return std::nullopt;
    return found->is_number() && std::isfinite(found->get<double>()) ? found->get<double>() : -1;
  };
  const double time = std::chrono::duration<double>(now.time_since_epoch()).count();
  const double skew = static_cast<double>(TokenVerifier::kSkew.count());
  const auto expires = seconds("exp");
  if (!expires) return refused("it has no time of expiry");
  if (*expires + skew <= time) return refused("it has expired");
  for (const char* name : {"nbf", "iat"}) {
    const auto from = seconds(name);
    if (from && (*from < 0 || *from > time + skew)) return refused("it is not valid yet");
  }
  return {};
}

bool is_for(const Json& claims, const std::string& audience) {
  const Json* found = claim(claims, "aud");
  if (found == nullptr) return false;
  if (found->is_string()) return *found == audience;
  return found->is_array() && std::ranges::find(*found, Json(audience)) != found->end();
}

Scopes scopes_of(const Issuer& issuer, const std::vector<std::string>& roles) {
  const auto has = [&](const std::vector<std::string>& wanted) {
    return std::ranges::any_of(wanted,
                               [&](const std::string& role) { return std::ranges::find(roles, role) != roles.end(); });
  };
  auto scopes = static_cast<Scopes>(Scope::inference);
  if (has(issuer.manage_roles)) scopes |= static_cast<Scopes>(Scope::manage);
  if (has(issuer.admin_roles)) scopes |= static_cast<Scopes>(Scope::manage) | static_cast<Scopes>(Scope::admin);
  return scopes;
}

Result<PrincipalPtr> principal_of(const Issuer& issuer, const Json& claims) {
  auto principal = std::make_shared<Principal>();
  principal->name = text_claim(claims, issuer.name_claim);
  if (!is_name(principal->name)) return refused(fmt::format("its claim {} is no name", issuer.name_claim));
  principal->roles = list_claim(claims, issuer.roles_claim);
  principal->team = text_claim(claims, issuer.team_claim);
  principal->tenant = text_claim(claims, issuer.tenant_claim);
  if (!principal->team.empty() && !is_name(principal->team)) return refused("its team is no name");
  if (!principal->tenant.empty() && !is_name(principal->tenant)) return refused("its tenant is no name");
  principal->scopes = scopes_of(issuer, principal->roles);
  return PrincipalPtr{std::move(principal)};
}

}  // namespace

bool TokenVerifier::is_token(std::string_view text) {
  return text.starts_with("eyJ") && std::ranges::count(text, '.') == 2;
}

Result<> TokenVerifier::check_signature(std::string_view header_text, std::string_view signed_part,
                                        std::string_view signature) const {
  const auto header_json = decode_base64url(header_text);
  const auto bytes = decode_base64url(signature);
  const Json header = header_json ? Json::parse(*header_json, nullptr, false) : Json{};
  if (!header.is_object() || !bytes) return refused("it is no JSON Web Token");
  if (header.contains("crit")) return refused("its header demands extensions that are not known here");
  const std::string type = text_claim(header, "typ");
  if (!type.empty() && type != "JWT" && type != "at+jwt") return refused("its header says that it is something else");
  const std::string algorithm = text_claim(header, "alg");
  const std::string id = text_claim(header, "kid");
  const auto keys = keys_.load();
  if (keys == nullptr) {
    wants_keys_.store(true);
    return fail(ErrorCode::unavailable, "the issuer's keys have not been fetched yet; try again in a moment");
  }
  bool known = false;
  for (const KeySet::Key& key : keys->keys_) {
    if (!id.empty() && key.id != id) continue;
    known = true;
    if (fits(key, algorithm) && is_signature(key, algorithm, signed_part, *bytes)) return {};
  }
  if (!known) {
    wants_keys_.store(true);
    return refused("it is signed with a key that the issuer has not published");
  }
  return refused("its signature is wrong");
}

Result<TokenBearer> TokenVerifier::verify(std::string_view token, WallClock::time_point now) const {
  if (token.size() > kLongestToken || !is_token(token)) return refused("it is no JSON Web Token");
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  HEARTH_CHECKED(check_signature(token.substr(0, first), token.substr(0, second), token.substr(second + 1)));
  const auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  const Json claims = payload ? Json::parse(*payload, nullptr, false) : Json{};
  if (!claims.is_object()) return refused("its claims are no JSON object");
  if (text_claim(claims, "iss") != issuer_.url) return refused("another issuer made it");
  if (!is_for(claims, issuer_.audience)) return refused("it is meant for somebody else");
  HEARTH_CHECKED(check_times(claims, now));
  HEARTH_TRY(PrincipalPtr principal, principal_of(issuer_, claims));
  std::string actor = text_claim(claims, "act.sub");
  if (claim(claims, "act") != nullptr && !is_name(actor)) return refused("its actor has no name");
  return TokenBearer{std::move(principal), std::move(actor)};
}

}  // namespace hearth::identity
