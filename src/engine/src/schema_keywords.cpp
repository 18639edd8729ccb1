// SPDX-License-Identifier: Apache-2.0
#include "schema_keywords.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace hearth::engine {
namespace {

template <std::size_t N>
bool one_of(const std::string& keyword, const std::array<std::string_view, N>& names) {
  return std::ranges::find(names, keyword) != names.end();
}

std::uint8_t type_bit(const std::string& name) {
  if (name == "null") return Types::null;
  if (name == "boolean") return Types::boolean;
  if (name == "object") return Types::object;
  if (name == "array") return Types::array;
  if (name == "number") return Types::number;
  if (name == "integer") return Types::integer;
  if (name == "string") return Types::string;
  if (name == "$hearth.fractional") return Types::fractional;
  return 0;
}

constexpr std::array<std::string_view, 4> kStringKeywords{"minLength", "maxLength", "pattern", "format"};
constexpr std::array<std::string_view, 5> kNumberKeywords{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
                                                          "multipleOf"};
constexpr std::array<std::string_view, 7> kObjectKeywords{"properties",   "patternProperties", "additionalProperties",
                                                          "required",     "minProperties",     "maxProperties",
                                                          "propertyNames"};
constexpr std::array<std::string_view, 9> kArrayKeywords{"items",    "prefixItems", "additionalItems",
                                                         "minItems", "maxItems",    "uniqueItems",
                                                         "contains", "minContains", "maxContains"};
constexpr std::array<std::string_view, 8> kApplicators{"allOf", "anyOf", "oneOf", "not", "$ref", "if", "then", "else"};
constexpr std::array<std::string_view, 3> kDependent{"dependentRequired", "dependentSchemas", "dependencies"};

}  // namespace

Result<> KeywordReader::read(SchemaRef place) {
  const Json& schema = *place.node;
  if (schema.is_boolean()) {
    if (schema.get<bool>() == place.negated) branch_.shape.types = 0;
    return {};
  }
  if (!schema.is_object()) {
    return fail(ErrorCode::invalid_request,
                fmt::format("JSON Schema at {} must be an object or a boolean", document().pointer_of(place.node)));
  }
  return place.negated ? negate(schema) : read_positive(schema);
}

Result<> KeywordReader::read_positive(const Json& schema) {
  for (const auto& [keyword, value] : schema.items()) HEARTH_CHECKED(read_keyword(schema, keyword, value));
  HEARTH_CHECKED(read_object_part(schema));
  HEARTH_CHECKED(read_array_part(schema));
  return read_condition(schema);
}

Result<> KeywordReader::read_keyword(const Json& schema, const std::string& keyword, const Json& value) {
  if (document().is_made(&schema) && keyword.starts_with("$hearth.")) return read_made(keyword, value);
  if (keyword == "type") return read_type(schema, value);
  if (keyword == "enum" || keyword == "const") {
    if (keyword == "enum" && !value.is_array()) return malformed(schema, keyword, "an array");
    std::vector<const Json*> values;
    if (keyword == "const") values.push_back(&value);
    if (keyword == "enum") {
      for (const Json& v : value) values.push_back(&v);
    }
    auto& present = branch_.shape.values;
    if (present) {
      std::erase_if(*present, [&](const Json* v) {
        return std::ranges::none_of(values, [&](const Json* other) { return *v == *other; });
      });
    } else {
      present = std::move(values);
    }
    return {};
  }
  if (one_of(keyword, kStringKeywords)) return read_string(schema, keyword, value);
  if (one_of(keyword, kNumberKeywords)) return read_number(schema, keyword, value);
  if (one_of(keyword, kObjectKeywords)) return read_object(schema, keyword, value);
  if (one_of(keyword, kArrayKeywords)) return read_array(schema, keyword, value);
  if (one_of(keyword, kApplicators)) return read_applicator(schema, keyword, value);
  if (one_of(keyword, kDependent)) return read_dependent(schema, keyword, value);
  return check_boundary(schema, keyword, value);
}

/// What has no effect on validity passes; the rest is refused by name.
Result<> KeywordReader::check_boundary(const Json& schema, const std::string& keyword, const Json& value) {
  if (keyword == "unevaluatedProperties" || keyword == "unevaluatedItems") {
    if (value.is_boolean() && value.get<bool>()) return {};
    // With nothing but its siblings to evaluate, it says what additionalProperties or items says.
    const bool alone = std::ranges::none_of(schema.items(), [](const auto& item) {
      return one_of(item.key(), kApplicators) || one_of(item.key(), kDependent);
    });
    const bool object = keyword == "unevaluatedProperties";
    const bool covered = object ? schema.contains("additionalProperties")
                                : schema.contains("items") || schema.contains("additionalItems");
    const bool contains = !object && schema.contains("contains");
    if (alone && covered) return {};
    if (alone && !contains) return {};  // read_object_part and read_array_part take it as the rest
    return unsupported(schema, keyword, "beside anyOf, allOf, $ref and the like; list the properties in one schema");
  }
  if (keyword == "nullable" && value.is_boolean() && !value.get<bool>()) return {};
  if (keyword == "nullable") return unsupported(schema, keyword, "it is OpenAPI 3.0; write \"type\": [..., \"null\"]");
  if (is_annotation(keyword)) return {};
  return unsupported(
      schema, keyword,
      "it is no keyword of JSON Schema 2020-12; remove it, or begin its name with \"x-\" if it is a note");
}

