// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "constraint_rules.hpp"
#include "hearth/engine/constraint.hpp"

namespace hearth::engine {
namespace {

std::string name_of(RuleSet::RuleId id, RuleSet::RuleId root) {
  return id == root ? std::string{"root"} : fmt::format("r{}", id);
}

}  // namespace

/// Removes alternatives that can never be completed: a model led into one could not get out.
void RuleSet::drop_unproductive() {
  std::vector<bool> productive(rules_.size());
  const auto complete = [&](const Sequence& sequence) {
    return std::ranges::all_of(sequence, [&](const Symbol& s) { return !s.terminal.empty() || productive[s.rule]; });
  };
  std::vector<std::vector<RuleId>> users(rules_.size());
  std::vector<RuleId> todo;
  for (RuleId id = 0; id < rules_.size(); ++id) {
    todo.push_back(id);
    for (const Sequence& sequence : rules_[id]) {
      for (const Symbol& s : sequence) {
        if (s.terminal.empty()) users[s.rule].push_back(id);
      }
    }
  }
  while (!todo.empty()) {
    const RuleId id = todo.back();
    todo.pop_back();
    if (productive[id] || !std::ranges::any_of(rules_[id], complete)) continue;
    productive[id] = true;
    todo.insert(todo.end(), users[id].begin(), users[id].end());
  }
  for (Alternatives& alternatives : rules_) {
    std::erase_if(alternatives, [&](const Sequence& sequence) { return !complete(sequence); });
  }
}

/// A ::= B | x and B ::= A | y are left-recursive though harmless: each rule of such a cycle gets the other
/// alternatives of all of them.
void RuleSet::break_unit_cycles() {
  const auto is_unit = [](const Sequence& s) { return s.size() == 1 && s[0].terminal.empty(); };
  const std::vector<Alternatives> before = rules_;
  for (RuleId id = 0; id < before.size(); ++id) {
    std::vector<RuleId> chain{id};
    bool cyclic = false;
    for (std::size_t i = 0; i < chain.size(); ++i) {
      for (const Sequence& s : before[chain[i]]) {
        if (!is_unit(s)) continue;
        cyclic = cyclic || s[0].rule == id;
        if (std::ranges::find(chain, s[0].rule) == chain.end()) chain.push_back(s[0].rule);
      }
      if (chain.size() > kMaxUnitChain) break;
    }
    if (!cyclic) continue;
    rules_[id].clear();
    for (const RuleId member : chain) {
      for (const Sequence& s : before[member]) {
        if (!is_unit(s)) rules_[id].push_back(s);
      }
    }
  }
}

std::vector<bool> RuleSet::reachable(RuleId root) const {
  std::vector<bool> seen(rules_.size());
  std::vector<RuleId> todo{root};
  seen[root] = true;
  while (!todo.empty()) {
    const RuleId id = todo.back();
    todo.pop_back();
    for (const Sequence& sequence : rules_[id]) {
      for (const Symbol& s : sequence) {
        if (!s.terminal.empty() || seen[s.rule]) continue;
        seen[s.rule] = true;
        todo.push_back(s.rule);
      }
    }
  }
  return seen;
}

Result<std::string> RuleSet::finish(RuleId root) {
  drop_unproductive();
  break_unit_cycles();
  drop_unproductive();
  if (rules_[root].empty()) {
    return fail(ErrorCode::invalid_request, "no finite output can satisfy the constraint; check for contradictions");
  }
  const std::vector<bool> used = reachable(root);
  if (static_cast<std::size_t>(std::ranges::count(used, true)) > kMaxGrammarRules) {
    return fail(ErrorCode::unsupported,
                fmt::format("the constraint needs more than {} grammar rules; simplify it", kMaxGrammarRules));
  }
  std::string out;
  for (RuleId id = 0; id < rules_.size(); ++id) {
    if (!used[id]) continue;
    out += name_of(id, root) + " ::=";
    for (std::size_t i = 0; i < rules_[id].size(); ++i) {
      if (i > 0) out += " |";
      if (rules_[id][i].empty()) out += " \"\"";
      for (const Symbol& s : rules_[id][i]) out += ' ' + (s.terminal.empty() ? name_of(s.rule, root) : s.terminal);
    }
    out += '\n';
    if (out.size() > kMaxGrammarBytes) {
      return fail(ErrorCode::unsupported,
                  fmt::format("the constraint needs a grammar of more than {} bytes; simplify it", kMaxGrammarBytes));
    }
  }
  return out;
}

}  // namespace hearth::engine
