// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hearth/net/http.hpp"
#include "hearth/provider/provider.hpp"

namespace hearth::api {

/// x-hearth-route, -label, -session, -max-latency-ms and -max-cost into the context. invalid_request names the header
/// that is wrong: a label that was mistyped must not become the default one.
Result<> read_wishes(const net::Headers& headers, provider::RequestContext& context);

}  // namespace hearth::api
