// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "constraint_gbnf.hpp"
#include "constraint_text.hpp"
#include "hearth/engine/constraint.hpp"
#include "work_limit.hpp"

namespace hearth::engine {
namespace {

using Element = Gbnf::Element;

/// Rules of which some alternative holds: all its rules do, and so does `good` of what is no rule. The least fixpoint,
/// in linear time (Dowling and Gallier).
template <class Good>
std::vector<bool> fixpoint(const Gbnf& grammar, Good good) {
  struct Open {
    std::uint32_t rule;
    std::size_t missing;  // rules that are not known to hold
  };
  std::vector<Open> open;
  std::vector<std::vector<std::size_t>> users(grammar.rules.size());  // of a rule: alternatives, by place in `open`
  std::vector<std::uint32_t> todo;
  for (std::uint32_t id = 0; id < grammar.rules.size(); ++id) {
    for (const auto& alternative : grammar.rules[id].alternatives) {
      const auto is_rule = [](const Element& e) { return e.kind == Element::Kind::rule; };
      if (!std::ranges::all_of(alternative, [&](const Element& e) { return is_rule(e) || good(e); })) continue;
      for (const Element& e : alternative) {
        if (is_rule(e)) users[e.index].push_back(open.size());
      }
      open.push_back({id, static_cast<std::size_t>(std::ranges::count_if(alternative, is_rule))});
      if (open.back().missing == 0) todo.push_back(id);
    }
  }
  std::vector<bool> known(grammar.rules.size());
  while (!todo.empty()) {
    const std::uint32_t id = todo.back();
    todo.pop_back();
    if (known[id]) continue;
    known[id] = true;
    for (const std::size_t user : users[id]) {
      if (--open[user].missing == 0) todo.push_back(open[user].rule);
    }
  }
  return known;
}

std::vector<bool> nullable_rules(const Gbnf& grammar) {
  return fixpoint(grammar, [](const Element&) { return false; });
}

std::vector<bool> productive_rules(const Gbnf& grammar) {
  return fixpoint(grammar,
                  [&](const Element& e) { return e.kind == Element::Kind::token || !grammar.sets[e.index].empty(); });
}

/// What the sampler does before it reads a character: it enters rules until every path stands before one. Recursion
/// there never ends, and llama.cpp's own test for it misses rules that are empty only through others.
class Leftmost {
 public:
  explicit Leftmost(const Gbnf& grammar)
      : grammar_{grammar}, nullable_{nullable_rules(grammar)}, memo_(grammar.rules.size()) {}

  Result<> check() {
    for (std::uint32_t id = 0; id < grammar_.rules.size(); ++id) HEARTH_CHECKED(visit(id, 0));
    return {};
  }

 private:
  struct Memo {
    enum class State : std::uint8_t { fresh, open, done } state = State::fresh;
    std::size_t paths = 0;
    std::size_t depth = 0;
  };

  Result<> visit(std::uint32_t id, std::size_t depth) {
    Memo& memo = memo_[id];
    if (memo.state == Memo::State::done) return {};
    if (memo.state == Memo::State::open)
      return refuse("is left-recursive", id, "a rule must read a character before it enters itself again");
    if (depth > kMaxLeftmostDepth)
      return refuse("nests too deeply", id, "shorten the chain of rules that begin with rules");
    memo.state = Memo::State::open;
    std::size_t paths = 0;
    std::size_t below = 0;
    for (const auto& alternative : grammar_.rules[id].alternatives) {
      bool open = true;
      for (const Element& e : alternative) {
        if (e.kind != Element::Kind::rule) {
          ++paths;
          open = false;
          break;
        }
        HEARTH_CHECKED(visit(e.index, depth + 1));
        paths += memo_[e.index].paths;
        below = std::max(below, memo_[e.index].depth + 1);
        if (!nullable_[e.index]) {
          open = false;
          break;
        }
      }
      paths += open ? 1 : 0;
      if (paths > kMaxLeftmostPaths)
        return refuse("is too ambiguous", id, "let fewer alternatives begin with the same rules");
    }
    if (below > kMaxLeftmostDepth)
      return refuse("nests too deeply", id, "shorten the chain of rules that begin with rules");
    memo = {Memo::State::done, paths, below};
    return {};
  }

