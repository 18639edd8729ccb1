// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "facts.hpp"
#include "health.hpp"
#include "hearth/router/table.hpp"

/// Which targets a request may use, which it should, and in what order. Pure: facts, table and health in, plan out.
namespace hearth::router {

/// Why a target is no candidate. In the order in which they are looked at: nothing that is not permitted is scored.
enum class Exclusion : std::uint8_t { none, policy, capability, context, cost, budget, latency, health };
std::string_view name_of(Exclusion exclusion);

struct Candidate {
  std::size_t target = 0;  // in Table::targets
  Exclusion exclusion = Exclusion::none;
  float quality = 0;
  float latency_ms = 0;
  float cost_usd = 0;
  float score = 0;
};

/// What the client asked for beside the content.
struct Wishes {
  policy::Subject subject;
  std::string route;  // that was asked for; empty: a target was
  policy::Label label = policy::Label::internal;
  std::optional<double> max_cost_usd;
  std::optional<std::chrono::milliseconds> max_latency;
  std::optional<double> affordable_usd;  // what the budgets leave; nullopt: no budget limits
  std::size_t preferred = SIZE_MAX;      // the target that answered this conversation so far
  bool named = false;                    // one target was named: it is asked even while its breaker is open
  WallClock::time_point asked_at{};      // for rules that hold at certain hours
};

struct Plan {
  std::vector<Candidate> candidates;  // all targets of the route, in its order
  std::vector<std::size_t> order;     // indices into `candidates`: try in this order; never an excluded one
  /// Fit in everything but their health: those that would have come before the first of `order`, or after its last.
  std::vector<std::size_t> down_ahead;
  std::vector<std::size_t> down_behind;
};

/// `health` has one entry a target of the table. `dice`: random bits, for the choice between near ties.
Plan make_plan(const Table& table, const Route& route, const Facts& facts, const Wishes& wishes,
               const std::vector<std::shared_ptr<Health>>& health, Clock::time_point now, std::uint32_t dice);

/// What would be sent there, as policy looks at it: its label is the higher one of what is said about it and of what is
/// found in it, after redaction where the zone demands that.
policy::Content content_at(const Table& table, const Target& target, const Facts& facts, const Wishes& wishes);

/// What identity has to say of this target.
policy::Grants grants_of(const Wishes& wishes, const Target& target);

/// What matters most for this request.
WorkloadClass class_of(const Facts& facts, const Wishes& wishes);

/// US$ for so many tokens.
double cost_of(const Price& price, std::int64_t input, std::int64_t cached, std::int64_t output);

/// Scores closer than this are a tie: the less loaded of two drawn at random wins (Mitzenmacher, power of two choices).
inline constexpr float kTie = 0.03F;

}  // namespace hearth::router
