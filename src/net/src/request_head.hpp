// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "hearth/net/client.hpp"

namespace hearth::net {

/// Request line and fields with the empty line. Pure. The client decides Host, Connection, Content-Length and
/// Transfer-Encoding: such fields of the caller are left out. Fails with invalid_request on a method or field that can
/// not be sent as it is.
Result<std::string> request_head(const ClientRequest& request, std::uint64_t body_length);

/// Where a redirect with this Location leads (RFC 3986, 5.2; dot segments are sent as they are).
Result<Url> redirect_target(const Url& from, std::string_view location);

/// Prepares `request` for the next hop: credentials stay with the origin that they were given for.
void follow(ClientRequest& request, Url next);

}  // namespace hearth::net
