// SPDX-License-Identifier: Apache-2.0
#include "schema_grammar.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "constraint_text.hpp"
#include "hearth/engine/constraint.hpp"

namespace hearth::engine {
namespace {

constexpr std::uint64_t kLengthCaps[] = {1000, 500, 250};
constexpr std::size_t kMinTrie = 9;  // fewer strings are written as alternatives

RuleSet::Symbol text(std::string_view literal) { return RuleSet::literal(literal); }

bool only_describes(const Json& schema, const std::string& but) {
  return std::ranges::all_of(schema.items(), [&](const auto& item) {
    return item.key() == but || item.key() == "$defs" || item.key() == "definitions" || item.key() == "description" ||
           item.key() == "title" || item.key() == "$schema";
  });
}

}  // namespace

Result<std::string> schema_to_gbnf(std::string_view schema) {
  HEARTH_TRY(SchemaDocument document, SchemaDocument::parse(schema));
  return SchemaGrammar{document}.write();
}

Result<std::string> SchemaGrammar::write() {
  const RuleId root = rule_for(conjunction_of({{expander_.document().root(), false}}));
  while (!pending_.empty()) {
    const Conjunction places = std::move(pending_.front());
    pending_.pop_front();
    where_ = places.empty() ? "#" : expander_.document().pointer_of(places.front().node);
    HEARTH_CHECKED(fill(places, ids_.at(places)));
    if (rules_.size() > 4 * kMaxGrammarRules) {
      return fail(ErrorCode::unsupported,
                  fmt::format("the JSON Schema needs more than {} grammar rules; simplify it", kMaxGrammarRules));
    }
  }
  return rules_.finish(root);
}

SchemaGrammar::RuleId SchemaGrammar::rule_for(const Conjunction& places) {
  const auto [it, added] = ids_.try_emplace(places, 0);
  if (added) {
    it->second = rules_.add();
    pending_.push_back(places);
  }
  return it->second;
}

/// A schema that is only a reference or anyOf needs no multiplying out: its rule refers to theirs.
bool SchemaGrammar::fill_choice(const Conjunction& places, RuleId id) {
  if (places.size() != 1 || places.front().negated || !places.front().node->is_object()) return false;
  const Json& schema = *places.front().node;
  if (const auto it = schema.find("anyOf"); it != schema.end() && it->is_array() && only_describes(schema, "anyOf")) {
    if (it->empty()) return false;
    for (const Json& one : *it) {
      if (!one.is_object() && !one.is_boolean()) return false;
    }
    for (const Json& one : *it) rules_.alternative(id, {RuleSet::ref(rule_for(conjunction_of({{&one, false}})))});
    return true;
  }
  if (const auto it = schema.find("$ref"); it != schema.end() && it->is_string() && only_describes(schema, "$ref")) {
    const auto target = expander_.document().resolve(&schema, it->get_ref<const std::string&>());
    if (!target) return false;  // expand() reports it
    rules_.alternative(id, {RuleSet::ref(rule_for(conjunction_of({{*target, false}})))});
    return true;
  }
  return false;
}

Result<> SchemaGrammar::fill(const Conjunction& places, RuleId id) {
  if (fill_choice(places, id)) return {};
  HEARTH_TRY(const Expansion expansion, expander_.expand(places));
  for (const Shape& shape : expansion.shapes) HEARTH_CHECKED(fill_shape(shape, id));
  return {};
}

Result<> SchemaGrammar::fill_shape(const Shape& shape, RuleId id) {
  if (shape.values) return fill_values(shape, id);
  if ((shape.types & Types::null) != 0) rules_.alternative(id, {text("null")});
  if ((shape.types & Types::boolean) != 0) HEARTH_CHECKED(fill_boolean(shape, id));
  if ((shape.types & Types::number) != 0) HEARTH_CHECKED(fill_number(shape, id));
  if ((shape.types & Types::string) != 0) HEARTH_CHECKED(fill_string(shape, id));
  if ((shape.types & Types::array) != 0) HEARTH_CHECKED(fill_array(shape, id));
  if ((shape.types & Types::object) != 0) HEARTH_CHECKED(fill_object(shape, id));
  return {};
}

Result<> SchemaGrammar::fill_boolean(const Shape& shape, RuleId id) {
  for (const bool value : {true, false}) {
    const auto same = [value](const Json* v) { return v->is_boolean() && v->get<bool>() == value; };
    if (std::ranges::none_of(shape.excluded, same)) rules_.alternative(id, {text(value ? "true" : "false")});
  }
  return {};
}

Result<> SchemaGrammar::fill_values(const Shape& shape, RuleId id) {
  std::vector<const Json*> allowed;
  std::vector<std::u32string> strings;
  for (const Json* value : *shape.values) {
    HEARTH_TRY(const bool good, expander_.admits(shape, *value));
    if (!good) continue;
    allowed.push_back(value);
    if (value->is_string()) strings.push_back(to_code_points(value->get_ref<const std::string&>()).value_or(U""));
  }
  const bool trie = strings.size() >= kMinTrie;
  if (trie) {
    const auto dfa = Dfa::of_literals(strings);
    if (!dfa) return unsupported("enum", dfa.error().message);
    const RuleId rest = rules_.language(*dfa, RuleSet::Encoding::json_string, {text("\"")});
    rules_.alternative(id, {text("\""), RuleSet::ref(rest)});
  }
  for (const Json* value : allowed) {
    if (trie && value->is_string()) continue;
    for (Sequence& spelling : spellings(*value)) rules_.alternative(id, std::move(spelling));
  }
  return {};
}

/// 1.0 may be written as 1; everything else has one spelling, apart from white space.
std::vector<SchemaGrammar::Sequence> SchemaGrammar::spellings(const Json& value) {
  std::vector<Sequence> out{literal_value(value)};
  if (value.is_number_float()) {
    const Decimal number = Decimal::of(value);
    if (number.is_integer() && number.integer_part().size() < 16) {
      out.push_back({text((number.negative ? "-" : "") + number.integer_part())});
    }
  }
  return out;
}

SchemaGrammar::Sequence SchemaGrammar::literal_value(const Json& value) {
  if (!value.is_structured()) return {text(value.dump())};
  const bool object = value.is_object();
  Sequence out{text(object ? "{" : "["), RuleSet::ref(rules_.space())};
  bool first = true;
  for (const auto& [key, child] : value.items()) {
    if (!first) {
      out.push_back(text(","));
      out.push_back(RuleSet::ref(rules_.space()));
    }
    first = false;
    if (object) {
      out.push_back(text(Json(key).dump() + ":"));
      out.push_back(RuleSet::ref(rules_.one_blank()));
    }
    const Sequence inner = literal_value(child);
    out.insert(out.end(), inner.begin(), inner.end());
  }
  if (!first) out.push_back(RuleSet::ref(rules_.space()));
  out.push_back(text(object ? "}" : "]"));
  return out;
}

SchemaGrammar::RuleId SchemaGrammar::any_string() {
  if (!any_string_) {
    const RuleId rest = rules_.add();
    rules_.alternative(rest, {RuleSet::ref(rules_.json_char()), RuleSet::ref(rest)});
    rules_.alternative(rest, {text("\"")});
    any_string_ = rules_.rule_of({{text("\""), RuleSet::ref(rest)}});
  }
  return *any_string_;
}

Result<> SchemaGrammar::fill_string(const Shape& shape, RuleId id) {
  const auto language = expander_.string_language(shape, /*with_length=*/false);
  if (!language) return unsupported("pattern", language.error().message);
  const bool limited = shape.length.min > 0 || shape.length.max != Shape::kUnbounded;
  if (!*language && !limited) {
    rules_.alternative(id, {RuleSet::ref(any_string())});
    return {};
  }
  if (!*language) {
    Sequence out{text("\"")};
    const Sequence chars = rules_.repeated(rules_.json_char(), shape.length.min, shape.length.max);
    out.insert(out.end(), chars.begin(), chars.end());
    out.push_back(text("\""));
    rules_.alternative(id, std::move(out));
    return {};
  }
  // The product of pattern and length may be too large; a smaller maximum is then enforced, never a larger one.
  Shape counted = shape;
  auto both = expander_.string_language(counted, /*with_length=*/true);
  for (const std::uint64_t cap : kLengthCaps) {
    if (both || cap >= shape.length.max || cap < shape.length.min) continue;
    counted.length.max = cap;
    both = expander_.string_language(counted, /*with_length=*/true);
  }
  if (!both) return unsupported("maxLength", "together with pattern or format " + both.error().message);
  const RuleId rest = rules_.language(**both, RuleSet::Encoding::json_string, {text("\"")});
  rules_.alternative(id, {text("\""), RuleSet::ref(rest)});
  return {};
}

SchemaGrammar::RuleId SchemaGrammar::plain_number(NumberKind kind, bool with_sign) {
  const auto [it, added] = plain_numbers_.try_emplace({kind, with_sign}, 0);
  if (!added) return it->second;
  const RuleId digit = rules_.rule_of({{RuleSet::set({{U'0', U'9'}})}});
  const Sequence digits = rules_.repeated(digit, 0, RuleSet::kUnbounded);
  Sequence nonzero{RuleSet::set({{U'1', U'9'}})};
  nonzero.insert(nonzero.end(), digits.begin(), digits.end());
  const RuleId whole = rules_.rule_of({{text("0")}, nonzero});
  Sequence number{RuleSet::ref(whole)};
  if (with_sign) number.insert(number.begin(), RuleSet::ref(rules_.rule_of({{}, {text("-")}})));
  if (kind == NumberKind::any) {
    Sequence fraction{text("."), RuleSet::ref(digit)};
    fraction.insert(fraction.end(), digits.begin(), digits.end());
    const RuleId two = rules_.rule_of({{}, {RuleSet::ref(digit)}});
    const RuleId sign = rules_.rule_of({{}, {RuleSet::set({{U'+', U'+'}, {U'-', U'-'}})}});
    // Two digits of exponent: what a double can hold, and no more than a reader expects.
    const Sequence exponent{RuleSet::set({{U'E', U'E'}, {U'e', U'e'}}), RuleSet::ref(sign), RuleSet::ref(digit),
                            RuleSet::ref(two)};
    number.push_back(RuleSet::ref(rules_.rule_of({{}, fraction})));
    number.push_back(RuleSet::ref(rules_.rule_of({{}, exponent})));
  }
  return plain_numbers_[{kind, with_sign}] = rules_.rule_of({number});
}

Result<SchemaGrammar::RuleId> SchemaGrammar::number_rule(NumberKind kind, const Shape& shape) {
  std::vector<Decimal> excluded;
  for (const Json* value : shape.excluded) {
    if (value->is_number()) excluded.push_back(Decimal::of(*value));
  }
  const NumberLimits& limits = shape.limits;
  if (kind != NumberKind::fractional && excluded.empty() && !limits.upper && limits.multiples.empty()) {
    if (!limits.lower) return plain_number(kind, /*with_sign=*/true);
    if (limits.lower->value.is_zero() && !limits.lower->exclusive) return plain_number(kind, /*with_sign=*/false);
  }
  const auto dfa = number_language(kind, limits, excluded);
  if (!dfa) return unsupported("minimum, maximum or multipleOf", dfa.error().message);
  return rules_.language(*dfa, RuleSet::Encoding::plain, {});
}

Result<> SchemaGrammar::fill_number(const Shape& shape, RuleId id) {
  const std::uint8_t kinds = shape.types & Types::number;
  const NumberKind kind = kinds == Types::number    ? NumberKind::any
                          : kinds == Types::integer ? NumberKind::integer
                                                    : NumberKind::fractional;
  HEARTH_TRY(const RuleId number, number_rule(kind, shape));
  rules_.alternative(id, {RuleSet::ref(number)});
  return {};
}

std::unexpected<Error> SchemaGrammar::unsupported(const std::string& keyword, const std::string& why) const {
  return fail(ErrorCode::unsupported,
              fmt::format("JSON Schema keyword \"{}\" at {} cannot be enforced: {}", keyword, where_, why));
}

}  // namespace hearth::engine