Result<> KeywordReader::read_type(const Json& schema, const Json& value) {
  std::uint8_t types = 0;
  const auto add = [&](const Json& name) {
    std::uint8_t bit = name.is_string() ? type_bit(name.get_ref<const std::string&>()) : std::uint8_t{0};
    if (bit == Types::fractional && !document().is_made(&schema)) bit = 0;
    types |= bit;
    return bit != 0;
  };
  bool good = value.is_array() ? std::ranges::all_of(value, add) : add(value);
  if (!good || types == 0) {
    return malformed(schema, "type", "null, boolean, object, array, number, integer, string, or an array of these");
  }
  branch_.shape.types &= types;
  return {};
}

Result<> KeywordReader::read_string(const Json& schema, const std::string& keyword, const Json& value) {
  Shape& shape = branch_.shape;
  if (keyword == "minLength" || keyword == "maxLength") {
    HEARTH_TRY(const std::uint64_t count, count_of(schema, keyword, value));
    shape.length.meet(keyword == "minLength" ? Shape::Count{count, Shape::kUnbounded} : Shape::Count{0, count});
    return {};
  }
  if (!value.is_string()) return malformed(schema, keyword, "a string");
  const auto& text = value.get_ref<const std::string&>();
  if (keyword == "format") {
    shape.formats.push_back(text);
    return {};
  }
  const auto dfa = expander_.pattern(text);
  if (!dfa) return unsupported(schema, keyword, dfa.error().message);
  shape.patterns.push_back(text);
  return {};
}

Result<> KeywordReader::read_number(const Json& schema, const std::string& keyword, const Json& value) {
  NumberLimits& limits = branch_.shape.limits;
  if (value.is_boolean() && keyword.starts_with("exclusive")) return {};  // draft 4: read with minimum and maximum
  if (!value.is_number()) return malformed(schema, keyword, "a number");
  const Decimal number = Decimal::of(value);
  const auto flag = [&schema](const char* name) {
    const auto it = schema.find(name);
    return it != schema.end() && it->is_boolean() && it->get<bool>();
  };
  if (keyword == "minimum") limits.raise({number, flag("exclusiveMinimum")});
  if (keyword == "maximum") limits.reduce({number, flag("exclusiveMaximum")});
  if (keyword == "exclusiveMinimum") limits.raise({number, true});
  if (keyword == "exclusiveMaximum") limits.reduce({number, true});
  if (keyword == "multipleOf") {
    if (number.negative || number.is_zero()) return malformed(schema, keyword, "a number above 0");
    if (const auto test = number_language(NumberKind::any, {{}, {}, {number}}, {}); !test) {
      return unsupported(schema, keyword, test.error().message);
    }
    limits.multiples.push_back(number);
  }
  return {};
}

Result<> KeywordReader::read_made(const std::string& keyword, const Json& value) {
  if (keyword == SchemaDocument::kPlace) branch_.todo.push_back(document().kept(value.get<std::int64_t>()));
  if (keyword == SchemaDocument::kManyProperties) {
    branch_.shape.properties.meet({value.get<std::uint64_t>(), Shape::kUnbounded});
    branch_.shape.optional_count = true;
  }
  if (keyword == SchemaDocument::kNotPattern) branch_.shape.not_patterns.push_back(value.get<std::string>());
  if (keyword == SchemaDocument::kExcluded) {
    for (const Json& v : value) {
      // Objects and arrays have too many spellings to leave one out: leave out all.
      if (v.is_object()) branch_.shape.types &= ~Types::object;
      if (v.is_array()) branch_.shape.types &= ~Types::array;
      if (v.is_null()) branch_.shape.types &= ~Types::null;
      branch_.shape.excluded.push_back(&v);
    }
  }
  return {};
}

std::unexpected<Error> KeywordReader::unsupported(const Json& schema, const std::string& keyword,
                                                  const std::string& why) {
  return fail(ErrorCode::unsupported, fmt::format("JSON Schema keyword \"{}\" at {} cannot be enforced: {}", keyword,
                                                  document().pointer_of(&schema), why));
}

std::unexpected<Error> KeywordReader::malformed(const Json& schema, const std::string& keyword,
                                                const std::string& expected) {
  return fail(ErrorCode::invalid_request, fmt::format("JSON Schema keyword \"{}\" at {} must be {}", keyword,
                                                      document().pointer_of(&schema), expected));
}

Result<std::uint64_t> KeywordReader::count_of(const Json& schema, const std::string& keyword, const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number()) {  // 2.0 is an integer
    const Decimal number = Decimal::of(value);
    if (!number.negative && number.is_integer() && number.integer_part().size() < 19) {
      return std::stoull(number.integer_part());
    }
  }
  return malformed(schema, keyword, "an integer of at least 0");
}

Result<> KeywordReader::check_schema(const Json& schema, const std::string& keyword, const Json& value) {
  if (value.is_object() || value.is_boolean()) return {};
  return malformed(schema, keyword, "a schema (an object or a boolean)");
}

Result<> KeywordReader::check_schemas(const Json& schema, const std::string& keyword, const Json& value) {
  if (!value.is_structured()) return malformed(schema, keyword, "an object or an array of schemas");
  for (const Json& child : value) HEARTH_CHECKED(check_schema(schema, keyword, child));
  return {};
}

}  // namespace hearth::engine
