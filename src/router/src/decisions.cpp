// SPDX-License-Identifier: Apache-2.0
#include "decisions.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "hearth/base/id.hpp"

namespace hearth::router {
namespace {

constexpr std::string_view kPrefix = "dec_";

std::string_view name_of(Health::State state) {
  switch (state) {
    case Health::State::closed: return "closed";
    case Health::State::open: return "open";
    case Health::State::half_open: return "half_open";
  }
  return "";
}

std::string why(const Candidate& candidate, const Target& target, const Facts& facts, const Wishes& wishes) {
  switch (candidate.exclusion) {
    case Exclusion::none: return {};
    case Exclusion::policy:
      if (target.stands_in && target.zone != *target.stands_in) {
        return fmt::format(
            "a condition of the policy does not hold; it counts as {}, not {}, until its server has said "
            "that it runs {} itself",
            policy::name_of(target.zone), policy::name_of(*target.stands_in), target.model);
      }
      return "a condition of the policy does not hold";
    case Exclusion::capability:
      return fmt::format("lacks: {}", names_of(static_cast<Capabilities>(facts.needs & ~target.capabilities)));
    case Exclusion::context:
      return fmt::format("the prompt has about {} tokens, the context is {}", facts.longest, target.context);
    case Exclusion::cost:
      return fmt::format("would cost ${:.6f}, at most ${:.6f} was asked for", candidate.cost_usd,
                         wishes.max_cost_usd.value_or(0));
    case Exclusion::budget:
      return fmt::format("would cost ${:.6f}, the budget leaves ${:.6f}", candidate.cost_usd,
                         wishes.affordable_usd.value_or(0));
    case Exclusion::latency:
      return fmt::format("would take {:.0f} ms, at most {} ms was asked for", candidate.latency_ms,
                         wishes.max_latency.value_or(std::chrono::milliseconds{0}).count());
    case Exclusion::health: return "failed too often lately and is left alone for a moment";
  }
  return {};
}

}  // namespace

std::string Decisions::next_id() {
  return random_id(fmt::format(FMT_COMPILE("{}{}-"), kPrefix, next_.fetch_add(1, std::memory_order_relaxed)));
}

std::size_t Decisions::number_of(const std::string& id) {
  if (!id.starts_with(kPrefix)) return SIZE_MAX;
  std::uint64_t number = 0;
  const char* begin = id.data() + kPrefix.size();
  const auto [end, error] = std::from_chars(begin, id.data() + id.size(), number);
  return error == std::errc{} && end != begin ? number : SIZE_MAX;
}

void Decisions::keep(std::shared_ptr<const Decision> decision) {
  if (slots_.empty()) return;
  const std::size_t number = number_of(decision->id);
  slots_[number % slots_.size()].store(std::move(decision));
}

std::shared_ptr<const Decision> Decisions::find_request(const std::string& request) const {
  if (request.empty()) return nullptr;
  for (const auto& slot : slots_) {
    auto decision = slot.load();
    if (decision && decision->request == request) return decision;
  }
  return nullptr;
}

std::shared_ptr<const Decision> Decisions::find(const std::string& id) const {
  const std::size_t number = number_of(id);
  if (number == SIZE_MAX) return find_request(id);
  if (slots_.empty()) return nullptr;
  auto decision = slots_[number % slots_.size()].load();
  return decision && decision->id == id ? decision : nullptr;
}

Explanation explanation_of(const Table& table, const Route& route, const Facts& facts, const Wishes& wishes,
                           const Plan& plan, const std::vector<std::shared_ptr<Health>>& health,
                           Clock::time_point now) {
  Explanation out{.route = route.name,
                  .strategy = std::string{name_of(route.strategy)},
                  .label = std::string{policy::name_of(std::max(wishes.label, facts.found))},
                  .principal = wishes.subject.principal,
                  .prompt_tokens = facts.prompt_tokens,
                  .answer_tokens = facts.answer_tokens,
                  .needs = names_of(facts.needs),
                  .turns = facts.turns,
                  .language = std::string{facts.traits.language},
                  .code = facts.traits.code,
                  .mathematics = facts.traits.mathematics,
                  .workload = plan.order.empty() && !route.fallback.empty()
                                  ? std::string{"fallback-only"}
                                  : std::string{name_of(class_of(facts, wishes))},
                  .gain = facts.gain};
  for (const Candidate& candidate : plan.candidates) {
    const Target& target = table.targets[candidate.target];
    policy::Grants mine = grants_of(wishes, target);
    if (wishes.affordable_usd) {
      mine.budget = candidate.exclusion != Exclusion::budget;
      mine.budget_why = fmt::format("the budgets leave ${:.6f}", *wishes.affordable_usd);
    }
    const policy::Content content = content_at(table, target, facts, wishes);
    auto verdict = table.policy->explain(wishes.subject, content, target.destination(), mine);
    out.targets.push_back({.target = target.name,
                           .zone = std::string{policy::name_of(target.zone)},
                           .label = std::string{policy::name_of(content.label)},
                           .redacted = table.redacts(target),
                           .candidate = candidate.exclusion == Exclusion::none,
                           .excluded_by = std::string{name_of(candidate.exclusion)},
                           .why = why(candidate, target, facts, wishes),
                           .conditions = std::move(verdict.conditions),
                           .quality = candidate.quality,
                           .latency_ms = candidate.latency_ms,
                           .cost_usd = candidate.cost_usd,
                           .score = candidate.score,
                           .load = health[candidate.target]->load(),
                           .breaker = std::string{name_of(health[candidate.target]->state(now))}});
  }
  for (const std::size_t place : plan.order) out.plan.push_back(table.targets[plan.candidates[place].target].name);
  return out;
}

}  // namespace hearth::router
