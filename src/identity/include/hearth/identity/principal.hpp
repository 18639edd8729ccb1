// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::identity {

enum class Kind : std::uint8_t { user, service, agent };
std::string_view name_of(Kind kind);
Result<Kind> parse_kind(std::string_view name);

/// What a key may be used for.
enum class Scope : std::uint8_t {
  inference = 1,  // answers, embeddings, lists of models
  manage = 2,     // pull, push, create, copy, delete, unload
  admin = 4,      // /admin, /metrics
};
using Scopes = std::uint8_t;  // of Scope
/// "inference,manage"
std::string names_of(Scopes scopes);
Result<Scopes> parse_scopes(std::string_view names);

/// Who asks, and what that allows. Immutable once a key has it.
struct Principal {
  std::string name;
  Kind kind = Kind::user;
  std::string on_behalf_of;  // an agent's principal: the agent has no right that this one lacks
  std::string team;
  std::string tenant;
  std::vector<std::string> roles;
  std::vector<std::string> models;  // patterns of targets or routes; none: all
  Scopes scopes = static_cast<Scopes>(Scope::inference);
  std::string label;                     // the least label of what it sends; empty: none
  std::int64_t requests_per_minute = 0;  // 0: no limit
  std::int64_t tokens_per_minute = 0;    // prompt and answer; 0: no limit

  bool operator==(const Principal&) const = default;
};
using PrincipalPtr = std::shared_ptr<const Principal>;

/// Names of principals, teams, tenants, roles and patterns: 1 to 128 of letters, digits and `._:/@*?+-`.
bool is_name(std::string_view text);
/// invalid_request names what is wrong: a name, an agent on behalf of nobody, a negative limit.
Result<> check(const Principal& principal);

}  // namespace hearth::identity
