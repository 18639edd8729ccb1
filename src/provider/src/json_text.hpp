// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

/// Reads what servers send. Nothing here throws, whatever the JSON is.
namespace hearth::provider {

using Json = nlohmann::ordered_json;

/// Null Json when `text` is no JSON or is nested deeper than any honest answer.
Json parse_json(std::string_view text);
/// The member, or a null Json when `object` is none or has none.
const Json& at(const Json& object, const char* name);
/// Empty when it is no string.
std::string text_at(const Json& object, const char* name);
/// 0 when it is no number, or one that no counter has.
std::int64_t count_at(const Json& object, const char* name);
std::optional<double> number_at(const Json& object, const char* name);
/// JSON text; invalid UTF-8 is replaced.
std::string dump(const Json& json);

}  // namespace hearth::provider
