// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <utility>

namespace hearth::engine {

/// Who is next: the highest priority first; among equals the principal that has been served the fewest tokens so far
/// (virtual token counters, Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024); within a principal
/// first come, first served. A principal that was idle starts at the smallest active counter, so that idling saves up
/// nothing. What was preempted goes back to the very front. The caller bounds the number of items. Pure.
template <class T>
class FairQueue {
 public:
  void push(std::string principal, std::int32_t priority, T item) {
    lift(principal);
    waiting_.push_back({std::move(principal), priority, std::move(item)});
  }
  void push_front(std::string principal, T item) { preempted_.push_back({std::move(principal), 0, std::move(item)}); }

  bool empty() const noexcept { return waiting_.empty() && preempted_.empty(); }
  std::size_t size() const noexcept { return waiting_.size() + preempted_.size(); }

  /// The next item, still in the queue. Not when empty.
  T& front() { return choose()->item; }
  T pop_front() {
    auto it = choose();
    T item = std::move(it->item);
    (preempted_.empty() ? waiting_ : preempted_).erase(it);
    return item;
  }

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

 private:
  struct Entry {
    std::string principal;
    std::int32_t priority;
    T item;
  };

  void lift(const std::string& principal) {
    const bool active = std::ranges::any_of(waiting_, [&](const Entry& e) { return e.principal == principal; });
    if (active || waiting_.empty()) {
      served_.try_emplace(principal, 0);
      return;
    }
    std::int64_t least = INT64_MAX;
    for (const Entry& e : waiting_) least = std::min(least, served_[e.principal]);
    auto& counter = served_[principal];
    counter = std::max(counter, least);
    if (served_.size() > kMaxPrincipals) forget_idle();
  }

  void forget_idle() {
    std::erase_if(served_, [&](const auto& entry) {
      return std::ranges::none_of(waiting_, [&](const Entry& e) { return e.principal == entry.first; });
    });
  }

  typename std::list<Entry>::iterator choose() {
    if (!preempted_.empty()) return preempted_.begin();
    auto best = waiting_.begin();
    for (auto it = std::next(best); it != waiting_.end(); ++it) {
      if (it->priority != best->priority ? it->priority > best->priority
                                         : served_[it->principal] < served_[best->principal]) {
        best = it;
      }
    }
    return best;
  }

  static constexpr std::size_t kMaxPrincipals = 10'000;
  std::list<Entry> waiting_;    // in order of arrival
  std::list<Entry> preempted_;  // oldest preemption first
  std::map<std::string, std::int64_t> served_;
};

}  // namespace hearth::engine
