// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "schema_keywords.hpp"

/// The keywords that combine schemas.
namespace hearth::engine {
namespace {

constexpr std::size_t kMaxOneOf = 64;  // branches are compared two by two

}  // namespace

Result<> KeywordReader::read_applicator(const Json& schema, const std::string& keyword, const Json& value) {
  if (keyword == "$ref") {
    if (!value.is_string()) return malformed(schema, keyword, "a string");
    HEARTH_TRY(const Json* target, document().resolve(&schema, value.get_ref<const std::string&>()));
    branch_.todo.push_back({target, false});
    return {};
  }
  if (keyword == "not") {
    HEARTH_CHECKED(check_schema(schema, keyword, value));
    branch_.todo.push_back({&value, true});
    return {};
  }
  if (keyword == "if" || keyword == "then" || keyword == "else") return check_schema(schema, keyword, value);
  if (!value.is_array() || value.empty()) return malformed(schema, keyword, "an array with at least one schema");
  HEARTH_CHECKED(check_schemas(schema, keyword, value));
  if (keyword == "oneOf") return read_one_of(schema, value);
  if (keyword == "allOf") {
    for (const Json& one : value) branch_.todo.push_back({&one, false});
    return {};
  }
  std::vector<Alternative> alternatives;
  for (const Json& one : value) alternatives.push_back({{&one, false}});
  branch_.choices.push_back(std::move(alternatives));
  return {};
}

/// Exactly one: where two branches are not provably disjoint, each is taken only without the other.
Result<> KeywordReader::read_one_of(const Json& schema, const Json& value) {
  if (value.size() > kMaxOneOf) {
    return unsupported(schema, "oneOf", fmt::format("more than {} branches; use anyOf", kMaxOneOf));
  }
  const std::size_t count = value.size();
  std::vector<Alternative> alternatives(count);
  for (std::size_t i = 0; i < count; ++i) alternatives[i].push_back({&value[i], false});
  // Branches often leave the type to the schema around them; without it, null would satisfy them all.
  std::vector<SchemaRef> around;
  if (const auto type = schema.find("type"); type != schema.end()) {
    around.push_back(made(schema, "oneOf type", {{"type", *type}}));
  }
  const auto branch = [&](std::size_t i) {
    std::vector<SchemaRef> places = around;
    places.push_back({&value[i], false});
    return conjunction_of(std::move(places));
  };
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      HEARTH_TRY(const bool apart, expander_.disjoint(branch(i), branch(j), 0));
      if (apart) continue;
      alternatives[i].push_back({&value[j], true});
      alternatives[j].push_back({&value[i], true});
    }
  }
  branch_.choices.push_back(std::move(alternatives));
  return {};
}

Result<> KeywordReader::read_condition(const Json& schema) {
  const auto condition = schema.find("if");
  const auto then = schema.find("then");
  const auto otherwise = schema.find("else");
  if (condition == schema.end() || (then == schema.end() && otherwise == schema.end())) return {};
  Alternative yes{{&*condition, false}};
  Alternative no{{&*condition, true}};
  if (then != schema.end()) yes.push_back({&*then, false});
  if (otherwise != schema.end()) no.push_back({&*otherwise, false});
  branch_.choices.push_back({std::move(yes), std::move(no)});
  return {};
}

/// {"a": [names] or schema}: without a, or with a and what it demands.
Result<> KeywordReader::read_dependent(const Json& schema, const std::string& keyword, const Json& value) {
  if (!value.is_object()) return malformed(schema, keyword, "an object");
  for (const auto& [name, demand] : value.items()) {
    const std::string tag = keyword + pointer_step(name);
    const bool names = demand.is_array() && keyword != "dependentSchemas";
    if (!names && (keyword == "dependentRequired" || !(demand.is_object() || demand.is_boolean()))) {
      return malformed(schema, keyword, "an object of arrays of names, or of schemas");
    }
    Json all = Json::array({name});
    if (names) {
      for (const Json& other : demand) {
        if (!other.is_string()) return malformed(schema, keyword, "an object of arrays of names");
        all.push_back(other);
      }
    }
    const SchemaRef absent = made(schema, tag + "#absent", {{"properties", {{name, false}}}});
    Alternative present{made(schema, tag + "#present", {{"type", "object"}, {"required", all}})};
    if (!names) present.push_back({&demand, false});
    branch_.choices.push_back({{absent}, std::move(present)});
  }
  return {};
}

/// One of the keywords must fail. Ways of failing that cannot be described are left out, which allows less, never more.
Result<> KeywordReader::negate(const Json& schema) {
  std::vector<Alternative> ways;
  bool dropped = false;
  for (const auto& [keyword, value] : schema.items()) {
    HEARTH_CHECKED(negate_keyword(schema, keyword, value, ways, dropped));
  }
  if (schema.contains("if") && (schema.contains("then") || schema.contains("else"))) dropped = true;
  if (ways.empty() && dropped) {
    return unsupported(
        schema, "not",
        "no keyword of the negated schema (from not, oneOf or if) can be turned round; say what is allowed instead");
  }
  if (dropped) exact_ = false;
  if (ways.empty()) branch_.shape.types = 0;
  branch_.choices.push_back(std::move(ways));
  if (branch_.choices.back().empty()) branch_.choices.pop_back();
  return {};
}

