// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <utility>

#include "hearth/base/clock.hpp"

namespace hearth::engine {

/// Who is next: the highest priority first; among equals the principal that has been served the fewest tokens so far
/// (virtual token counters, Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024); within a principal
/// what must begin now to meet its deadline, the most pressing first, then the item that gains most from what is there
/// already (SGLang's longest-prefix match), and first come, first served among equals: but nobody is overtaken more
/// than kMostOvertaken times. A principal that was idle starts at the
/// smallest active counter, so that idling saves up nothing. What was preempted goes back to the very front. The caller
/// bounds the number of items. Pure.
template <class T>
class FairQueue {
 public:
  /// `latest`: the last moment at which it can begin and still be in time.
  void push(std::string principal, std::int32_t priority, T item, Deadline latest = {}) {
    const std::int64_t& served = lift(principal);
    waiting_.push_back({std::move(principal), &served, priority, std::move(item), latest});
  }
  void push_front(std::string principal, T item) {
    preempted_.push_back({std::move(principal), nullptr, 0, std::move(item), {}});
  }

  bool empty() const noexcept { return waiting_.empty() && preempted_.empty(); }
  std::size_t size() const noexcept { return waiting_.size() + preempted_.size(); }

  struct Entry;
  using Place = typename std::list<Entry>::iterator;

  /// Where the next item stands. Not when empty. `gain(item)`: a number, asked of kLookAhead items at most.
  template <class Gain>
  Place next(Clock::time_point now, Gain gain) {
    if (!preempted_.empty()) return preempted_.begin();
    auto first = waiting_.begin();
    for (auto it = std::next(first); it != waiting_.end(); ++it) {
      if (it->priority != first->priority ? it->priority > first->priority : *it->served < *first->served) first = it;
    }
    if (first->overtaken >= kMostOvertaken) return first;
    const auto pressing = most_pressing(first);
    return pressing->latest.passed(now) ? pressing : best_gain(first, gain);
  }
  /// Takes out the item at a place that next() gave.
  T take(Place place) {
    for (auto earlier = waiting_.begin(); preempted_.empty() && earlier != place; ++earlier) {
      if (earlier->equals(*place)) ++earlier->overtaken;
    }
    T item = std::move(place->item);
    (preempted_.empty() ? waiting_ : preempted_).erase(place);
    return item;
  }
  static constexpr std::size_t kLookAhead = 32;
  static constexpr std::int32_t kMostOvertaken = 8;

  /// Adds to what `principal` has been served.
  void charge(const std::string& principal, std::int64_t tokens) { served_[principal] += tokens; }

  template <class Predicate>
  void remove_if(Predicate&& predicate) {
    const auto by_item = [&](Entry& entry) { return predicate(entry.item); };
    waiting_.remove_if(by_item);
    preempted_.remove_if(by_item);
  }

  template <class Visit>
  void for_each(Visit&& visit) {
    for (Entry& entry : preempted_) visit(entry.item);
    for (Entry& entry : waiting_) visit(entry.item);
  }

  struct Entry {
    std::string principal;
    const std::int64_t* served;  // its counter, which stays where it is as long as somebody waits for it
    std::int32_t priority;
    T item;
    Deadline latest;
    std::int32_t overtaken = 0;  // by items of the same principal that came later
    bool equals(const Entry& other) const { return served == other.served && priority == other.priority; }
  };

 private:
  Place most_pressing(Place first) {
    auto pressing = first;
    for (auto it = std::next(first); it != waiting_.end(); ++it) {
      if (it->equals(*first) && it->latest.at() < pressing->latest.at()) pressing = it;
    }
    return pressing;
  }

  template <class Gain>
  Place best_gain(Place first, Gain& gain) {
    auto best = first;
    auto most = gain(std::as_const(first->item));
    std::size_t seen = 1;
    for (auto it = std::next(first); it != waiting_.end() && seen < kLookAhead; ++it) {
      if (!it->equals(*first)) continue;
      ++seen;
      if (const auto its = gain(std::as_const(it->item)); its > most) {
        most = its;
        best = it;
      }
    }
    return best;
  }

  /// The counter of a principal that is about to wait.
  const std::int64_t& lift(const std::string& principal) {
    auto& counter = served_[principal];
    if (served_.size() > kMaxPrincipals) forget_idle(counter);
    const bool active = std::ranges::any_of(waiting_, [&](const Entry& e) { return e.served == &counter; });
    if (active || waiting_.empty()) return counter;
    std::int64_t least = INT64_MAX;
    for (const Entry& e : waiting_) least = std::min(least, *e.served);
    counter = std::max(counter, least);
    return counter;
  }

  void forget_idle(const std::int64_t& spared) {
    std::erase_if(served_, [&](const auto& entry) {
      return &entry.second != &spared &&
             std::ranges::none_of(waiting_, [&](const Entry& e) { return e.served == &entry.second; });
    });
  }

  static constexpr std::size_t kMaxPrincipals = 10'000;
  std::list<Entry> waiting_;    // in order of arrival
  std::list<Entry> preempted_;  // oldest preemption first
  std::map<std::string, std::int64_t> served_;
};

}  // namespace hearth::engine
