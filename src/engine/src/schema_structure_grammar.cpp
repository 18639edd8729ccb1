// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "constraint_text.hpp"
#include "hearth/engine/constraint.hpp"
#include "schema_grammar.hpp"
#include "work_limit.hpp"

/// Objects and arrays.
namespace hearth::engine {
namespace {

constexpr std::size_t kMaxPatterns = 6;        // patternProperties of one object: their combinations are told apart
constexpr std::size_t kMaxUniqueValues = 200;  // of the elements of an array with uniqueItems
constexpr std::uint64_t kMaxCountedKeys = 300;

RuleSet::Symbol text(std::string_view literal) { return RuleSet::literal(literal); }

}  // namespace

SchemaGrammar::Sequence SchemaGrammar::pair(Sequence key, RuleId value) {
  key.push_back(text(":"));
  key.push_back(RuleSet::ref(rules_.one_blank()));
  key.push_back(RuleSet::ref(value));
  return key;
}

Result<> SchemaGrammar::add_members(const Shape& shape, Listing& listing, std::vector<std::string>& names) {
  std::set<std::string_view> known;
  const auto add_name = [&](const std::string& name) {
    if (known.insert(name).second) names.push_back(name);
  };
  for (const Shape::ObjectPart& part : shape.objects) {
    if (part.properties == nullptr) continue;
    for (const auto& item : part.properties->items()) add_name(item.key());
  }
  for (const std::string& name : shape.required) add_name(name);
  const std::set<std::string_view> demanded{shape.required.begin(), shape.required.end()};
  for (const std::string& name : names) {
    const bool required = demanded.contains(name);
    HEARTH_TRY(const Conjunction places, expander_.property_places(shape, name));
    HEARTH_TRY(const bool allowed, expander_.admits(shape.names, Json(name)));
    if (!required && (!allowed || is_false(places))) continue;
    Listing::Member member{.text = {}, .required = required};
    if (allowed) member.text = pair({text(Json(name).dump())}, rule_for(places));
    if (!allowed) member.text = {RuleSet::ref(rules_.add())};  // a rule without alternatives: the object is impossible
    listing.members.push_back(std::move(member));
  }
  return {};
}

/// Keys that no schema declares, told apart by which patterns they match.
Result<> SchemaGrammar::add_extras(const Shape& shape, const std::vector<std::string>& names, Listing& listing) {
  std::vector<std::string> patterns;
  for (const Shape::ObjectPart& part : shape.objects) {
    for (const auto& [regex, schema] : part.patterns) {
      if (std::ranges::find(patterns, regex) == patterns.end()) patterns.push_back(regex);
    }
  }
  if (patterns.size() > kMaxPatterns) {
    return unsupported("patternProperties", fmt::format("more than {} patterns in one object", kMaxPatterns));
  }
  std::vector<std::u32string> declared;
  for (const std::string& name : names) declared.push_back(to_code_points(name).value_or(U""));
  HEARTH_TRY(const Dfa taken, Dfa::of_literals(declared));
  HEARTH_TRY(Dfa free, combine(Dfa::everything(), taken, SetOperation::subtract));
  if (!shape.names.empty()) {
    HEARTH_TRY(const Expansion allowed, expander_.expand(shape.names));
    Dfa any = Dfa::nothing();
    for (const Shape& one : allowed.shapes) {
      if ((one.types & Types::string) == 0) continue;
      Dfa some = Dfa::everything();
      if (one.values) {
        std::vector<std::u32string> literals;
        for (const Json* value : *one.values) {
          HEARTH_TRY(const bool good, expander_.admits(one, *value));
          if (good && value->is_string()) {
            literals.push_back(to_code_points(value->get_ref<const std::string&>()).value_or(U""));
          }
        }
        HEARTH_TRY(some, Dfa::of_literals(literals));
      } else {
        const auto language = expander_.string_language(one, /*with_length=*/true);
        if (!language) return unsupported("propertyNames", language.error().message);
        if (*language) some = **language;
      }
      HEARTH_TRY(any, combine(any, some, SetOperation::unite));
    }
    HEARTH_TRY(free, combine(free, any, SetOperation::intersect));
  }
  for (std::size_t matched = 0; matched < (std::size_t{1} << patterns.size()); ++matched) {
    std::vector<SchemaRef> places;
    for (const Shape::ObjectPart& part : shape.objects) {
      bool spoken_for = false;
      for (const auto& [regex, schema] : part.patterns) {
        const auto index = std::ranges::find(patterns, regex) - patterns.begin();
        if ((matched >> index & 1U) == 0) continue;
        places.push_back({schema, false});
        spoken_for = true;
      }
      if (!spoken_for && part.additional != nullptr) places.push_back({part.additional, false});
    }
    const Conjunction value = conjunction_of(std::move(places));
    if (is_false(value)) continue;
    Dfa keys = free;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      HEARTH_TRY(const Dfa* dfa, expander_.pattern(patterns[i]));
      const auto operation = (matched >> i & 1U) != 0 ? SetOperation::intersect : SetOperation::subtract;
      auto narrower = combine(keys, *dfa, operation);
      if (!narrower) return unsupported("patternProperties", narrower.error().message);
      keys = *std::move(narrower);
    }
    if (keys.empty()) continue;
    const bool any_key = names.empty() && patterns.empty() && shape.names.empty();
    Sequence key{RuleSet::ref(any_string())};
    if (!any_key) {
      key = {text("\""), RuleSet::ref(rules_.language(keys, RuleSet::Encoding::json_string, {text("\"")}))};
    }
    listing.extras.push_back(pair(std::move(key), rule_for(value)));
  }
  return {};
}

