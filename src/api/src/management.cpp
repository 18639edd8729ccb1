// SPDX-License-Identifier: Apache-2.0
#include "management.hpp"

#include <fmt/format.h>

#include "route_origin.hpp"

namespace hearth::api {
namespace {

bool is_loopback_peer(std::string_view peer) {
  constexpr std::string_view kMapped = "::ffff:";
  if (peer.starts_with(kMapped)) peer.remove_prefix(kMapped.size());
  return peer == "::1" || (!peer.empty() && is_loopback_authority(peer));
}

}  // namespace

Result<> check_management(const Call& call, identity::Scope scope) {
  if (call.shared().services.auth == nullptr) return check_loopback(call.request());
  if (call.caller() != nullptr && call.caller()->may(scope)) return {};
  return fail(ErrorCode::forbidden, fmt::format("this needs a key with the scope {}",
                                                identity::names_of(static_cast<identity::Scopes>(scope))));
}

Result<> check_loopback(const net::Request& request) {
  if (is_loopback_peer(request.peer)) return {};
  return fail(ErrorCode::forbidden,
              "models can only be pulled, pushed, created, copied and deleted from the machine that serves them");
}

}  // namespace hearth::api
