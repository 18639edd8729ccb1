// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "hearth/engine/constraint.hpp"
#include "schema_grammar.hpp"

namespace hearth::engine {

/// A listing as a state machine with one rule a state. In order, a state is the next member; in any order, the set of
/// those written. Skipping optional members goes through `direct` rules, so that the grammar grows with the members and
/// not with their square, and so that an extra has one derivation only.
class SchemaGrammar::ListingWriter {
 public:
  ListingWriter(RuleSet& rules, const Listing& listing)
      : rules_{rules},
        listing_{listing},
        any_order_{listing.members.size() <= kMaxAnyOrderProperties},
        counts_total_{listing.count.max < listing.members.size() ||
                      (!listing.extras.empty() && listing.count.max != Shape::kUnbounded)} {}

  RuleId write() {
    const RuleId start = rule_of({});
    while (!pending_.empty()) {
      const ListingState state = pending_.back();
      pending_.pop_back();
      if (state.direct) {
        fill_direct(state, ids_.at(state));
      } else {
        fill(state, ids_.at(state));
      }
    }
    return start;
  }

 private:
  RuleId rule_of(const ListingState& state) {
    const auto [it, added] = ids_.try_emplace(state, 0);
    if (added) {
      it->second = rules_.add();
      pending_.push_back(state);
    }
    return it->second;
  }

  [[nodiscard]] bool full(const ListingState& s) const { return counts_total_ && s.total >= listing_.count.max; }

  void append(RuleId id, const ListingState& from, const Sequence& text, ListingState to) {
    Sequence out;
    if (!from.first) out = {RuleSet::literal(","), RuleSet::ref(rules_.space())};
    out.insert(out.end(), text.begin(), text.end());
    to.first = false;
    to.direct = false;
    out.push_back(RuleSet::ref(rule_of(to)));
    rules_.alternative(id, std::move(out));
  }

  [[nodiscard]] ListingState counted(ListingState s, bool distinct) const {
    if (distinct) s.distinct = std::min(s.distinct + 1, listing_.count.min);
    if (counts_total_) ++s.total;
    return s;
  }

  void add_member(RuleId id, const ListingState& state, std::size_t member) {
    ListingState to = counted(state, /*distinct=*/true);
    to.done = any_order_ ? state.done | (1ULL << member) : member + 1;
    append(id, state, listing_.members[member].text, to);
  }

  [[nodiscard]] bool may_close(const ListingState& state) const {
    if (state.distinct < listing_.count.min) return false;
    for (std::size_t i = 0; i < listing_.members.size(); ++i) {
      const bool written_or_passed = any_order_ ? (state.done >> i & 1U) != 0 : i < state.done;
      if (listing_.members[i].required && !written_or_passed) return false;
    }
    return true;
  }

  void fill(const ListingState& state, RuleId id) {
    if (!full(state)) {
      if (any_order_) {
        for (std::size_t i = 0; i < listing_.members.size(); ++i) {
          if ((state.done >> i & 1U) == 0) add_member(id, state, i);
        }
      } else if (state.done < listing_.members.size()) {
        ListingState direct = state;
        direct.direct = true;
        rules_.alternative(id, {RuleSet::ref(rule_of(direct))});
      }
      for (const Sequence& extra : listing_.extras) {
        // A key may be repeated, so all extras together count as one where a least number is asked for.
        ListingState to = counted(state, /*distinct=*/!state.extra);
        to.extra = listing_.count.min > 0;
        append(id, state, extra, to);
      }
    }
    if (!may_close(state)) return;
    Sequence close;
    if (!state.first) close.push_back(RuleSet::ref(rules_.space()));
    close.push_back(RuleSet::literal(listing_.close));
    rules_.alternative(id, std::move(close));
  }

  void fill_direct(const ListingState& state, RuleId id) {
    add_member(id, state, state.done);
    if (listing_.members[state.done].required || state.done + 1 >= listing_.members.size()) return;
    ListingState next = state;
    ++next.done;
    rules_.alternative(id, {RuleSet::ref(rule_of(next))});
  }

  RuleSet& rules_;
  const Listing& listing_;
  bool any_order_;
  bool counts_total_;
  std::map<ListingState, RuleId> ids_;
  std::vector<ListingState> pending_;
};

SchemaGrammar::RuleId SchemaGrammar::listing(const Listing& listing) { return ListingWriter{rules_, listing}.write(); }

}  // namespace hearth::engine