  [[nodiscard]] std::unexpected<Error> refuse(std::string_view what, std::uint32_t id, std::string_view advice) const {
    const std::string& name = grammar_.rules[id].name;
    return fail(ErrorCode::invalid_request,
                fmt::format("the grammar {} at the rule '{}': {}", what, name.empty() ? "(group)" : name, advice));
  }

  const Gbnf& grammar_;
  std::vector<bool> nullable_;
  std::vector<Memo> memo_;
};

}  // namespace

Result<> check_gbnf(std::string_view gbnf) {
  HEARTH_TRY(const Gbnf grammar, parse_gbnf(gbnf));
  if (!productive_rules(grammar)[grammar.root]) {
    return fail(ErrorCode::invalid_request,
                "no finite text matches the grammar's root; give its recursion a way to end");
  }
  return Leftmost{grammar}.check();
}

namespace {

/// Characters that every text of a rule contains; nothing = "all of them" (not known to produce anything yet).
using Needed = std::optional<std::vector<char32_t>>;

Needed unite(const Needed& a, const Needed& b) {
  if (!a || !b) return std::nullopt;
  std::vector<char32_t> out;
  std::ranges::set_union(*a, *b, std::back_inserter(out));
  return out;
}

Needed meet(const Needed& a, const Needed& b) {
  if (!a) return b;
  if (!b) return a;
  std::vector<char32_t> out;
  std::ranges::set_intersection(*a, *b, std::back_inserter(out));
  return out;
}

/// Only characters of `interesting` are followed, which keeps the sets small.
Result<std::vector<Needed>> needed_characters(const Gbnf& grammar, const std::vector<char32_t>& interesting) {
  std::vector<Needed> needed(grammar.rules.size());
  std::size_t size = grammar.rules.size();
  for (const auto& rule : grammar.rules) {
    for (const auto& alternative : rule.alternatives) size += alternative.size();
  }
  for (bool changed = true; changed;) {
    HEARTH_CHECKED(WorkLimit::spend(size));
    changed = false;
    for (std::size_t id = grammar.rules.size(); id-- > 0;) {
      Needed all;
      for (const auto& alternative : grammar.rules[id].alternatives) {
        Needed one = std::vector<char32_t>{};
        for (const Element& e : alternative) {
          if (e.kind == Element::Kind::rule) {
            one = unite(one, needed[e.index]);
          } else if (e.kind == Element::Kind::chars) {
            const auto& ranges = grammar.sets[e.index].ranges();
            const bool single = ranges.size() == 1 && ranges[0].lo == ranges[0].hi;
            if (single && std::ranges::binary_search(interesting, ranges[0].lo)) {
              one = unite(one, std::vector<char32_t>{ranges[0].lo});
            }
          }
          if (!one) break;
        }
        all = meet(all, one);
      }
      if (all != needed[id]) {
        needed[id] = std::move(all);
        changed = true;
      }
    }
  }
  return needed;
}

}  // namespace

Result<> check_vocabulary(std::string_view gbnf, const std::function<bool(std::string_view)>& can_spell) {
  const WorkLimit limit;
  HEARTH_TRY(const Gbnf grammar, parse_gbnf(gbnf));
  std::vector<char32_t> singles;
  for (const CharSet& set : grammar.sets) {
    if (set.ranges().size() == 1 && set.ranges()[0].lo == set.ranges()[0].hi) singles.push_back(set.ranges()[0].lo);
  }
  std::ranges::sort(singles);
  singles.erase(std::unique(singles.begin(), singles.end()), singles.end());
  std::erase_if(singles, [&](char32_t c) { return can_spell(to_utf8(c)); });
  if (singles.empty()) return {};
  HEARTH_TRY(const auto needed, needed_characters(grammar, singles));
  const Needed& missing = needed[grammar.root];
  if (!missing || missing->empty()) return {};
  std::string names;
  for (const char32_t c : *missing) names += fmt::format("{}'{}'", names.empty() ? "" : ", ", to_utf8(c));
  return fail(
      ErrorCode::unsupported,
      fmt::format("the output must contain {}, which this model's vocabulary cannot write; use another model or "
                  "another constraint",
                  names));
}

}  // namespace hearth::engine