Result<> SchemaGrammar::fill_object(const Shape& shape, RuleId id) {
  Listing all;
  std::vector<std::string> names;
  HEARTH_CHECKED(add_members(shape, all, names));
  HEARTH_CHECKED(add_extras(shape, names, all));
  all.count = shape.properties;
  const auto required = std::ranges::count_if(all.members, [](const auto& m) { return m.required; });
  if (all.count.min <= static_cast<std::uint64_t>(required)) all.count.min = 0;
  const std::size_t distinct = all.members.size() + (all.extras.empty() ? 0 : 1);
  if (all.count.min > distinct && !all.extras.empty()) {
    if (shape.optional_count) return {};
    return unsupported("minProperties",
                       "keys that the schema does not declare could be repeated; declare the properties");
  }
  if (all.count.max != Shape::kUnbounded && all.count.max > kMaxCountedKeys && !all.extras.empty()) {
    return unsupported("maxProperties",
                       fmt::format("only up to {} undeclared properties can be counted", kMaxCountedKeys));
  }
  rules_.alternative(id, {text("{"), RuleSet::ref(rules_.space()), RuleSet::ref(listing(all))});
  return {};
}

Result<> SchemaGrammar::fill_array(const Shape& shape, RuleId id) {
  if (shape.unique && shape.items.max > 1) return fill_unique_array(shape, id);
  std::size_t prefix = 0;
  for (const Shape::ArrayPart& part : shape.arrays) prefix = std::max(prefix, part.prefix.size());
  const Conjunction rest = Expander::element_places(shape, prefix);
  Shape::Count count = shape.items;
  if (is_false(rest)) count.max = std::min<std::uint64_t>(count.max, prefix);
  if (count.min > count.max) return {};  // a rule without alternatives: impossible
  prefix = std::min<std::uint64_t>(prefix, count.max);
  const Sequence comma{text(","), RuleSet::ref(rules_.space())};
  const Sequence close{RuleSet::ref(rules_.space()), text("]")};

  // What follows after i elements, from the back: after the prefix, the rest repeated.
  Sequence after = close;
  if (count.max > prefix) {
    Sequence element = comma;
    element.push_back(RuleSet::ref(rule_for(rest)));
    const RuleId more = rules_.rule_of({element});
    const std::uint64_t written = std::max<std::uint64_t>(prefix, 1);
    const std::uint64_t min = count.min > written ? count.min - written : 0;
    const std::uint64_t max = count.max == Shape::kUnbounded ? RuleSet::kUnbounded : count.max - written;
    after = rules_.repeated(more, min, max);
    after.insert(after.end(), close.begin(), close.end());
  }
  for (std::size_t i = prefix; i-- > 1;) {
    const RuleId here = rules_.add();
    Sequence next = comma;
    next.push_back(RuleSet::ref(rule_for(Expander::element_places(shape, i))));
    next.insert(next.end(), after.begin(), after.end());
    rules_.alternative(here, std::move(next));
    if (count.min <= i) rules_.alternative(here, close);
    after = {RuleSet::ref(here)};
  }
  const Sequence open{text("["), RuleSet::ref(rules_.space())};
  if (count.min == 0) {
    Sequence empty = open;
    empty.push_back(text("]"));
    rules_.alternative(id, std::move(empty));
  }
  if (count.max == 0) return {};
  Sequence some = open;
  some.push_back(RuleSet::ref(rule_for(Expander::element_places(shape, 0))));
  some.insert(some.end(), after.begin(), after.end());
  rules_.alternative(id, std::move(some));
  return {};
}

/// Elements from a finite set, each at most once, in the set's order.
Result<> SchemaGrammar::fill_unique_array(const Shape& shape, RuleId id) {
  const auto refuse = [this] {
    return unsupported("uniqueItems", "a grammar cannot compare elements unless they come from an enum; remove it");
  };
  const bool tuple = std::ranges::any_of(shape.arrays, [](const auto& part) { return !part.prefix.empty(); });
  if (tuple) return refuse();
  const Conjunction places = Expander::element_places(shape, 0);
  HEARTH_TRY(const Expansion elements, expander_.expand(places));
  std::vector<const Json*> values;
  for (const Shape& element : elements.shapes) {
    if (!element.values) return refuse();
    for (const Json* value : *element.values) {
      HEARTH_TRY(const bool good, expander_.admits(element, *value));
      const auto same = [value](const Json* other) {
        return value->is_number() && other->is_number() ? Decimal::of(*value) == Decimal::of(*other) : *value == *other;
      };
      HEARTH_CHECKED(WorkLimit::spend(values.size()));
      if (good && std::ranges::none_of(values, same)) values.push_back(value);
    }
  }
  if (values.size() > kMaxUniqueValues) return refuse();
  Listing all;
  for (const Json* value : values) all.members.push_back({.text = literal_value(*value), .required = false});
  all.count = shape.items;
  all.close = "]";
  rules_.alternative(id, {text("["), RuleSet::ref(rules_.space()), RuleSet::ref(listing(all))});
  return {};
}

}  // namespace hearth::engine
