// SPDX-License-Identifier: Apache-2.0
#include "json_dump.hpp"

#include <nlohmann/json.hpp>

namespace hearth::api {

std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace hearth::api
