// SPDX-License-Identifier: Apache-2.0
#include "plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace hearth::router {
namespace {

constexpr std::array<std::string_view, 8> kExclusionNames{"",     "policy", "capability", "context",
                                                          "cost", "budget", "latency",    "health"};

/// A field nobody knows is perhaps a typing error: it must not decide in silence which of a route's targets answers.
bool is_strange_to_some(const Table& table, const Route& route, const Facts& facts) {
  if (!facts.beyond || facts.beyond->code != ErrorCode::invalid_request) return false;
  return !std::ranges::all_of(route.targets, [&](std::size_t i) { return table.targets[i].wire == facts.wire; });
}

Exclusion exclude(const Table& table, const Target& target, const Facts& facts, const Wishes& wishes,
                  const Health& health, Clock::time_point now, Candidate& candidate) {
  const bool permitted = table.policy
                             ->permit(wishes.subject, content_at(table, target, facts, wishes), target.destination(),
                                      grants_of(wishes, target))
                             .has_value();
  if (!permitted) return Exclusion::policy;
  if ((facts.needs & ~target.capabilities) != 0) return Exclusion::capability;
  // What can only be forwarded as it is cannot be redacted.
  if (facts.beyond && (facts.wire != target.wire || table.redacts(target))) return Exclusion::capability;
  if (target.context > 0 && facts.longest >= target.context) return Exclusion::context;
  candidate.cost_usd = static_cast<float>(cost_of(target.price, facts.prompt_tokens, 0, facts.answer_tokens));
  if (wishes.max_cost_usd && candidate.cost_usd > *wishes.max_cost_usd) return Exclusion::cost;
  if (wishes.affordable_usd && candidate.cost_usd > 0 && candidate.cost_usd > *wishes.affordable_usd) {
    return Exclusion::budget;
  }
  const auto latency = health.predict(facts.prompt_tokens, facts.answer_tokens);
  candidate.latency_ms = static_cast<float>(std::chrono::duration<double, std::milli>(latency).count());
  if (wishes.max_latency && latency > *wishes.max_latency) return Exclusion::latency;
  if (!wishes.named && health.state(now) == Health::State::open) return Exclusion::health;
  return Exclusion::none;
}

/// 1 for the best of the candidates, 0 for one that costs, or takes, ten times as much: decades are what people notice.
float cheapness(float value, float best) {
  constexpr float kFloor = 1e-7F;
  return 1 - std::min(1.0F, std::log10(std::max(value, kFloor) / std::max(best, kFloor)));
}

bool is_down(const Candidate& candidate) { return candidate.exclusion == Exclusion::health; }
bool fits(const Candidate& candidate) { return candidate.exclusion == Exclusion::none || is_down(candidate); }

void score(const Objective& objective, std::vector<Candidate>& candidates) {
  float cheapest = INFINITY;
  float fastest = INFINITY;
  for (const Candidate& c : candidates) {
    if (c.exclusion != Exclusion::none) continue;
    cheapest = std::min(cheapest, c.cost_usd);
    fastest = std::min(fastest, c.latency_ms);
  }
  for (Candidate& c : candidates) {
    if (!fits(c)) continue;
    c.score = static_cast<float>(objective.quality) * c.quality +
              static_cast<float>(objective.cost) * cheapness(c.cost_usd, cheapest) +
              static_cast<float>(objective.latency) * cheapness(c.latency_ms, fastest);
  }
}

/// Rising; equal ones in the configuration's order.
template <class Key>
void sort_by(std::vector<std::size_t>& order, const Key& key) {
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair{key(i), i}; });
}

/// Takes those that are down out of the order and remembers what they would have been: the first, or the last.
void set_down_aside(Plan& plan) {
  const auto down = [&](std::size_t i) { return is_down(plan.candidates[i]); };
  const auto first = std::ranges::find_if_not(plan.order, down);
  if (first == plan.order.end()) return plan.order.clear();
  plan.down_ahead.assign(plan.order.begin(), first);
  const auto last = std::find_if_not(plan.order.rbegin(), plan.order.rend(), down);
  plan.down_behind.assign(last.base(), plan.order.end());
  std::erase_if(plan.order, down);
}

/// Power of two choices among those that tie with the best.
void choose_among_ties(Plan& plan, const std::vector<std::shared_ptr<Health>>& health, std::uint32_t dice) {
  const auto& candidates = plan.candidates;
  const float best = candidates[plan.order.front()].score;
  std::erase_if(plan.down_ahead, [&](std::size_t i) { return candidates[i].score - best < kTie; });
  const auto tied = static_cast<std::size_t>(
      std::ranges::count_if(plan.order, [&](std::size_t i) { return best - candidates[i].score < kTie; }));
  if (tied < 2) return;
  std::size_t first = (dice & 0xFFFF) % tied;
  std::size_t second = (dice >> 16) % (tied - 1);
  if (second >= first) ++second;
  const auto load = [&](std::size_t place) { return health[candidates[plan.order[place]].target]->load(); };
  if (load(second) < load(first)) first = second;
  std::ranges::rotate(plan.order.begin(), plan.order.begin() + static_cast<std::ptrdiff_t>(first),
                      plan.order.begin() + static_cast<std::ptrdiff_t>(first) + 1);
}

