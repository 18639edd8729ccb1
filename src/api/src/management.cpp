// SPDX-License-Identifier: Apache-2.0
#include "management.hpp"

#include "route_caller.hpp"
#include "route_origin.hpp"

namespace hearth::api {
namespace {

bool is_loopback_peer(std::string_view peer) {
  constexpr std::string_view kMapped = "::ffff:";
  if (peer.starts_with(kMapped)) peer.remove_prefix(kMapped.size());
  return peer == "::1" || (!peer.empty() && is_loopback_authority(peer));
}

}  // namespace

Result<> check_management(const Services& services, const net::Request& request, identity::Scope scope) {
  if (services.auth != nullptr) {
    HEARTH_CHECKED(identify(services, request, scope));
    return {};
  }
  if (is_loopback_peer(request.peer)) return {};
  return fail(ErrorCode::forbidden,
              "models can only be pulled, pushed, created, copied and deleted from the machine that serves them");
}

}  // namespace hearth::api
