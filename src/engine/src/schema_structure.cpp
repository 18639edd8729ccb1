// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "schema_keywords.hpp"

/// The keywords of objects and arrays.
namespace hearth::engine {

Result<> KeywordReader::read_object(const Json& schema, const std::string& keyword, const Json& value) {
  Shape& shape = branch_.shape;
  if (keyword == "properties" || keyword == "patternProperties") {
    if (!value.is_object()) return malformed(schema, keyword, "an object of schemas");
    return check_schemas(schema, keyword, value);
  }
  if (keyword == "additionalProperties") return check_schema(schema, keyword, value);
  if (keyword == "minProperties" || keyword == "maxProperties") {
    HEARTH_TRY(const std::uint64_t count, count_of(schema, keyword, value));
    shape.properties.meet(keyword == "minProperties" ? Shape::Count{count, Shape::kUnbounded} : Shape::Count{0, count});
    return {};
  }
  if (keyword == "propertyNames") {
    HEARTH_CHECKED(check_schema(schema, keyword, value));
    std::vector<SchemaRef> names = shape.names;
    names.push_back({&value, false});
    shape.names = conjunction_of(std::move(names));
    return {};
  }
  if (value.is_boolean()) return malformed(schema, keyword, "an array of names, beside the properties");
  if (!value.is_array()) return malformed(schema, keyword, "an array of strings");
  for (const Json& name : value) {
    if (!name.is_string()) return malformed(schema, keyword, "an array of strings");
    if (std::ranges::find(shape.required, name.get_ref<const std::string&>()) == shape.required.end()) {
      shape.required.push_back(name.get<std::string>());
    }
  }
  return {};
}

Result<> KeywordReader::read_object_part(const Json& schema) {
  Shape::ObjectPart part;
  if (const auto it = schema.find("properties"); it != schema.end()) part.properties = &*it;
  if (const auto it = schema.find("patternProperties"); it != schema.end()) {
    for (const auto& [regex, value] : it->items()) {
      if (const auto dfa = expander_.pattern(regex); !dfa) {
        return unsupported(schema, "patternProperties", dfa.error().message);
      }
      part.patterns.emplace_back(regex, &value);
    }
  }
  for (const char* rest : {"additionalProperties", "unevaluatedProperties"}) {
    const auto it = schema.find(rest);
    if (part.additional == nullptr && it != schema.end()) part.additional = &*it;
  }
  if (part.properties == nullptr && part.patterns.empty() && part.additional == nullptr) return {};
  branch_.shape.objects.push_back(std::move(part));
  return {};
}

Result<> KeywordReader::read_array(const Json& schema, const std::string& keyword, const Json& value) {
  Shape& shape = branch_.shape;
  if (keyword == "items")
    return value.is_array() ? check_schemas(schema, keyword, value) : check_schema(schema, keyword, value);
  if (keyword == "prefixItems") {
    if (!value.is_array()) return malformed(schema, keyword, "an array of schemas");
    return check_schemas(schema, keyword, value);
  }
  if (keyword == "additionalItems") return check_schema(schema, keyword, value);
  if (keyword == "minItems" || keyword == "maxItems") {
    HEARTH_TRY(const std::uint64_t count, count_of(schema, keyword, value));
    shape.items.meet(keyword == "minItems" ? Shape::Count{count, Shape::kUnbounded} : Shape::Count{0, count});
    return {};
  }
  if (keyword == "uniqueItems") {
    if (!value.is_boolean()) return malformed(schema, keyword, "a boolean");
    shape.unique = shape.unique || value.get<bool>();
    return {};
  }
  if (!schema.contains("contains")) return {};  // minContains and maxContains alone mean nothing
  if (keyword == "contains") {
    HEARTH_CHECKED(check_schema(schema, keyword, value));
    const auto least = schema.find("minContains");
    const bool none_needed = least != schema.end() && least->is_number() && Decimal::of(*least).is_zero();
    if (none_needed && !schema.contains("maxContains")) return {};
    if ((shape.types & Types::array) == 0) return {};
    return unsupported(schema, keyword, "a grammar cannot look for an element; describe the position with prefixItems");
  }
  return {};
}

Result<> KeywordReader::read_array_part(const Json& schema) {
  Shape::ArrayPart part;
  const auto items = schema.find("items");
  const bool tuple = items != schema.end() && items->is_array();  // drafts before 2020-12
  const auto prefix = tuple ? items : schema.find("prefixItems");
  if (prefix != schema.end()) {
    for (const Json& one : *prefix) part.prefix.push_back(&one);
  }
  if (tuple) {
    if (const auto it = schema.find("additionalItems"); it != schema.end()) part.items = &*it;
  } else if (items != schema.end()) {
    part.items = &*items;
  }
  if (const auto it = schema.find("unevaluatedItems"); part.items == nullptr && it != schema.end()) part.items = &*it;
  if (part.prefix.empty() && part.items == nullptr) return {};
  branch_.shape.arrays.push_back(std::move(part));
  return {};
}

}  // namespace hearth::engine
