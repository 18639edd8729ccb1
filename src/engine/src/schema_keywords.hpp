// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "schema_shape.hpp"

namespace hearth::engine {

/// A way to satisfy a keyword that branches: all of these places at once.
using Alternative = std::vector<SchemaRef>;

/// One path through the branches of a place while it is expanded.
struct Branch {
  Shape shape;
  std::vector<SchemaRef> todo;
  std::set<SchemaRef> seen;
  std::vector<std::vector<Alternative>> choices;  // one of each is still to be taken
};

/// Reads the keywords of one schema into a branch. A keyword that cannot be enforced is an error, never skipped.
class KeywordReader {
 public:
  KeywordReader(Expander& expander, Branch& branch, bool& exact)
      : expander_{expander}, branch_{branch}, exact_{exact} {}

  Result<> read(SchemaRef place);

 private:
  Result<> read_positive(const Json& schema);
  Result<> read_keyword(const Json& schema, const std::string& keyword, const Json& value);
  Result<> read_type(const Json& schema, const Json& value);
  Result<> read_string(const Json& schema, const std::string& keyword, const Json& value);
  Result<> read_number(const Json& schema, const std::string& keyword, const Json& value);
  Result<> read_object(const Json& schema, const std::string& keyword, const Json& value);
  Result<> read_object_part(const Json& schema);
  Result<> read_array(const Json& schema, const std::string& keyword, const Json& value);
  Result<> read_array_part(const Json& schema);
  Result<> read_applicator(const Json& schema, const std::string& keyword, const Json& value);
  Result<> read_one_of(const Json& schema, const Json& value);
  Result<> read_condition(const Json& schema);
  Result<> read_dependent(const Json& schema, const std::string& keyword, const Json& value);
  Result<> read_made(const std::string& keyword, const Json& value);
  Result<> check_boundary(const Json& schema, const std::string& keyword, const Json& value);
  Result<> negate(const Json& schema);
  Result<> negate_keyword(const Json& schema, const std::string& keyword, const Json& value,
                          std::vector<Alternative>& out, bool& dropped);

  SchemaDocument& document() { return expander_.document(); }
  /// A place for a schema made here; (schema, tag) names it.
  SchemaRef made(const Json& schema, const std::string& tag, Json value) {
    return {document().made(&schema, tag, std::move(value)), false};
  }
  Json place(SchemaRef ref) { return Json{{SchemaDocument::kPlace, document().keep(ref)}}; }

  std::unexpected<Error> unsupported(const Json& schema, const std::string& keyword, const std::string& why);
  std::unexpected<Error> malformed(const Json& schema, const std::string& keyword, const std::string& expected);
  Result<std::uint64_t> count_of(const Json& schema, const std::string& keyword, const Json& value);
  Result<> check_schema(const Json& schema, const std::string& keyword, const Json& value);
  Result<> check_schemas(const Json& schema, const std::string& keyword, const Json& value);

  Expander& expander_;
  Branch& branch_;
  bool& exact_;
};

/// Says nothing about which values are valid: titles, examples, editors' hints, keywords of code generators.
bool is_annotation(const std::string& keyword);

}  // namespace hearth::engine
