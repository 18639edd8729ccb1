// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/constraint.hpp"

#include <fmt/format.h>

#include "constraint_rules.hpp"
#include "constraint_text.hpp"
#include "regex_grammar.hpp"
#include "schema_grammar.hpp"
#include "work_limit.hpp"

namespace hearth::engine {
namespace {

Result<std::string> from_language(const Dfa& dfa) {
  std::size_t edges = 0;
  for (const Dfa::State& state : dfa.states) edges += state.edges.size();
  HEARTH_CHECKED(WorkLimit::spend(edges));
  RuleSet rules;
  const RuleSet::RuleId root = rules.language(dfa, RuleSet::Encoding::plain, {});
  return rules.finish(root);
}

Result<std::string> from_choices(const std::vector<std::string>& choices) {
  if (choices.empty()) return fail(ErrorCode::invalid_request, "the list of choices is empty; give at least one");
  if (choices.size() > kMaxChoices) {
    return fail(ErrorCode::payload_too_large, fmt::format("more than {} choices", kMaxChoices));
  }
  std::vector<std::u32string> texts;
  for (const std::string& choice : choices) {
    auto text = to_code_points(choice);
    if (!text) return fail(ErrorCode::invalid_request, "a choice is not valid UTF-8");
    if (text->empty())
      return fail(ErrorCode::invalid_request, "a choice is the empty text; give each at least one character");
    if (text->contains(U'\0')) return fail(ErrorCode::invalid_request, "a choice contains a NUL character");
    texts.push_back(*std::move(text));
  }
  HEARTH_TRY(const Dfa dfa, Dfa::of_literals(texts));
  return from_language(dfa);
}

}  // namespace

Result<std::string> to_gbnf(const inference::Constraint& constraint) {
  using Kind = inference::Constraint::Kind;
  const WorkLimit limit;
  switch (constraint.kind) {
    case Kind::none: break;
    case Kind::json_object: return schema_to_gbnf(R"({"type": "object"})");
    case Kind::json_schema: return schema_to_gbnf(constraint.text);
    case Kind::choice: return from_choices(constraint.choices);
    case Kind::regex: {
      HEARTH_TRY(const Dfa dfa, regex_to_dfa(constraint.text, RegexMatch::whole));
      return from_language(dfa);
    }
    case Kind::gbnf: {
      HEARTH_CHECKED(check_gbnf(constraint.text));
      return constraint.text;
    }
  }
  return fail(ErrorCode::internal, "there is no constraint to convert");
}

}  // namespace hearth::engine
