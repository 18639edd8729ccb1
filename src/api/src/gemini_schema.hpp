// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace hearth::api::gemini {

/// JSON text of Gemini's Schema (a subset of OpenAPI 3.0, types in capitals, `nullable`) as JSON Schema. What is JSON
/// Schema already stays as it is.
std::string to_json_schema(std::string_view schema);

}  // namespace hearth::api::gemini
