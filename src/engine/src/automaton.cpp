// SPDX-License-Identifier: Apache-2.0
#include "automaton.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "work_limit.hpp"

namespace hearth::engine {
namespace {

constexpr std::uint32_t kDead = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kMaxStatesToMerge = 800;  // the merge below is quadratic in the length of chains

std::unexpected<Error> too_large() {
  return fail(ErrorCode::unsupported, "it needs an automaton of more than " + std::to_string(kMaxAutomatonStates) +
                                          " states; use smaller repetition counts or lengths");
}

void append_edge(std::vector<Dfa::Edge>& edges, Dfa::Edge edge) {
  if (!edges.empty() && edges.back().to == edge.to && edges.back().hi + 1 == edge.lo) {
    edges.back().hi = edge.hi;
  } else {
    edges.push_back(edge);
  }
}

}  // namespace

Dfa Dfa::everything() {
  Dfa dfa;
  dfa.states[0] = State{{Edge{0, kMaxCodePoint, 0}}, true};
  return dfa;
}

Result<Dfa> Dfa::of_length(std::uint64_t min, std::uint64_t max) {
  const bool bounded = max != std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t last = bounded ? max : min;
  if (last >= kMaxAutomatonStates) return too_large();
  Dfa dfa;
  dfa.states.resize(last + 1);
  for (std::uint64_t i = 0; i <= last; ++i) {
    dfa.states[i].accepting = i >= min;
    if (i < last) dfa.states[i].edges = {Edge{0, kMaxCodePoint, static_cast<std::uint32_t>(i + 1)}};
  }
  if (!bounded) dfa.states[last].edges = {Edge{0, kMaxCodePoint, static_cast<std::uint32_t>(last)}};
  return dfa;
}

Result<Dfa> Dfa::of_literals(const std::vector<std::u32string>& texts) {
  std::vector<std::map<char32_t, std::uint32_t>> trie(1);
  std::vector<bool> accepting(1);
  for (const std::u32string& text : texts) {
    std::uint32_t at = 0;
    for (const char32_t c : text) {
      const auto [it, added] = trie[at].try_emplace(c, static_cast<std::uint32_t>(trie.size()));
      at = it->second;
      if (!added) continue;
      trie.emplace_back();
      accepting.push_back(false);
      if (trie.size() > kMaxAutomatonStates) return too_large();
    }
    accepting[at] = true;
  }
  Dfa dfa;
  dfa.states.resize(trie.size());
  for (std::size_t i = 0; i < trie.size(); ++i) {
    dfa.states[i].accepting = accepting[i];
    for (const auto& [c, to] : trie[i]) dfa.states[i].edges.push_back({c, c, to});
  }
  dfa.simplify();
  return dfa;
}

bool Dfa::accepts(std::u32string_view text) const {
  std::uint32_t at = 0;
  for (const char32_t c : text) {
    const auto& edges = states[at].edges;
    const auto it = std::ranges::find_if(edges, [c](const Edge& e) { return e.lo <= c && c <= e.hi; });
    if (it == edges.end()) return false;
    at = it->to;
  }
  return states[at].accepting;
}

bool Dfa::empty() const {
  std::vector<bool> seen(states.size());
  std::vector<std::uint32_t> pending{0};
  seen[0] = true;
  while (!pending.empty()) {
    const State& state = states[pending.back()];
    pending.pop_back();
    if (state.accepting) return false;
    for (const Edge& e : state.edges) {
      if (!seen[e.to]) pending.push_back(e.to);
      seen[e.to] = true;
    }
  }
  return true;
}

/// Peels states that nothing leads to any more, as in a topological sort: what is left over is a cycle.
std::optional<std::uint64_t> Dfa::longest() const {
  std::vector<std::size_t> incoming(states.size());
  for (const State& state : states) {
    for (const Edge& e : state.edges) ++incoming[e.to];
  }
  std::vector<std::uint64_t> length(states.size());
  std::vector<std::uint32_t> pending;
  for (std::uint32_t i = 0; i < states.size(); ++i) {
    if (incoming[i] == 0) pending.push_back(i);
  }
  std::uint64_t out = 0;
  std::size_t peeled = 0;
  for (; !pending.empty(); ++peeled) {
    const std::uint32_t at = pending.back();
    pending.pop_back();
    out = std::max(out, length[at]);
    for (const Edge& e : states[at].edges) {
      length[e.to] = std::max(length[e.to], length[at] + 1);
      if (--incoming[e.to] == 0) pending.push_back(e.to);
    }
  }
  if (peeled < states.size()) return std::nullopt;
  return out;
}

Dfa Dfa::prefixed(char32_t c) const {
  Dfa out;
  out.states[0].edges = {Edge{c, c, 1}};
  for (State state : states) {
    for (Edge& e : state.edges) ++e.to;
    out.states.push_back(std::move(state));
  }
  return out;
}

namespace {

/// Keeps the states marked in `keep` (state 0 always), renumbering by `number`.
void rebuild(Dfa& dfa, const std::vector<std::uint32_t>& number, std::uint32_t count) {
  Dfa out;
  out.states.assign(count, {});
  std::vector<bool> done(count);
  for (std::size_t i = 0; i < dfa.states.size(); ++i) {
    const std::uint32_t n = number[i];
    if (n == kDead || done[n]) continue;
    done[n] = true;
    out.states[n].accepting = dfa.states[i].accepting;
    for (const Dfa::Edge& e : dfa.states[i].edges) {
      if (number[e.to] != kDead) append_edge(out.states[n].edges, {e.lo, e.hi, number[e.to]});
    }
  }
  dfa = std::move(out);
}

/// States from which an accepting one can be reached.
std::vector<bool> productive_states(const Dfa& dfa) {
  std::vector<std::vector<std::uint32_t>> sources(dfa.states.size());
  std::vector<bool> productive(dfa.states.size());
  std::vector<std::uint32_t> pending;
  for (std::uint32_t i = 0; i < dfa.states.size(); ++i) {
    for (const Dfa::Edge& e : dfa.states[i].edges) sources[e.to].push_back(i);
    if (dfa.states[i].accepting) pending.push_back(i);
    productive[i] = dfa.states[i].accepting;
  }
  while (!pending.empty()) {
    const std::uint32_t at = pending.back();
    pending.pop_back();
    for (const std::uint32_t from : sources[at]) {
      if (!productive[from]) pending.push_back(from);
      productive[from] = true;
    }
  }
  return productive;
}

void trim(Dfa& dfa) {
  const std::vector<bool> productive = productive_states(dfa);
  std::vector<std::uint32_t> number(dfa.states.size(), kDead);
  std::vector<std::uint32_t> pending{0};
  number[0] = 0;
  std::uint32_t count = 1;
  while (!pending.empty()) {
    const std::uint32_t at = pending.back();
    pending.pop_back();
    for (const Dfa::Edge& e : dfa.states[at].edges) {
      if (!productive[e.to] || number[e.to] != kDead) continue;
      number[e.to] = count++;
      pending.push_back(e.to);
    }
  }
  rebuild(dfa, number, count);
}

/// Moore's partition refinement: one round splits every class by where its states lead. Gives up, which is no fault,
/// where nothing of the limit is left.
void merge_equal(Dfa& dfa) {
  std::size_t edges = dfa.states.size();
  for (const Dfa::State& state : dfa.states) edges += state.edges.size();
  std::vector<std::uint32_t> group(dfa.states.size());
  for (std::size_t i = 0; i < group.size(); ++i) group[i] = dfa.states[i].accepting != dfa.states[0].accepting;
  std::size_t groups = 0;
  while (true) {
    if (!WorkLimit::spend(edges)) return;
    std::map<std::pair<std::uint32_t, std::vector<std::tuple<char32_t, char32_t, std::uint32_t>>>, std::uint32_t> found;
    std::vector<std::uint32_t> next(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) {
      std::vector<Dfa::Edge> merged;
      for (const Dfa::Edge& e : dfa.states[i].edges) append_edge(merged, {e.lo, e.hi, group[e.to]});
      std::vector<std::tuple<char32_t, char32_t, std::uint32_t>> signature;
      signature.reserve(merged.size());
      for (const Dfa::Edge& e : merged) signature.emplace_back(e.lo, e.hi, e.to);
      const auto key = std::make_pair(group[i], std::move(signature));
      next[i] = found.try_emplace(key, static_cast<std::uint32_t>(found.size())).first->second;
    }
    const bool stable = found.size() == groups;
    groups = found.size();
    group = std::move(next);
    if (stable) break;
  }
  rebuild(dfa, group, static_cast<std::uint32_t>(groups));
}

}  // namespace

void Dfa::simplify() {
  trim(*this);
  if (states.size() <= kMaxStatesToMerge) merge_equal(*this);
}

namespace {

using Pair = std::pair<std::uint32_t, std::uint32_t>;

/// Calls visit(lo, hi, to_a, to_b) for the pieces on which both edge lists are constant; kDead where one has no edge.
template <class Visit>
void walk_pieces(const std::vector<Dfa::Edge>& a, const std::vector<Dfa::Edge>& b, Visit visit) {
  std::size_t i = 0;
  std::size_t j = 0;
  std::uint64_t at = 0;
  while (i < a.size() || j < b.size()) {
    while (i < a.size() && a[i].hi < at) ++i;
    while (j < b.size() && b[j].hi < at) ++j;
    if (i == a.size() && j == b.size()) return;
    const bool in_a = i < a.size() && a[i].lo <= at;
    const bool in_b = j < b.size() && b[j].lo <= at;
    std::uint64_t end = kMaxCodePoint;
    if (i < a.size()) end = std::min<std::uint64_t>(end, in_a ? a[i].hi : a[i].lo - 1);
    if (j < b.size()) end = std::min<std::uint64_t>(end, in_b ? b[j].hi : b[j].lo - 1);
    if (in_a || in_b) {
      visit(static_cast<char32_t>(at), static_cast<char32_t>(end), in_a ? a[i].to : kDead, in_b ? b[j].to : kDead);
    }
    at = end + 1;
  }
}

bool worth_following(SetOperation operation, Pair pair) {
  switch (operation) {
    case SetOperation::intersect: return pair.first != kDead && pair.second != kDead;
    case SetOperation::subtract: return pair.first != kDead;
    case SetOperation::unite: return true;
  }
  return true;
}

}  // namespace

Result<Dfa> combine(const Dfa& a, const Dfa& b, SetOperation operation) {
  static const std::vector<Dfa::Edge> no_edges;
  std::map<Pair, std::uint32_t> number{{{0, 0}, 0}};
  std::vector<Pair> order{{0, 0}};
  Dfa out;
  out.states.clear();
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order.size() > kMaxAutomatonStates) return too_large();
    const Pair at = order[i];
    HEARTH_CHECKED(WorkLimit::spend((at.first == kDead ? 0 : a.states[at.first].edges.size()) +
                                    (at.second == kDead ? 0 : b.states[at.second].edges.size()) + 1));
    const bool yes_a = at.first != kDead && a.states[at.first].accepting;
    const bool yes_b = at.second != kDead && b.states[at.second].accepting;
    Dfa::State state;
    state.accepting = operation == SetOperation::intersect ? yes_a && yes_b
                      : operation == SetOperation::unite   ? yes_a || yes_b
                                                           : yes_a && !yes_b;
    walk_pieces(at.first == kDead ? no_edges : a.states[at.first].edges,
                at.second == kDead ? no_edges : b.states[at.second].edges,
                [&](char32_t lo, char32_t hi, std::uint32_t to_a, std::uint32_t to_b) {
                  const Pair next{to_a, to_b};
                  if (!worth_following(operation, next)) return;
                  const auto [it, added] = number.try_emplace(next, static_cast<std::uint32_t>(order.size()));
                  if (added) order.push_back(next);
                  append_edge(state.edges, {lo, hi, it->second});
                });
    out.states.push_back(std::move(state));
  }
  out.simplify();
  return out;
}

