// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::models {

/// `WWW-Authenticate: Bearer realm="…",service="…",scope="…"` (Docker Registry v2, "token authentication"; RFC 6750).
struct BearerChallenge {
  std::string realm;
  std::string service;
  std::string scope;
};
/// upstream_error if it is another scheme or has no realm.
Result<BearerChallenge> parse_bearer_challenge(std::string_view header);

/// May a registry at `registry_host` send us to `realm_host` for a token? Itself, or the authority it is known to use.
/// Anything else could collect what we would send to the registry.
bool may_authorize(std::string_view registry_host, std::string_view realm_host);

std::string percent_encode(std::string_view text);  // RFC 3986: all but the unreserved characters
/// As percent_encode, but "/" stays: for paths.
std::string percent_encode_path(std::string_view path);

}  // namespace hearth::models
