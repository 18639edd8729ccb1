// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "route.hpp"

namespace hearth::api {

/// forbidden unless this request may change the model store (or see /admin, by `scope`). Without keys only peers on
/// loopback may: an open management API let strangers plant models (CVE-2026-7482).
Result<> check_management(const Call& call, identity::Scope scope = identity::Scope::manage);
/// forbidden for peers elsewhere.
Result<> check_loopback(const net::Request& request);

}  // namespace hearth::api
