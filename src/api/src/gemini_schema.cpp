// SPDX-License-Identifier: Apache-2.0
#include "gemini_schema.hpp"

#include <nlohmann/json.hpp>

#include "hearth/base/text.hpp"

namespace hearth::api::gemini {
namespace {

using Json = nlohmann::ordered_json;

void convert(Json& schema);

void convert_each(Json& schemas) {
  for (Json& schema : schemas) convert(schema);
}

void convert(Json& schema) {
  if (!schema.is_object()) return;
  // Orders and examples constrain nothing; the formats are those of numbers' widths and of enums.
  for (const char* key : {"propertyOrdering", "example", "format"}) schema.erase(key);
  for (const char* key : {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}) {
    // 64-bit integers are strings in the protocol's JSON.
    if (auto at = schema.find(key); at != schema.end() && at->is_string())
      *at = Json::parse(at->get<std::string>(), nullptr, false);
  }
  if (auto type = schema.find("type"); type != schema.end() && type->is_string()) {
    *type = text::to_lower_ascii(type->get<std::string>());
    if (schema.value("nullable", false)) *type = Json::array({*type, "null"});
  }
  schema.erase("nullable");
  if (auto items = schema.find("items"); items != schema.end()) convert(*items);
  for (const char* key : {"properties", "$defs"}) {
    if (auto at = schema.find(key); at != schema.end() && at->is_object()) convert_each(*at);
  }
  for (const char* key : {"anyOf", "oneOf", "allOf", "prefixItems"}) {
    if (auto at = schema.find(key); at != schema.end() && at->is_array()) convert_each(*at);
  }
}

}  // namespace

std::string to_json_schema(std::string_view text) {
  Json schema = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  convert(schema);
  return schema.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hearth::api::gemini
