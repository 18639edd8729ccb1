// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "hearth/api/api.hpp"

namespace hearth::api {

/// The key that a request brings: `Authorization: Bearer`, `x-api-key` (Anthropic's clients), `x-goog-api-key` or
/// `?key=` (Gemini's). Empty: none.
std::string_view key_of(const net::Request& request);

/// What a key needs for a route; nullopt: it is open to all. `pattern` as in the route table.
std::optional<identity::Scope> scope_of(std::string_view method, std::string_view pattern);

/// Who sent this and has that right. unauthenticated, rate_limited, forbidden. Services::auth must be set.
Result<identity::Caller> identify(const Services& services, const net::Request& request, identity::Scope scope);

/// The caller as policy sees it.
std::shared_ptr<const policy::Subject> subject_of(const identity::Caller& caller);
/// The higher of the label that the client said and the least one of its key; empty: neither.
std::string label_of(const identity::Caller& caller, const std::string& said);

}  // namespace hearth::api
