// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "attempt.hpp"
#include "hearth/router/router.hpp"

namespace hearth::router {

/// What is remembered of a decision: enough to explain it, no content.
struct Decision {
  std::string id;
  std::string request;  // "req_…", which answers carry that are errors too
  StatePtr state;       // the table of that time
  std::size_t route = 0;
  Facts facts;
  Wishes wishes;
  Plan plan;
  std::vector<std::string> attempts;
};

/// The last `capacity` decisions, without a lock: a slot is replaced whole. Any thread.
class Decisions {
 public:
  explicit Decisions(std::size_t capacity) : slots_(capacity) {}

  /// "dec_" and digits that say which slot, and random ones that say that it is this one.
  std::string next_id();
  void keep(std::shared_ptr<const Decision> decision);
  /// By the decision's id or the request's. Null when it is unknown, or has been replaced by a later one.
  std::shared_ptr<const Decision> find(const std::string& id) const;

 private:
  std::shared_ptr<const Decision> find_request(const std::string& request) const;
  static std::size_t number_of(const std::string& id);
  std::atomic<std::uint64_t> next_{0};
  std::vector<std::atomic<std::shared_ptr<const Decision>>> slots_;
};

/// Pure: the words for a plan. `attempts` as in Explanation.
Explanation explanation_of(const Table& table, const Route& route, const Facts& facts, const Wishes& wishes,
                           const Plan& plan, const std::vector<std::shared_ptr<Health>>& health, Clock::time_point now);

}  // namespace hearth::router
