// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace hearth::api {

/// Compact text; bytes that are not UTF-8 become U+FFFD instead of an exception.
std::string dump(const nlohmann::json& value);

}  // namespace hearth::api
