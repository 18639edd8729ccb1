// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hearth/api/api.hpp"

namespace hearth::api {

/// forbidden unless Services::allow_management lets this request change the model store. Without a predicate only peers
/// on loopback may: an open management API let strangers plant models (CVE-2026-7482).
Result<> check_management(const Services& services, const net::Request& request);

}  // namespace hearth::api
