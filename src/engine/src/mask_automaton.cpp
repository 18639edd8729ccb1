// SPDX-License-Identifier: Apache-2.0
#include "mask_automaton.hpp"

#include <algorithm>

#include "hearth/base/checksum.hpp"

namespace hearth::engine {
namespace {

using Kind = MaskGrammar::Position::Kind;

std::uint64_t pair_of(std::uint32_t a, std::uint32_t b) { return (std::uint64_t{a} << 32U) | b; }

/// The code points that begin with these bits, without overlong forms and surrogates.
struct Range {
  char32_t lo;
  char32_t hi;
};
bool intersects(const CharSet& chars, Range range) {
  const auto& ranges = chars.ranges();
  const auto it = std::ranges::lower_bound(ranges, range.lo, {}, &CodeRange::hi);
  return it != ranges.end() && it->lo <= range.hi;
}
bool intersects_valid(const CharSet& chars, Range range) {
  constexpr char32_t kBelowThem = 0xD7FF;  // the surrogates
  constexpr char32_t kBehindThem = 0xE000;
  const Range below{range.lo, std::min(range.hi, kBelowThem)};
  const Range above{std::max(range.lo, kBehindThem), std::min(range.hi, kMaxCodePoint)};
  return (below.lo <= below.hi && intersects(chars, below)) || (above.lo <= above.hi && intersects(chars, above));
}
char32_t shortest(std::uint8_t length) { return length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000; }

}  // namespace

MaskAutomaton::MaskAutomaton(const MaskGrammar& grammar) : grammar_{grammar} {
  states_.emplace_back();  // kDead
  for (const std::uint32_t first : grammar_.starts[grammar_.root]) close(first, kEmpty);
  start_ = intern({.stacks = closed_});
}

MaskAutomaton::StackId MaskAutomaton::push(std::uint32_t position, StackId below) {
  const auto [it, fresh] = known_entries_.try_emplace(pair_of(position, below), entries_.size());
  if (fresh) entries_.push_back({position, below});
  return it->second;
}

/// Enters rules and leaves them until every stack has a set on top; adds those to `closed_`.
void MaskAutomaton::close(std::uint32_t position, StackId below) {
  todo_.push_back({position, below});
  while (!todo_.empty()) {
    if (entries_.size() > kMaxStacks || seen_.size() + closed_.size() > kMaxStacksAState) {
      full_ = true;
      return todo_.clear();
    }
    const Entry at = todo_.back();
    todo_.pop_back();
    const MaskGrammar::Position here = grammar_.positions[at.position];
    if (here.kind == Kind::set) {
      closed_.push_back(push(at.position, at.below));
      continue;
    }
    if (!seen_.insert(pair_of(at.position, at.below)).second) continue;
    if (here.kind == Kind::end) {
      if (at.below == kEmpty) {
        closed_.push_back(kEmpty);
      } else {
        todo_.push_back(entries_[at.below]);
      }
      continue;
    }
    const bool last = grammar_.positions[at.position + 1].kind == Kind::end;
    const StackId back = last ? at.below : push(at.position + 1, at.below);
    for (const std::uint32_t first : grammar_.starts[here.index]) todo_.push_back({first, back});
  }
}

const std::vector<MaskAutomaton::StackId>& MaskAutomaton::stacks_of(StateId from) {
  looks_ += states_[from].stacks.size();
  if (looks_ > kMaxLooks) full_ = true;
  return states_[from].stacks;
}

std::bitset<256> MaskAutomaton::first_bytes(const State& state) const {
  std::bitset<256> out;
  if (state.missing > 0) {
    for (unsigned byte = 0x80; byte < 0xC0; ++byte) out[byte] = true;
    return out;
  }
  for (const StackId stack : state.stacks) {
    if (stack != kEmpty) out |= grammar_.sets[grammar_.positions[entries_[stack].position].index].first;
  }
  return out;
}

MaskAutomaton::StateId MaskAutomaton::intern(State state) {
  closed_.clear();
  seen_.clear();
  if (full_) return kDead;
  std::ranges::sort(state.stacks);
  state.stacks.erase(std::unique(state.stacks.begin(), state.stacks.end()), state.stacks.end());
  if (state.stacks.empty()) return kDead;
  state.accepting = state.missing == 0 && state.stacks.front() == kEmpty;
  std::uint64_t hash = mixed(pair_of(state.partial, state.missing + (state.any ? 8U : 0U)));
  for (const StackId stack : state.stacks) hash = mixed(hash ^ stack);
  auto& same = known_states_[hash];
  for (const StateId id : same) {
    const State& known = states_[id];
    if (known.stacks == state.stacks && known.partial == state.partial && known.missing == state.missing &&
        known.any == state.any) {
      return id;
    }
  }
  held_ += state.stacks.size();
  if (states_.size() >= kMaxStates || held_ > kMaxHeld) {
    full_ = true;
    return kDead;
  }
  state.first = first_bytes(state);
  same.push_back(static_cast<StateId>(states_.size()));
  states_.push_back(std::move(state));
  return same.back();
}

MaskAutomaton::StateId MaskAutomaton::adopt(const MaskAutomaton& other, StateId state) {
  const State& theirs = other.states_[state];
  State ours{
      .stacks = {}, .partial = theirs.partial, .missing = theirs.missing, .length = theirs.length, .any = theirs.any};
  for (StackId stack : theirs.stacks) {
    std::vector<std::uint32_t> positions;
    for (; stack != kEmpty; stack = other.entries_[stack].below) positions.push_back(other.entries_[stack].position);
    StackId copy = kEmpty;
    for (; !positions.empty(); positions.pop_back()) copy = push(positions.back(), copy);
    ours.stacks.push_back(copy);
  }
  return intern(std::move(ours));
}

template <class Takes>
MaskAutomaton::StateId MaskAutomaton::over(StateId from, Takes takes) {
  // By index: interning may move the states, closing does not add any.
  for (const StackId stack : stacks_of(from)) {
    if (stack == kEmpty) continue;
    const Entry top = entries_[stack];
    if (takes(grammar_.sets[grammar_.positions[top.position].index])) close(top.position + 1, top.below);
  }
  return intern({.stacks = closed_});
}

MaskAutomaton::StateId MaskAutomaton::partly(StateId from, std::uint32_t partial, std::uint8_t missing,
                                             std::uint8_t length) {
  const unsigned bits = 6U * missing;
  const Range range{std::max<char32_t>(partial << bits, shortest(length)), ((partial + 1) << bits) - 1};
  State state{.stacks = {}, .partial = partial, .missing = missing, .length = length};
  if (range.lo > range.hi) return kDead;
  // Thousands of characters begin in like ways; where none of them matters for itself, they share their states.
  const bool valid = range.hi <= kMaxCodePoint && (range.hi < 0xD800 || range.lo >= 0xE000) &&
                     range.lo == static_cast<char32_t>(partial << bits);
  state.any = valid;
  for (const StackId stack : stacks_of(from)) {
    if (stack == kEmpty) continue;
    const auto& set = grammar_.sets[grammar_.positions[entries_[stack].position].index];
    if (!intersects_valid(set.chars, range)) continue;
    state.stacks.push_back(stack);
    state.any = state.any && set.chars.contains_all(range.lo, range.hi);
  }
  if (state.any) state.partial = state.length = 0;
  return intern(std::move(state));
}

MaskAutomaton::StateId MaskAutomaton::begin_character(StateId from, unsigned char byte) {
  if (byte < 0x80) return over(from, [byte](const MaskGrammar::Set& set) { return set.first[byte]; });
  if (byte >= 0xC2 && byte < 0xE0) return partly(from, byte & 0x1FU, 1, 2);
  if (byte >= 0xE0 && byte < 0xF0) return partly(from, byte & 0x0FU, 2, 3);
  if (byte >= 0xF0 && byte < 0xF5) return partly(from, byte & 0x07U, 3, 4);
  return kDead;
}

MaskAutomaton::StateId MaskAutomaton::go_on_with_character(StateId from, unsigned char byte) {
  if ((byte & 0xC0U) != 0x80) return kDead;
  if (states_[from].any) return go_on_with_any(from);
  const std::uint32_t partial = (states_[from].partial << 6U) | (byte & 0x3FU);
  const std::uint8_t length = states_[from].length;
  if (states_[from].missing > 1) {
    return partly(from, partial, static_cast<std::uint8_t>(states_[from].missing - 1), length);
  }
  if (partial < shortest(length) || partial > kMaxCodePoint || (partial >= 0xD800 && partial < 0xE000)) return kDead;
  return over(from, [partial](const MaskGrammar::Set& set) { return set.chars.contains(partial); });
}

MaskAutomaton::StateId MaskAutomaton::go_on_with_any(StateId from) {
  if (states_[from].missing == 1) return over(from, [](const MaskGrammar::Set&) { return true; });
  return intern(
      {.stacks = states_[from].stacks, .missing = static_cast<std::uint8_t>(states_[from].missing - 1), .any = true});
}

MaskAutomaton::StateId MaskAutomaton::step(StateId from, unsigned char byte) {
  return states_[from].missing == 0 ? begin_character(from, byte) : go_on_with_character(from, byte);
}

MaskAutomaton::StateId MaskAutomaton::compute_next(StateId from, unsigned char byte) {
  if (from == kDead || full_) return kDead;
  const StateId to = step(from, byte);
  if (full_) return kDead;
  auto& edges = states_[from].edges;
  if (!edges) {
    edges = std::make_unique<std::array<StateId, 256>>();
    edges->fill(kUnknown);
  }
  return (*edges)[byte] = to;
}

std::optional<MaskAutomaton::StateId> MaskAutomaton::next_plain(StateId state) {
  if (states_[state].plain_known) return states_[state].plain;
  std::optional<StateId> to;
  const auto set_of = [&](StackId stack) -> const MaskGrammar::Set& {
    return grammar_.sets[grammar_.positions[entries_[stack].position].index];
  };
  const std::vector<StackId>& stacks = states_[state].stacks;
  const bool decided = std::ranges::all_of(
      stacks, [&](StackId stack) { return stack == kEmpty || set_of(stack).all_plain || set_of(stack).no_plain; });
  if (states_[state].any) {
    StateId end = state;
    while (end != kDead && states_[end].missing > 0) end = go_on_with_any(end);
    to = end;
  } else if (decided && states_[state].missing == 0 && !full_) {
    to = over(state, [](const MaskGrammar::Set& set) { return set.all_plain; });
  }
  if (!full_) {
    states_[state].plain_known = true;
    states_[state].plain = to;
  }
  return to;
}

std::size_t MaskAutomaton::plain_ahead(StateId state, std::size_t most) {
  for (std::size_t length = 0; length < most; ++length) {
    const auto next = next_plain(state);
    if (!next || *next == kDead) return length;
    if (*next == state) return most;
    state = *next;
  }
  return most;
}

}  // namespace hearth::engine
