// SPDX-License-Identifier: Apache-2.0
// Chats and completions: admitted, planned, carried out, watched.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "belongs.hpp"
#include "content_labels.hpp"
#include "plan_error.hpp"
#include "record.hpp"
#include "router_impl.hpp"

namespace hearth::router {
namespace {

/// Who an answer is kept for: one principal, or all of a tenant.
const std::string& cache_owner(const Route& route, const policy::Subject& subject) {
  return route.cache.shared ? subject.tenant : subject.principal;
}

/// The route, its fallbacks, then theirs; each once.
std::vector<const Route*> chain_of(const Table& table, const Route& first) {
  std::vector<const Route*> chain{&first};
  for (std::size_t i = 0; i < chain.size(); ++i) {
    for (const std::string& fallback : chain[i]->fallback) {
      const Route* route = table.find_route(fallback);
      if (route != nullptr && std::ranges::find(chain, route) == chain.end()) chain.push_back(route);
    }
  }
  return chain;
}

}  // namespace

Error RouterImpl::all_failed(const Route& route, bool named, Error last, const std::vector<std::string>& notes) {
  if (!named) return last;  // one target: its own words
  last.message = fmt::format("no target of {} answered: {}", route.name, fmt::join(notes, "; "));
  return last;
}

Result<RouterImpl::Admitted> RouterImpl::admit(const provider::RequestContext& context, const std::string& name,
                                               const Facts& facts) {
  Resolved resolved = resolve(name);
  HEARTH_TRY(Wishes wishes, wishes_of(context, resolved, session_of(context, resolved, facts.conversation)));
  const std::string route = resolved.named ? resolved.route->name : "-";
  Settlement settlement{options_.ledger,
                        options_.on_outcome,
                        {.route = route, .principal = context.principal, .belongs = belongs_of(wishes.subject)},
                        Clock::now()};
  Purse purse = resolved.state->budgets->purse(wishes.subject, route);
  const auto now = WallClock::now();
  if (const auto funded = purse.admit(0, now); !funded) {
    settlement.ended(funded.error().code);
    return fail(funded.error());
  }
  wishes.affordable_usd = purse.left(now);
  return Admitted{std::move(resolved), std::move(wishes), std::move(purse), std::move(settlement), Clock::now()};
}

Result<> RouterImpl::draw_on(const Route& route, Admitted& admitted) {
  Purse purse = admitted.resolved.state->budgets->purse(admitted.wishes.subject, route.name);
  const auto now = WallClock::now();
  HEARTH_CHECKED(purse.admit(0, now));
  admitted.wishes.affordable_usd = purse.left(now);
  admitted.purse = std::move(purse);
  return {};
}

Attempt RouterImpl::first_attempt(const Admitted& admitted, const provider::RequestContext& context, const Route& route,
                                  const Facts& facts) const {
  const bool named = admitted.resolved.named;
  Attempt attempt{.state = admitted.resolved.state,
                  .target = 0,
                  .context = context,
                  .wishes = admitted.wishes,
                  .purse = admitted.purse,
                  .looked_at = {.digest = facts.content,
                                .label = facts.found,
                                .actions = facts.actions,
                                .workload = name_of(class_of(facts, admitted.wishes))},
                  .audit = options_.audit,
                  .bill = admitted.settlement.bill(),
                  .blocking = options_.blocking,
                  .prompt_tokens = facts.prompt_tokens,
                  .answer_tokens = facts.answer_tokens,
                  // A target that was named has no rival to hand over to: it may take its time.
                  .first_token_timeout = named ? route.first_token_timeout : route.timeout,
                  .guarded = named};
  if (named) attempt.context.deadline = context.deadline.earlier(Deadline::after(admitted.began, route.timeout));
  return attempt;
}

void RouterImpl::record_refusal(const Error& none, const Admitted& admitted, const provider::RequestContext& context,
                                const Facts& facts) const {
  if (options_.audit == nullptr || none.code != ErrorCode::forbidden) return;
  audit::Record record =
      record_of(admitted.wishes, std::max(admitted.wishes.label, facts.found), context.id, facts.prompt_tokens);
  record.kind = audit::Record::Kind::refused;
  record.rule = none.message;
  options_.audit->append(std::move(record));
}

Task<Result<Answer>> RouterImpl::async_answer(Admitted& admitted, const provider::RequestContext& context,
                                              const Ask& ask, const Facts& facts, Decision& decision) {
  const auto& [state, first, named] = admitted.resolved;
  const std::vector<const Route*> chain = chain_of(*state->table, *first);
  std::optional<Error> error;
  for (const Route* route : chain) {
    Tried tried = co_await async_route({.route = *route, .more_behind = route != chain.back()}, admitted, context, ask,
                                       facts, decision);
    if (tried.answer) {
      if (route != first) {
        tried.answer->degraded.push_back(fmt::format("fallback to route {}", route->name));
        admitted.settlement.outcome().route = route->name;
      }
      co_return std::move(tried.answer);
    }
    const ErrorCode code = tried.answer.error().code;
    // That a fallback has nobody to ask says less than why the first route failed.
    if (!error || tried.asked) error = std::move(tried.answer).error();
    if (tried.asked && (code == ErrorCode::invalid_request || code == ErrorCode::cancelled)) break;
    if (route == first && code == ErrorCode::budget_exhausted) break;
  }
  co_return fail(*std::move(error));
}

Task<RouterImpl::Tried> RouterImpl::async_route(Leg leg, Admitted& admitted, const provider::RequestContext& context,
                                                const Ask& ask, Facts facts, Decision& decision) {
  const auto& [state, first, named] = admitted.resolved;
  const auto& [route, more_behind] = leg;
  const bool is_first = &route == first;
  // Each route spends from its own budgets, as its name in the ledger says.
  if (const Result<> funded = is_first ? Result<>{} : draw_on(route, admitted); !funded) {
    decision.attempts.push_back(fmt::format("{}: {}", route.name, funded.error().message));
    co_return Tried{fail(funded.error())};
  }
  if (route.strategy == Strategy::learned) facts.gain = route.model().predict(question_of(ask)).gain;
  const Table& table = *state->table;
  Plan plan = make_plan(table, route, facts, admitted.wishes, state->health, Clock::now(), dice());
  if (is_first) {
    decision.route = static_cast<std::size_t>(&route - table.routes.data());
    decision.plan = plan;
    decision.facts.gain = facts.gain;
  }
  bool thrifty = false;
  for (const Candidate& candidate : plan.candidates) {
    if (candidate.exclusion != Exclusion::budget) continue;
    if (const auto funded = admitted.purse.admit(candidate.cost_usd, WallClock::now()); !funded) {
      co_return Tried{fail(funded.error())};
    }
    thrifty = true;
  }
  if (plan.order.empty()) {
    Error none = nobody(table, route, plan, facts, admitted.wishes);
    decision.attempts.push_back(fmt::format("{}: {}", route.name, none.message));
    record_refusal(none, admitted, context, facts);
    co_return Tried{fail(std::move(none))};
  }
  if (is_first) {
    if (auto cached = from_cache(decision, route, ask, admitted)) co_return Tried{*std::move(cached), true};
  }
  Run run{state, route,    std::move(plan),   first_attempt(admitted, context, route, facts),
          ask,   retries_, decision.attempts, more_behind};
  Result<Answer> answer = co_await run.async_answer();
  if (!answer) co_return Tried{fail(all_failed(route, named, std::move(answer).error(), decision.attempts)), true};
  if (thrifty) answer->degraded.emplace_back("the budget left no room for dearer targets");
  co_return Tried{std::move(answer), true};
}

void RouterImpl::keep_label(const provider::RequestContext& context, const Ask& ask, Admitted& admitted) {
  const auto* chat = std::get_if<inference::ChatRequest>(&ask);
  if (chat == nullptr) return;
  policy::Label& label = admitted.wishes.label;
  label = std::max(label, remembered(context, *chat));
  const bool said = !context.label.empty() || admitted.resolved.route->label;
  if (said && label > policy::Label::public_) {
    labels_.put(message_keys(context.principal, context.session, *chat, Keys::all), label);
  }
}

Task<Result<provider::EventStreamPtr>> RouterImpl::async_generate(provider::RequestContext context, Ask ask,
                                                                  Facts facts, std::string name, std::int32_t n) {
  HEARTH_CO_TRY(Admitted admitted, admit(context, name, facts));
  const auto& resolved = admitted.resolved;
  if (facts.prompt_tokens > kLongContent) {  // for others a coroutine would cost as much as the scan
    co_await async_look_into(options_.blocking, ask, *resolved.state->table, facts);
  } else {
    look_into(ask, *resolved.state->table, facts);
  }
  keep_label(context, ask, admitted);
  auto decision = std::make_shared<Decision>(Decision{.id = decisions_.next_id(),
                                                      .request = context.id,
                                                      .state = resolved.state,
                                                      .route = 0,
                                                      .facts = facts,
                                                      .wishes = admitted.wishes,
                                                      .plan = {},
                                                      .attempts = {}});
  admitted.settlement.outcome().decision = decision->id;
  // Kept only where something is done with it afterwards.
  const bool kept = resolved.named && (resolved.route->cache.ttl.count() > 0 || resolved.route->shadow.share > 0);
  std::optional<Ask> later;
  if (kept) later = ask;
  Result<Answer> answer = co_await async_answer(admitted, context, ask, facts, *decision);
  admitted.settlement.outcome().attempts = static_cast<std::int32_t>(decision->attempts.size());
  if (!answer) {
    decisions_.keep(std::move(decision));
    admitted.settlement.ended(answer.error().code);
    co_return fail(std::move(answer).error());
  }
  std::ranges::move(admitted.purse.warnings(WallClock::now()), std::back_inserter(answer->degraded));
  const std::size_t preferred = admitted.wishes.preferred;
  if (preferred != SIZE_MAX && preferred != answer->target) {
    answer->degraded.push_back(fmt::format("model changed from {}", resolved.state->table->targets[preferred].name));
  }
  sessions_->put(session_of(context, resolved, facts.begins), answer->target);
  Afterwards afterwards;
  if (later) afterwards = afterwards_of(admitted, *answer, decision->facts, *std::move(later), n);
  decisions_.keep(std::move(decision));
  co_return std::make_unique<RoutedStream>(resolved.state, std::move(*answer), n, std::move(admitted.settlement),
                                           std::move(afterwards));
}

std::optional<Answer> RouterImpl::from_cache(Decision& decision, const Route& route, const Ask& ask,
                                             const Admitted& admitted) const {
  if (route.cache.ttl.count() == 0) return std::nullopt;
  const std::string who = cache_owner(route, admitted.wishes.subject);
  const auto found = cache_.find(cache_key(ask, route.name, route.cache.salt, who), Clock::now());
  if (!found) return std::nullopt;
  const Table& table = *admitted.resolved.state->table;
  for (const std::size_t place : decision.plan.order) {
    const std::size_t target = decision.plan.candidates[place].target;
    if (table.targets[target].name != found->target) continue;
    decision.attempts.push_back(fmt::format("{}: answered this request before", found->target));
    return Answer{.target = target,
                  .held = found->events,
                  .rest = nullptr,
                  .confidence = {},
                  .told_confidence = {},
                  .degraded = {},
                  .escalated = false,
                  .cached = true};
  }
  return std::nullopt;
}

Afterwards RouterImpl::afterwards_of(const Admitted& admitted, const Answer& answer, const Facts& facts, Ask ask,
                                     std::int32_t n) {
  Afterwards out;
  const auto& [state, route, named] = admitted.resolved;
  if (!named || answer.cached) return out;
  if (route->cache.ttl.count() > 0 && answer.degraded.empty()) {
    const std::string who = cache_owner(*route, admitted.wishes.subject);
    out.cache = &cache_;
    out.cache_key = cache_key(ask, route->name, route->cache.salt, who);
    out.ttl = route->cache.ttl;
  }
  const Route::Shadow& shadow = route->shadow;
  const Target& served = state->table->targets[answer.target];
  const bool drawn = shadow.share > 0 && dice() < shadow.share * static_cast<double>(UINT32_MAX);
  if (!drawn || !options_.background || served.local == nullptr || shadow.target == answer.target || n != 1) {
    return out;
  }
  // As the one who asked: a tenant's content stays in its caches here too.
  const provider::RequestContext context{.id = "shadow",
                                         .principal = admitted.wishes.subject.principal,
                                         .subject = std::make_shared<const policy::Subject>(admitted.wishes.subject)};
  ShadowCheck check{.attempt = first_attempt(admitted, context, *route, facts),
                    .ask = std::move(ask),
                    .answer = {},
                    .judge = shadow.judge,
                    .agreement = route->agreement,
                    .embedder = route->embedder,
                    .verdict = {}};
  check.attempt.target = shadow.target;
  check.attempt.bill = nullptr;
  check.verdict = {.route = route->name,
                   .workload = std::string{name_of(class_of(facts, admitted.wishes))},
                   .target = served.name,
                   .confidence = answer.told_confidence,
                   .shadow_target = state->table->targets[shadow.target].name};
  if (shadow.keep_prompts) check.verdict.prompt = question_of(check.ask);
  out.shadow = std::move(check);
  out.start_shadow = [this](ShadowCheck ready) { start_shadow(std::move(ready)); };
  return out;
}

void RouterImpl::start_shadow(ShadowCheck check) {
  const auto tell = [this](const ShadowVerdict& verdict) {
    if (options_.ledger != nullptr) options_.ledger->keep(verdict, WallClock::now());
    if (options_.on_shadow) options_.on_shadow(verdict);
  };
  Settlement settlement{options_.ledger,
                        options_.on_outcome,
                        {.route = "shadow",
                         .principal = check.attempt.wishes.subject.principal,
                         .belongs = belongs_of(check.attempt.wishes.subject)},
                        Clock::now()};
  check.attempt.bill = settlement.bill();
  ShadowVerdict late = check.verdict;
  if (options_.background(async_check(std::move(check), std::move(settlement), tell))) return;
  late.error = ErrorCode::rate_limited;  // too many at once
  tell(late);
}

}  // namespace hearth::router
