// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/router.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>

#include "decisions.hpp"
#include "hearth/base/log.hpp"
#include "plan_error.hpp"
#include "routed_stream.hpp"
#include "run.hpp"
#include "sessions.hpp"

namespace hearth::router {
namespace {

/// Whatever it can do it does, and what it cannot it refuses better than a list of capabilities would.
constexpr Capabilities kEverything = static_cast<Capabilities>(~0U);

/// A request's name, looked up.
struct Resolved {
  StatePtr state;
  const Route* route = nullptr;  // of state->table
  bool named = false;            // a route of the configuration, not one target by its name
};

std::uint32_t dice() {
  thread_local std::mt19937 random{std::random_device{}()};
  return static_cast<std::uint32_t>(random());
}

std::string_view question_of(const Ask& ask) {
  if (const auto* chat = std::get_if<inference::ChatRequest>(&ask)) return last_question(*chat);
  const auto* text = std::get_if<std::string>(&std::get<inference::CompletionRequest>(ask).prompt);
  return text == nullptr ? std::string_view{} : *text;
}

/// A table of one target and one route to it.
TablePtr single(const Table& from, Target target) {
  auto table = std::make_shared<Table>();
  table->policy = from.policy;
  table->routes.push_back({.name = target.name, .strategy = Strategy::direct, .targets = {0}});
  table->targets.push_back(std::move(target));
  return table;
}

class RouterImpl final : public Router {
 public:
  RouterImpl(Options options, TablePtr table)
      : options_{std::move(options)}, sessions_{std::make_unique<Sessions>()}, decisions_{options_.decisions_kept} {
    sessions_->clear();
    state_.store(make_state(std::move(table)));
  }

  void replace(TablePtr table) override {
    state_.store(make_state(std::move(table)));
    sessions_->clear();
  }
  TablePtr table() const override { return state_.load()->table; }

  Task<Result<provider::EventStreamPtr>> async_chat(provider::RequestContext context,
                                                    inference::ChatRequest request) override {
    const Facts facts = facts_of(request);
    std::string name = context.route.empty() ? request.model : context.route;
    const std::int32_t n = request.generation.n;
    co_return co_await async_generate(std::move(context), std::move(request), facts, std::move(name), n);
  }
  Task<Result<provider::EventStreamPtr>> async_complete(provider::RequestContext context,
                                                        inference::CompletionRequest request) override {
    const Facts facts = facts_of(request);
    std::string name = context.route.empty() ? request.model : context.route;
    const std::int32_t n = request.generation.n;
    co_return co_await async_generate(std::move(context), std::move(request), facts, std::move(name), n);
  }
  Task<Result<inference::Embeddings>> async_embed(provider::RequestContext context,
                                                  inference::EmbeddingRequest request) override;
  Task<Result<inference::Ranking>> async_rerank(provider::RequestContext context,
                                                inference::RerankRequest request) override;
  Task<> async_probe() override;
  Result<Explanation> explain(const provider::RequestContext& context,
                              const inference::ChatRequest& request) const override;
  Result<Explanation> explain(const std::string& decision) const override;

 private:
  StatePtr make_state(TablePtr table) const;
  void remember_spending(const Budgets& budgets) const;
  Resolved resolve(const std::string& name) const;
  Result<Wishes> wishes_of(const provider::RequestContext& context, const Table& table, std::uint64_t session) const;
  static std::uint64_t session_of(const provider::RequestContext& context, std::uint64_t conversation);
  Task<Result<provider::EventStreamPtr>> async_generate(provider::RequestContext context, Ask ask, Facts facts,
                                                        std::string name, std::int32_t n);
  /// A request that has an entry in the ledger: from here on it ends exactly once.
  struct Admitted {
    Resolved resolved;
    Wishes wishes;
    Purse purse;
    Settlement settlement;
  };
  Result<Admitted> admit(const provider::RequestContext& context, const std::string& name, const Facts& facts);
  static Attempt first_attempt(const Admitted& admitted, const provider::RequestContext& context, const Route& route,
                               const Facts& facts);
  Task<Result<Answer>> async_answer(Admitted& admitted, const provider::RequestContext& context, Ask ask,
                                    const Facts& facts, Decision& decision);
  /// Everything that may answer a request that is no stream, in order.
  static Result<std::vector<Attempt>> attempts(const Admitted& admitted, const provider::RequestContext& context,
                                               const Facts& facts);
  static void note_whole(Admitted& admitted, const Attempt& attempt, std::optional<ErrorCode> error,
                         std::int64_t prompt_tokens);
  static Error all_failed(const Route& route, bool named, Error last, const std::vector<std::string>& notes);