namespace {

/// The types that `type` does not name, or nothing if it is malformed.
std::optional<Json> other_types(const Json& value) {
  Json out = Json::array();
  const auto names = [&value](const char* name) {
    if (value.is_string()) return value == name;
    return std::ranges::any_of(value, [name](const Json& v) { return v == name; });
  };
  for (const char* name : {"null", "boolean", "object", "array", "string"}) {
    if (!names(name)) out.push_back(name);
  }
  if (!names("number")) out.push_back(names("integer") ? "$hearth.fractional" : "number");
  return out;
}

/// The keyword that fails exactly where this one holds, and the type it speaks of; counts are moved by one.
struct Opposite {
  const char* keyword;
  const char* type;
  const char* opposite;
  int shift;
};
constexpr Opposite kOpposites[] = {{"minimum", "number", "exclusiveMaximum", 0},
                                   {"maximum", "number", "exclusiveMinimum", 0},
                                   {"exclusiveMinimum", "number", "maximum", 0},
                                   {"exclusiveMaximum", "number", "minimum", 0},
                                   {"minLength", "string", "maxLength", -1},
                                   {"maxLength", "string", "minLength", 1},
                                   {"minItems", "array", "maxItems", -1},
                                   {"maxItems", "array", "minItems", 1},
                                   {"minProperties", "object", "maxProperties", -1},
                                   {"maxProperties", "object", "minProperties", 1}};

}  // namespace

Result<> KeywordReader::negate_keyword(const Json& schema, const std::string& keyword, const Json& value,
                                       std::vector<Alternative>& out, bool& dropped) {
  const std::string tag = "not " + keyword;
  const auto way = [&](const std::string& part, Json made_schema) {
    out.push_back({made(schema, tag + part, std::move(made_schema))});
  };
  if (document().is_made(&schema) && keyword == SchemaDocument::kPlace) {
    const SchemaRef kept = document().kept(value.get<std::int64_t>());
    out.push_back({{kept.node, !kept.negated}});
  } else if (keyword == "type") {
    if (!value.is_string() && !value.is_array()) return malformed(schema, keyword, "a type or an array of types");
    if (const auto others = other_types(value); others && !others->empty()) way("", {{"type", *others}});
  } else if (keyword == "enum" || keyword == "const") {
    const Json values = keyword == "const" ? Json::array({value}) : value;
    if (std::ranges::any_of(values, [](const Json& v) { return v.is_structured(); })) dropped = true;
    way("", {{SchemaDocument::kExcluded, values}});
  } else if (keyword == "required" && value.is_array()) {
    for (const Json& name : value) {
      if (!name.is_string()) return malformed(schema, keyword, "an array of strings");
      const auto& text = name.get_ref<const std::string&>();
      way(pointer_step(text), {{"type", "object"}, {"properties", {{text, false}}}});
    }
  } else if (keyword == "properties" && value.is_object()) {
    for (const auto& [name, child] : value.items()) {
      way(pointer_step(name),
          {{"type", "object"}, {"required", Json::array({name})}, {"properties", {{name, place({&child, true})}}}});
    }
  } else if (keyword == "additionalProperties" && value == false && !schema.contains("patternProperties")) {
    dropped = true;  // one undeclared property is enough, but only too many properties can be counted
    const auto declared = schema.find("properties");
    const std::size_t count = declared == schema.end() ? 0 : declared->size();
    way("", {{"type", "object"}, {SchemaDocument::kManyProperties, count + 1}});
  } else if (keyword == "items" && !value.is_array() && !schema.contains("prefixItems")) {
    dropped = true;  // only the first element is tried
    way("", {{"type", "array"}, {"minItems", 1}, {"prefixItems", Json::array({place({&value, true})})}});
  } else if (keyword == "contains" && !schema.contains("minContains") && !schema.contains("maxContains")) {
    way("", {{"type", "array"}, {"items", place({&value, true})}});
  } else if (keyword == "pattern" && value.is_string()) {
    way("", {{"type", "string"}, {SchemaDocument::kNotPattern, value}});
  } else if (keyword == "allOf" && value.is_array()) {
    for (const Json& one : value) out.push_back({{&one, true}});
  } else if ((keyword == "anyOf" || keyword == "oneOf") && value.is_array()) {
    if (keyword == "oneOf") dropped = true;  // two at once would fail it too
    Alternative none;
    for (const Json& one : value) none.push_back({&one, true});
    out.push_back(std::move(none));
  } else if (keyword == "not") {
    out.push_back({{&value, false}});
  } else if (keyword == "$ref" && value.is_string()) {
    HEARTH_TRY(const Json* target, document().resolve(&schema, value.get_ref<const std::string&>()));
    out.push_back({{target, true}});
  } else if (const auto* it = std::ranges::find_if(kOpposites, [&](const Opposite& o) { return keyword == o.keyword; });
             it != std::end(kOpposites)) {
    if (it->shift == 0) {
      dropped = dropped || value.is_boolean();  // draft 4's exclusiveMinimum
      if (value.is_boolean()) return {};
      if (!value.is_number()) return malformed(schema, keyword, "a number");
      way("", {{"type", it->type}, {it->opposite, value}});
      return {};
    }
    HEARTH_TRY(const std::uint64_t count, count_of(schema, keyword, value));
    if (it->shift < 0 && count == 0) return {};
    way("", {{"type", it->type}, {it->opposite, it->shift < 0 ? count - 1 : count + 1}});
  } else if (!is_annotation(keyword)) {
    dropped = true;
  }
  return {};
}

}  // namespace hearth::engine
