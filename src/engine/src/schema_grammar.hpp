// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "constraint_rules.hpp"
#include "schema_shape.hpp"

namespace hearth::engine {

/// JSON Schema -> GBNF. See to_gbnf() for what it promises.
Result<std::string> schema_to_gbnf(std::string_view schema);

/// Writes the rules of one document. One rule a conjunction of places, so recursion in the schema is recursion in the
/// grammar; rules are filled from a queue, so no schema makes the writer recurse.
class SchemaGrammar {
 public:
  explicit SchemaGrammar(SchemaDocument& document) : expander_{document} {}
  Result<std::string> write();

 private:
  using RuleId = RuleSet::RuleId;
  using Sequence = RuleSet::Sequence;

  /// Things in brackets, separated by commas, each at most once and in their order (any order if they are few); extras
  /// anywhere, any number of times.
  struct Listing {
    struct Member {
      Sequence text;
      bool required = false;
    };
    std::vector<Member> members;
    std::vector<Sequence> extras;
    Shape::Count count;
    const char* close = "}";
  };
  struct ListingState {
    std::uint64_t done = 0;      // members passed (in order), or a set of them (any order)
    std::uint64_t distinct = 0;  // counted up to count.min
    std::uint64_t total = 0;     // counted if count.max matters
    bool extra = false;
    bool first = true;
    bool direct = false;  // only members: what a skipped optional member leads to
    auto operator<=>(const ListingState&) const = default;
  };
  class ListingWriter;

  RuleId rule_for(const Conjunction& places);
  Result<> fill(const Conjunction& places, RuleId id);
  bool fill_choice(const Conjunction& places, RuleId id);
  Result<> fill_shape(const Shape& shape, RuleId id);
  Result<> fill_values(const Shape& shape, RuleId id);
  Result<> fill_boolean(const Shape& shape, RuleId id);
  Result<> fill_string(const Shape& shape, RuleId id);
  Result<> fill_number(const Shape& shape, RuleId id);
  Result<> fill_object(const Shape& shape, RuleId id);
  Result<> add_members(const Shape& shape, Listing& listing, std::vector<std::string>& names);
  Result<> add_extras(const Shape& shape, const std::vector<std::string>& names, Listing& listing);
  Result<> fill_array(const Shape& shape, RuleId id);
  Result<> fill_unique_array(const Shape& shape, RuleId id);
  Result<RuleId> number_rule(NumberKind kind, const Shape& shape);
  RuleId plain_number(NumberKind kind, bool with_sign);
  RuleId any_string();

  Sequence literal_value(const Json& value);
  std::vector<Sequence> spellings(const Json& value);
  Sequence pair(Sequence key, RuleId value);
  RuleId listing(const Listing& listing);
  [[nodiscard]] std::unexpected<Error> unsupported(const std::string& keyword, const std::string& why) const;

  Expander expander_;
  RuleSet rules_;
  std::map<Conjunction, RuleId> ids_;
  std::deque<Conjunction> pending_;
  std::map<std::pair<NumberKind, bool>, RuleId> plain_numbers_;
  std::optional<RuleId> any_string_;
  std::string where_ = "#";  // the place being written, for messages
};

}  // namespace hearth::engine