std::uint32_t Nfa::add_state() {
  states_.emplace_back();
  return static_cast<std::uint32_t>(states_.size() - 1);
}

void Nfa::link(std::uint32_t from, std::uint32_t to, Gate gate) { states_[from].jumps.push_back({to, gate}); }

void Nfa::link(std::uint32_t from, std::uint32_t to, const CharSet& set) {
  for (const CodeRange& range : set.ranges()) states_[from].steps.push_back({range, to});
  steps_ += set.ranges().size();
}

void Nfa::close(Subset& subset, bool at_begin, bool at_end) const {
  std::vector<bool> seen(states_.size());
  for (const std::uint32_t s : subset) seen[s] = true;
  for (std::size_t i = 0; i < subset.size(); ++i) {
    for (const Jump& jump : states_[subset[i]].jumps) {
      const bool open = jump.gate == Gate::free || (jump.gate == Gate::begin ? at_begin : at_end);
      if (!open || seen[jump.to]) continue;
      seen[jump.to] = true;
      subset.push_back(jump.to);
    }
  }
  std::ranges::sort(subset);
}

bool Nfa::accepts_here(Subset subset, bool at_begin, std::uint32_t out) const {
  close(subset, at_begin, /*at_end=*/true);
  return std::ranges::binary_search(subset, out);
}

