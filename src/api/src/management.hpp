// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hearth/api/api.hpp"

namespace hearth::api {

/// unauthenticated or forbidden unless this request may change the model store (or see /admin, by `scope`). Without
/// keys only peers on loopback may: an open management API let strangers plant models (CVE-2026-7482).
Result<> check_management(const Services& services, const net::Request& request,
                          identity::Scope scope = identity::Scope::manage);

}  // namespace hearth::api