  const Options options_;
  std::atomic<StatePtr> state_;
  std::unique_ptr<Sessions> sessions_;
  Decisions decisions_;
  RetryBudget retries_;
};

StatePtr RouterImpl::make_state(TablePtr table) const {
  auto state = std::make_shared<State>();
  const StatePtr old = state_.load();
  for (const Target& target : table->targets) {
    const std::size_t known = old ? old->table->find_target(target.name) : SIZE_MAX;
    state->health.push_back(known == SIZE_MAX ? std::make_shared<Health>() : old->health[known]);
  }
  state->budgets = Budgets::make(table->budgets, old ? old->budgets.get() : nullptr);
  remember_spending(*state->budgets);
  state->table = std::move(table);
  return state;
}

void RouterImpl::remember_spending(const Budgets& budgets) const {
  if (options_.ledger == nullptr) return;
  const auto now = WallClock::now();
  for (std::size_t i = 0; i < budgets.entries().size(); ++i) {
    const auto& [budget, meter, carried] = budgets.entries()[i];
    if (carried) continue;
    const auto spent = options_.ledger->spending(window_begin(budget.per, window_of(budget.per, now)));
    if (!spent) {
      log::error("budget: what was spent before is not known", {{"reason", spent.error().message}});
      continue;
    }
    for (const Spending& one : *spent) {
      const policy::Subject subject{.principal = one.principal, .roles = {}};
      if (policy::names(budget.principal, subject) && policy::matches_glob(budget.route, one.route)) {
        budgets.spent_before(i, one.usd, now);
      }
    }
  }
}

Resolved RouterImpl::resolve(const std::string& name) const {
  StatePtr state = state_.load();
  if (const Route* route = state->table->find_route(name)) return {std::move(state), route, true};
  std::size_t index = state->table->find_target(name);
  if (index == SIZE_MAX) index = state->table->find_target("local/" + name);
  constexpr std::string_view kLocal = "local/";
  auto alone = std::make_shared<State>();
  alone->budgets = state->budgets;
  if (index != SIZE_MAX) {
    alone->table = single(*state->table, state->table->targets[index]);
    alone->health = {state->health[index]};
  } else {
    const std::string model = name.starts_with(kLocal) ? name.substr(kLocal.size()) : name;
    alone->table =
        single(*state->table,
               {.name = "local/" + model, .model = model, .capabilities = kEverything, .local = options_.local});
    alone->health = {std::make_shared<Health>()};
  }
  const Route* route = &alone->table->routes.front();
  return {std::move(alone), route, false};
}

std::uint64_t RouterImpl::session_of(const provider::RequestContext& context, std::uint64_t conversation) {
  return context.session.empty() ? conversation : std::hash<std::string>{}(context.session) | 1;
}

Result<Wishes> RouterImpl::wishes_of(const provider::RequestContext& context, const Table& table,
                                     std::uint64_t session) const {
  Wishes wishes{.subject = {.principal = context.principal, .roles = {}},
                .label = table.policy->default_label(),
                .max_cost_usd = context.max_cost,
                .max_latency = context.max_latency,
                .preferred = sessions_->find(session)};
  if (!context.label.empty()) {
    HEARTH_TRY(wishes.label, policy::parse_label(context.label));
  }
  return wishes;
}

Error RouterImpl::all_failed(const Route& route, bool named, Error last, const std::vector<std::string>& notes) {
  if (!named) return last;  // one target: its own words
  last.message = fmt::format("no target of {} answered: {}", route.name, fmt::join(notes, "; "));
  return last;
}

Result<RouterImpl::Admitted> RouterImpl::admit(const provider::RequestContext& context, const std::string& name,
                                               const Facts& facts) {
  Resolved resolved = resolve(name);
  const std::uint64_t session = resolved.named ? session_of(context, facts.conversation) : 0;
  HEARTH_TRY(Wishes wishes, wishes_of(context, *resolved.state->table, session));
  wishes.named = !resolved.named;
  const std::string route = resolved.named ? resolved.route->name : "-";
  Settlement settlement{
      options_.ledger, options_.on_outcome, {.route = route, .principal = context.principal}, Clock::now()};
  Purse purse = resolved.state->budgets->purse(wishes.subject, route);
  const auto now = WallClock::now();
  if (const auto funded = purse.admit(0, now); !funded) {
    settlement.ended(funded.error().code);
    return fail(funded.error());
  }
  wishes.affordable_usd = purse.left(now);
  return Admitted{std::move(resolved), std::move(wishes), std::move(purse), std::move(settlement)};
}

Attempt RouterImpl::first_attempt(const Admitted& admitted, const provider::RequestContext& context, const Route& route,
                                  const Facts& facts) {
  const bool named = admitted.resolved.named;
  Attempt attempt{.state = admitted.resolved.state,
                  .target = 0,
                  .context = context,
                  .wishes = admitted.wishes,
                  .grants = {},
                  .purse = admitted.purse,
                  .bill = admitted.settlement.bill(),
                  .prompt_tokens = facts.prompt_tokens,
                  .answer_tokens = facts.answer_tokens,
                  // A target that was named has no rival to hand over to: it may take its time.
                  .first_token_timeout = named ? route.first_token_timeout : route.timeout,
                  .guarded = named};
  if (named) attempt.context.deadline = context.deadline.earlier(Deadline::after(Clock::now(), route.timeout));
  return attempt;
}

Task<Result<Answer>> RouterImpl::async_answer(Admitted& admitted, const provider::RequestContext& context, Ask ask,
                                              const Facts& given, Decision& decision) {
  const auto& [state, first, named] = admitted.resolved;
  const Table& table = *state->table;
  std::vector<const Route*> routes{first};
  for (const std::string& fallback : first->fallback) {
    if (const Route* route = table.find_route(fallback)) routes.push_back(route);
  }
  std::optional<Error> error;
  Facts facts = given;
  for (const Route* route : routes) {
    if (route->strategy == Strategy::learned) facts.gain = route->model().predict(question_of(ask)).gain;
    Plan plan = make_plan(table, *route, facts, admitted.wishes, {}, state->health, Clock::now(), dice());
    if (route == first) {
      decision.route = static_cast<std::size_t>(route - table.routes.data());
      decision.plan = plan;
      decision.facts.gain = facts.gain;
    }
    bool thrifty = false;
    for (const Candidate& candidate : plan.candidates) {
      if (candidate.exclusion != Exclusion::budget) continue;
      HEARTH_CO_CHECKED(admitted.purse.admit(candidate.cost_usd, WallClock::now()));
      thrifty = true;
    }
    if (plan.order.empty()) {
      Error none = nobody(table, *route, plan, facts, admitted.wishes);
      decision.attempts.push_back(fmt::format("{}: {}", route->name, none.message));
      if (!error) error = std::move(none);
      continue;
    }
    Run run{state, *route,   std::move(plan),  first_attempt(admitted, context, *route, facts),
            ask,   retries_, decision.attempts};
    Result<Answer> answer = co_await run.async_answer();
    if (!answer) {
      error = all_failed(*route, named, std::move(answer).error(), decision.attempts);
      if (error->code == ErrorCode::invalid_request || error->code == ErrorCode::cancelled) break;
      continue;
    }
    if (route != first) {
      answer->degraded.push_back(fmt::format("fallback to route {}", route->name));
      admitted.settlement.outcome().route = route->name;
    }
    if (thrifty) answer->degraded.emplace_back("the budget left no room for dearer targets");
    co_return answer;
  }
  co_return fail(*std::move(error));
}

Task<Result<provider::EventStreamPtr>> RouterImpl::async_generate(provider::RequestContext context, Ask ask,
                                                                  Facts facts, std::string name, std::int32_t n) {
  HEARTH_CO_TRY(Admitted admitted, admit(context, name, facts));
  const auto& resolved = admitted.resolved;
  auto decision = std::make_shared<Decision>(Decision{.id = decisions_.next_id(),
                                                      .state = resolved.state,
                                                      .route = 0,
                                                      .facts = facts,
                                                      .wishes = admitted.wishes,
                                                      .grants = {},
                                                      .plan = {},
                                                      .attempts = {}});
  admitted.settlement.outcome().decision = decision->id;
  Result<Answer> answer = co_await async_answer(admitted, context, std::move(ask), facts, *decision);
  admitted.settlement.outcome().attempts = static_cast<std::int32_t>(decision->attempts.size());
  decisions_.keep(std::move(decision));
  if (!answer) {
    admitted.settlement.ended(answer.error().code);
    co_return fail(std::move(answer).error());
  }
  std::ranges::move(admitted.purse.warnings(WallClock::now()), std::back_inserter(answer->degraded));
  const std::size_t preferred = admitted.wishes.preferred;
  if (preferred != SIZE_MAX && preferred != answer->target) {
    answer->degraded.push_back(fmt::format("model changed from {}", resolved.state->table->targets[preferred].name));
  }
  if (resolved.named) sessions_->put(session_of(context, facts.begins), answer->target);
  co_return std::make_unique<RoutedStream>(resolved.state, std::move(*answer), n, std::move(admitted.settlement));
}

Result<std::vector<Attempt>> RouterImpl::attempts(const Admitted& admitted, const provider::RequestContext& context,
                                                  const Facts& facts) {
  const auto& [state, route, named] = admitted.resolved;
  const Table& table = *state->table;
  const Plan plan = make_plan(table, *route, facts, admitted.wishes, {}, state->health, Clock::now(), dice());
  if (plan.order.empty()) return fail(nobody(table, *route, plan, facts, admitted.wishes));
  std::vector<Attempt> out;
  for (const std::size_t place : plan.order) {
    out.push_back(first_attempt(admitted, context, *route, facts));
    out.back().target = plan.candidates[place].target;
  }
  return out;
}

void RouterImpl::note_whole(Admitted& admitted, const Attempt& attempt, std::optional<ErrorCode> error,
                            std::int64_t prompt_tokens) {
  admitted.settlement.ended(error);
  Outcome& outcome = admitted.settlement.outcome();
  ++outcome.attempts;
  if (error) return;
  const Target& target = attempt.state->table->targets[attempt.target];
  outcome.target = target.name;
  outcome.zone = policy::name_of(target.zone);
  outcome.usage.prompt_tokens = prompt_tokens;
}

Task<Result<inference::Embeddings>> RouterImpl::async_embed(provider::RequestContext context,
                                                            inference::EmbeddingRequest request) {
  const Facts facts = facts_of(request);
  const std::string name = context.route.empty() ? request.model : context.route;
  HEARTH_CO_TRY(Admitted admitted, admit(context, name, facts));
  const auto ways = attempts(admitted, context, facts);
  if (!ways) {
    admitted.settlement.ended(ways.error().code);
    co_return fail(ways.error());
  }
  // Vectors of two models cannot be compared: no target stands in for another.
  auto out = co_await router::async_embed(ways->front(), std::move(request));
  note_whole(admitted, ways->front(), out ? std::nullopt : std::optional{out.error().code},
             out ? out->prompt_tokens : 0);
  co_return out;
}

Task<Result<inference::Ranking>> RouterImpl::async_rerank(provider::RequestContext context,
                                                          inference::RerankRequest request) {
  const Facts facts = facts_of(request);
  const std::string name = context.route.empty() ? request.model : context.route;
  HEARTH_CO_TRY(Admitted admitted, admit(context, name, facts));
  const auto ways = attempts(admitted, context, facts);
  if (!ways) {
    admitted.settlement.ended(ways.error().code);
    co_return fail(ways.error());
  }
  Result<inference::Ranking> last;
  for (const Attempt& way : *ways) {
    last = co_await router::async_rerank(way, request);
    note_whole(admitted, way, last ? std::nullopt : std::optional{last.error().code}, last ? last->prompt_tokens : 0);
    if (last || last.error().code == ErrorCode::invalid_request) break;
  }
  co_return last;
}

Task<> RouterImpl::async_probe() {
  const StatePtr state = state_.load();
  std::vector<const provider::Remote*> done;
  for (std::size_t i = 0; i < state->table->targets.size(); ++i) {
    provider::Remote* remote = state->table->targets[i].remote;
    if (remote == nullptr || std::ranges::find(done, remote) != done.end()) continue;
    done.push_back(remote);
    const Result<provider::Load> load = co_await remote->async_probe();
    for (std::size_t j = i; j < state->table->targets.size(); ++j) {
      if (state->table->targets[j].remote != remote) continue;
      Health& health = *state->health[j];
      // A server that answers, if only to refuse our key or the path, is alive.
      health.probed(load || load.error().code != ErrorCode::upstream_unavailable, Clock::now());
      if (load) health.published(load->running, load->waiting, load->kv_used);
    }
  }
}

Result<Explanation> RouterImpl::explain(const provider::RequestContext& context,
                                        const inference::ChatRequest& request) const {
  const Resolved resolved = resolve(context.route.empty() ? request.model : context.route);
  Facts facts = facts_of(request);
  facts.gain = resolved.route->model().predict(last_question(request)).gain;
  const Table& table = *resolved.state->table;
  HEARTH_TRY(Wishes wishes, wishes_of(context, table, session_of(context, facts.conversation)));
  wishes.named = !resolved.named;
  wishes.affordable_usd = resolved.state->budgets->purse(wishes.subject, resolved.named ? resolved.route->name : "-")
                              .left(WallClock::now());
  const Clock::time_point now = Clock::now();
  const Plan plan = make_plan(table, *resolved.route, facts, wishes, {}, resolved.state->health, now, dice());
  return explanation_of(table, *resolved.route, facts, wishes, {}, plan, resolved.state->health, now);
}

Result<Explanation> RouterImpl::explain(const std::string& id) const {
  const auto decision = decisions_.find(id);
  if (!decision) {
    return fail(ErrorCode::not_found,
                fmt::format("decision {} is not known; the last {} are", id.substr(0, 80), options_.decisions_kept));
  }
  const Table& table = *decision->state->table;
  Explanation out = explanation_of(table, table.routes[decision->route], decision->facts, decision->wishes,
                                   decision->grants, decision->plan, decision->state->health, Clock::now());
  out.id = decision->id;
  out.attempts = decision->attempts;
  return out;
}

}  // namespace

std::unique_ptr<Router> Router::create(Options options, TablePtr table) {
  return std::make_unique<RouterImpl>(std::move(options), std::move(table));
}

}  // namespace hearth::router