/// A sweep over the ends of all ranges; between two of them the same ranges are open.
Result<std::vector<Nfa::Piece>> Nfa::pieces(const Subset& subset) const {
  struct End {
    std::uint64_t at;
    std::uint32_t to;
    bool opens;
  };
  std::vector<End> ends;
  for (const std::uint32_t s : subset) {
    for (const Step& step : states_[s].steps) {
      ends.push_back({step.range.lo, step.to, true});
      ends.push_back({static_cast<std::uint64_t>(step.range.hi) + 1, step.to, false});
    }
  }
  std::ranges::sort(ends, {}, &End::at);
  std::vector<Piece> out;
  std::map<std::uint32_t, std::size_t> open;  // how many ranges lead to a state
  for (std::size_t i = 0; i < ends.size();) {
    const std::uint64_t at = ends[i].at;
    for (; i < ends.size() && ends[i].at == at; ++i) {
      if (ends[i].opens) {
        ++open[ends[i].to];
      } else if (--open[ends[i].to] == 0) {
        open.erase(ends[i].to);
      }
    }
    if (open.empty()) continue;
    HEARTH_CHECKED(WorkLimit::spend(open.size()));
    Subset to;
    for (const auto& [state, count] : open) to.push_back(state);
    out.push_back({at, ends[i].at, std::move(to)});
  }
  return out;
}