/// RouteLLM's idea (Ong et al. 2024): from cheap to dear, but the best one first where it is expected to be worth it.
void order_by_gain(const Route& route, const Facts& facts, Plan& plan) {
  sort_by(plan.order,
          [&](std::size_t i) { return std::pair{plan.candidates[i].cost_usd, plan.candidates[i].quality}; });
  const auto quality = [&](std::size_t i) { return plan.candidates[i].quality; };
  const auto best = std::ranges::max_element(plan.order, {}, quality);
  const Candidate& weak = plan.candidates[plan.order.front()];
  const Candidate& strong = plan.candidates[*best];
  const float gain = facts.gain.value_or(0);
  const bool worth_it = route.worth_usd ? gain * *route.worth_usd > strong.cost_usd - weak.cost_usd
                                        : gain > route.model().gain_of_share(route.strong_share);
  if (worth_it) std::ranges::rotate(plan.order.begin(), best, best + 1);
}

constexpr std::int64_t kHeavyTokens = 4'000;
constexpr std::int64_t kHeavyQuestion = 500;  // tokens, of code or mathematics
constexpr std::chrono::seconds kUrgent{2};

}  // namespace

policy::Content content_at(const Table& table, const Target& target, const Facts& facts, const Wishes& wishes) {
  const policy::Label found = table.redacts(target) ? facts.found_redacted : facts.found;
  return {.digest = facts.content,
          .label = std::max(wishes.label, found),
          .actions = facts.actions,
          .workload = name_of(class_of(facts, wishes)),
          .minute_of_week = policy::minute_of_week(wishes.asked_at)};
}

policy::Grants grants_of(const Wishes& wishes, const Target& target) {
  if (wishes.subject.models.empty() && wishes.subject.behalf == nullptr) return {};
  policy::Grants grants;
  grants.model = policy::may_use(wishes.subject, wishes.route, target.name);
  grants.model_why = grants.model ? "the key grants this model" : "the key does not grant this model";
  return grants;
}

WorkloadClass class_of(const Facts& facts, const Wishes& wishes) {
  if (std::max(wishes.label, facts.found) >= policy::Label::confidential) return WorkloadClass::sensitive;
  if (wishes.max_latency && *wishes.max_latency <= kUrgent) return WorkloadClass::latency_critical;
  const bool hard = facts.traits.code || facts.traits.mathematics;
  if (facts.prompt_tokens + facts.answer_tokens > kHeavyTokens || (hard && facts.prompt_tokens > kHeavyQuestion)) {
    return WorkloadClass::heavy;
  }
  return WorkloadClass::simple;
}

std::string_view name_of(Exclusion exclusion) { return kExclusionNames.at(static_cast<std::size_t>(exclusion)); }

double cost_of(const Price& price, std::int64_t input, std::int64_t cached, std::int64_t output) {
  constexpr double kMillion = 1e6;
  return (static_cast<double>(input - cached) * price.input + static_cast<double>(cached) * price.cached_input +
          static_cast<double>(output) * price.output) /
         kMillion;
}

Plan make_plan(const Table& table, const Route& route, const Facts& facts, const Wishes& wishes,
               const std::vector<std::shared_ptr<Health>>& health, Clock::time_point now, std::uint32_t dice) {
  Plan plan;
  plan.candidates.reserve(route.targets.size());
  const bool strange = is_strange_to_some(table, route, facts);
  for (const std::size_t index : route.targets) {
    Candidate candidate{.target = index, .quality = static_cast<float>(table.targets[index].quality)};
    candidate.exclusion = exclude(table, table.targets[index], facts, wishes, *health[index], now, candidate);
    if (strange && candidate.exclusion != Exclusion::policy) candidate.exclusion = Exclusion::capability;
    if (fits(candidate)) plan.order.push_back(plan.candidates.size());
    plan.candidates.push_back(candidate);
  }
  score(route.objective, plan.candidates);
  if (plan.order.empty()) return plan;
  switch (route.strategy) {
    case Strategy::direct: break;  // as listed
    case Strategy::cascade:
    case Strategy::consensus: sort_by(plan.order, [&](std::size_t i) { return plan.candidates[i].cost_usd; }); break;
    case Strategy::learned: order_by_gain(route, facts, plan); break;
    case Strategy::balance:
    case Strategy::hedge: sort_by(plan.order, [&](std::size_t i) { return -plan.candidates[i].score; }); break;
  }
  set_down_aside(plan);
  const bool moves = route.strategy != Strategy::cascade && route.strategy != Strategy::consensus;
  if (!moves) plan.down_ahead.clear();  // cheaper is not better
  if (plan.order.empty()) return plan;
  if (route.strategy == Strategy::balance || route.strategy == Strategy::hedge) choose_among_ties(plan, health, dice);
  if (route.sticky && moves && wishes.preferred != SIZE_MAX) {
    const auto kept =
        std::ranges::find(plan.order, wishes.preferred, [&](std::size_t i) { return plan.candidates[i].target; });
    if (kept != plan.order.end()) std::ranges::rotate(plan.order.begin(), kept, kept + 1);
  }
  return plan;
}

}  // namespace hearth::router