Result<Dfa> Nfa::determinise(Fragment whole) const {
  // The start differs from the same subset met later: only there are `begin` edges open. It is kept out of the map.
  Subset start{whole.in};
  close(start, /*at_begin=*/true, /*at_end=*/false);
  std::map<Subset, std::uint32_t> number;  // by what is reached, before and after the closure
  std::vector<Subset> order{start};
  Dfa out;
  out.states.clear();
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order.size() > kMaxAutomatonStates) return too_large();
    std::size_t steps = 0;
    for (const std::uint32_t s : order[i]) steps += states_[s].steps.size();
    HEARTH_CHECKED(WorkLimit::spend(2 * steps + order[i].size() + states_.size() / 64));
    Dfa::State state;
    state.accepting = accepts_here(order[i], i == 0, whole.out);
    HEARTH_TRY(auto read, pieces(order[i]));
    for (Piece& piece : read) {
      auto known = number.find(piece.to);
      if (known == number.end()) {
        HEARTH_CHECKED(WorkLimit::spend(1 + states_.size() / 64));
        Subset next = piece.to;
        close(next, /*at_begin=*/false, /*at_end=*/false);
        const auto [it, added] = number.try_emplace(next, static_cast<std::uint32_t>(order.size()));
        if (added) order.push_back(std::move(next));
        known = number.emplace(std::move(piece.to), it->second).first;
      }
      append_edge(state.edges, {static_cast<char32_t>(piece.lo), static_cast<char32_t>(piece.end - 1), known->second});
    }
    out.states.push_back(std::move(state));
  }
  out.simplify();
  return out;
}

CharSet::CharSet(std::initializer_list<CodeRange> ranges) : CharSet{of(ranges)} {}

CharSet CharSet::of(std::vector<CodeRange> ranges) {
  std::ranges::sort(ranges, {}, &CodeRange::lo);
  CharSet out;
  for (const CodeRange& r : ranges) {
    if (!out.ranges_.empty() && r.lo <= static_cast<std::uint64_t>(out.ranges_.back().hi) + 1) {
      out.ranges_.back().hi = std::max(out.ranges_.back().hi, r.hi);
    } else {
      out.ranges_.push_back(r);
    }
  }
  return out;
}

void CharSet::add(char32_t lo, char32_t hi) {
  const auto touches_before = [](const CodeRange& r, std::uint64_t at) { return std::uint64_t{r.hi} + 1 < at; };
  const auto first = std::lower_bound(ranges_.begin(), ranges_.end(), std::uint64_t{lo}, touches_before);
  auto last = first;
  CodeRange whole{lo, hi};
  for (; last != ranges_.end() && last->lo <= std::uint64_t{hi} + 1; ++last) {
    whole = {std::min(whole.lo, last->lo), std::max(whole.hi, last->hi)};
  }
  if (first == last) {
    ranges_.insert(first, whole);
  } else {
    *first = whole;
    ranges_.erase(first + 1, last);
  }
}

void CharSet::add(const CharSet& other) {
  for (const CodeRange& r : other.ranges_) add(r.lo, r.hi);
}

CharSet CharSet::complement() const {
  CharSet out;
  std::uint64_t at = 0;
  for (const CodeRange& r : ranges_) {
    if (r.lo > at) out.ranges_.push_back({static_cast<char32_t>(at), r.lo - 1});
    at = static_cast<std::uint64_t>(r.hi) + 1;
  }
  if (at <= kMaxCodePoint) out.ranges_.push_back({static_cast<char32_t>(at), kMaxCodePoint});
  return out;
}

CharSet CharSet::intersect(const CharSet& other) const {
  CharSet out;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    if (a->lo <= b->hi && b->lo <= a->hi) out.ranges_.push_back({std::max(a->lo, b->lo), std::min(a->hi, b->hi)});
    ++(a->hi < b->hi ? a : b);
  }
  return out;
}

bool CharSet::contains(char32_t c) const { return contains_all(c, c); }

bool CharSet::contains_all(char32_t lo, char32_t hi) const {
  const auto it = std::ranges::lower_bound(ranges_, lo, {}, &CodeRange::hi);
  return it != ranges_.end() && it->lo <= lo && hi <= it->hi;
}

}  // namespace hearth::engine
