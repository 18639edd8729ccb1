// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/router.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>

#include "decisions.hpp"
#include "routed_stream.hpp"
#include "run.hpp"
#include "sessions.hpp"

namespace hearth::router {
namespace {

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

/// A table of one target and one route to it.
TablePtr single(const Table& from, Target target) {
  auto table = std::make_shared<Table>();
  table->policy = from.policy;
  table->routes.push_back({.name = target.name, .strategy = Strategy::direct, .targets = {0}});
  table->targets.push_back(std::move(target));
  return table;
}

constexpr Capabilities kEverything = static_cast<Capabilities>(~0U);

/// Why no target is left: by the last condition that any of them reached.
Error nobody(const Table& table, const Route& route, const Plan& plan, const Facts& facts, const Wishes& wishes) {
  Exclusion last = Exclusion::none;
  for (const Candidate& candidate : plan.candidates) last = std::max(last, candidate.exclusion);
  const auto error = [](ErrorCode code, std::string message) {
    return Error{.code = code, .message = std::move(message), .param = {}, .retry_after = {}};
  };
  switch (last) {
    case Exclusion::capability: {
      Capabilities missing = kEverything;
      for (const Candidate& c : plan.candidates) {
        if (c.exclusion == last) {
          missing &= static_cast<Capabilities>(facts.needs & ~table.targets[c.target].capabilities);
        }
      }
      return error(ErrorCode::unsupported,
                   fmt::format("no target of {} that is permitted has all of: {}{}", route.name, names_of(facts.needs),
                               missing == 0 ? "" : fmt::format("; all lack: {}", names_of(missing))));
    }
    case Exclusion::context:
      return error(ErrorCode::context_too_long,
                   fmt::format("the prompt has about {} tokens, more than any target of {} takes", facts.prompt_tokens,
                               route.name));
    case Exclusion::cost:
      return error(ErrorCode::invalid_request,
                   fmt::format("every target of {} costs more than x-hearth-max-cost", route.name));
    case Exclusion::latency:
      return error(
          ErrorCode::invalid_request,
          fmt::format("every target of {} is expected to take longer than x-hearth-max-latency-ms", route.name));
    case Exclusion::health: {
      Error down = error(ErrorCode::upstream_unavailable,
                         fmt::format("every target of {} failed too often lately; try again in a moment", route.name));
      down.retry_after = std::chrono::seconds{1};
      return down;
    }
    case Exclusion::none:
    case Exclusion::policy: break;
  }
  return error(ErrorCode::forbidden,
               fmt::format("policy permits content labelled {} at no target of {}; POST /admin/explain says why",
                           policy::name_of(wishes.label), route.name));
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
  Resolved resolve(const std::string& name) const;
  Result<Wishes> wishes_of(const provider::RequestContext& context, const Table& table, std::uint64_t session) const;
  static std::uint64_t session_of(const provider::RequestContext& context, std::uint64_t conversation);
  Task<Result<provider::EventStreamPtr>> async_generate(provider::RequestContext context, Ask ask, Facts facts,
                                                        std::string name, std::int32_t n);
  /// Everything that may answer a request that is no stream, in order.
  Result<std::vector<Attempt>> attempts(const provider::RequestContext& context, const std::string& name,
                                        const Facts& facts) const;
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
  state->table = std::move(table);
  return state;
}

Resolved RouterImpl::resolve(const std::string& name) const {
  StatePtr state = state_.load();
  if (const Route* route = state->table->find_route(name)) return {std::move(state), route, true};
  std::size_t index = state->table->find_target(name);
  if (index == SIZE_MAX) index = state->table->find_target("local/" + name);
  constexpr std::string_view kLocal = "local/";
  auto alone = std::make_shared<State>();
  if (index != SIZE_MAX) {
    alone->table = single(*state->table, state->table->targets[index]);
    alone->health = {state->health[index]};
  } else {
    const std::string model = name.starts_with(kLocal) ? name.substr(kLocal.size()) : name;
    // Whatever it can do it does, and what it cannot it refuses better than a list of capabilities would.
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

Task<Result<provider::EventStreamPtr>> RouterImpl::async_generate(provider::RequestContext context, Ask ask,
                                                                  Facts facts, std::string name, std::int32_t n) {
  Resolved resolved = resolve(name);
  const std::uint64_t session = session_of(context, facts.conversation);
  HEARTH_CO_TRY(Wishes wishes, wishes_of(context, *resolved.state->table, resolved.named ? session : 0));
  wishes.named = !resolved.named;
  auto decision = std::make_shared<Decision>(Decision{.id = decisions_.next_id(),
                                                      .state = resolved.state,
                                                      .route = 0,
                                                      .facts = facts,
                                                      .wishes = wishes,
                                                      .grants = {},
                                                      .plan = {},
                                                      .attempts = {}});
  const Table& table = *resolved.state->table;
  std::vector<const Route*> routes{resolved.route};
  for (const std::string& fallback : resolved.route->fallback) {
    if (const Route* route = table.find_route(fallback)) routes.push_back(route);
  }
  std::optional<Error> error;
  for (const Route* route : routes) {
    Plan plan = make_plan(table, *route, facts, wishes, decision->grants, resolved.state->health, Clock::now(), dice());
    if (route == resolved.route) {
      decision->route = static_cast<std::size_t>(route - table.routes.data());
      decision->plan = plan;
    }
    if (plan.order.empty()) {
      Error none = nobody(table, *route, plan, facts, wishes);
      decision->attempts.push_back(fmt::format("{}: {}", route->name, none.message));
      if (!error) error = std::move(none);
      continue;
    }
    provider::RequestContext bounded = context;
    if (resolved.named) {
      bounded.deadline = context.deadline.earlier(Deadline::after(Clock::now(), route->timeout));
    }
    Attempt base{.state = resolved.state,
                 .target = 0,
                 .context = std::move(bounded),
                 .wishes = wishes,
                 .grants = decision->grants,
                 .prompt_tokens = facts.prompt_tokens,
                 // A target that was named has no rival to hand over to: it may take its time.
                 .first_token_timeout = resolved.named ? route->first_token_timeout : route->timeout,
                 .guarded = resolved.named};
    Run run{resolved.state, *route, std::move(plan), std::move(base), ask, retries_, decision->attempts};
    Result<Answer> answer = co_await run.async_answer();
    if (!answer) {
      error = all_failed(*route, resolved.named, std::move(answer).error(), decision->attempts);
      if (error->code == ErrorCode::invalid_request || error->code == ErrorCode::cancelled) break;
      continue;
    }
    if (route != resolved.route) answer->degraded.push_back(fmt::format("fallback to route {}", route->name));
    if (wishes.preferred != SIZE_MAX && wishes.preferred != answer->target) {
      answer->degraded.push_back(fmt::format("model changed from {}", table.targets[wishes.preferred].name));
    }
    if (resolved.named) sessions_->put(session_of(context, facts.begins), answer->target);
    Outcome outcome{
        .decision = decision->id, .route = resolved.named ? route->name : "-", .principal = context.principal};
    outcome.attempts = static_cast<std::int32_t>(decision->attempts.size());
    decisions_.keep(std::move(decision));
    co_return std::make_unique<RoutedStream>(resolved.state, std::move(*answer), n, std::move(outcome),
                                             options_.on_outcome);
  }
  Outcome outcome{
      .decision = decision->id, .route = resolved.named ? resolved.route->name : "-", .principal = context.principal};
  outcome.error = error->code;
  decisions_.keep(std::move(decision));
  if (options_.on_outcome) options_.on_outcome(std::move(outcome));
  co_return fail(*std::move(error));
}

Result<std::vector<Attempt>> RouterImpl::attempts(const provider::RequestContext& context, const std::string& name,
                                                  const Facts& facts) const {
  const Resolved resolved = resolve(name);
  const Table& table = *resolved.state->table;
  HEARTH_TRY(Wishes wishes, wishes_of(context, table, 0));
  wishes.named = !resolved.named;
  const Plan plan = make_plan(table, *resolved.route, facts, wishes, {}, resolved.state->health, Clock::now(), dice());
  if (plan.order.empty()) return fail(nobody(table, *resolved.route, plan, facts, wishes));
  std::vector<Attempt> out;
  for (const std::size_t place : plan.order) {
    out.push_back({.state = resolved.state,
                   .target = plan.candidates[place].target,
                   .context = context,
                   .wishes = wishes,
                   .grants = {},
                   .prompt_tokens = facts.prompt_tokens,
                   .first_token_timeout = resolved.route->first_token_timeout,
                   .guarded = resolved.named});
  }
  return out;
}

Task<Result<inference::Embeddings>> RouterImpl::async_embed(provider::RequestContext context,
                                                            inference::EmbeddingRequest request) {
  const std::string name = context.route.empty() ? request.model : context.route;
  HEARTH_CO_TRY(const auto ways, attempts(context, name, facts_of(request)));
  // Vectors of two models cannot be compared: no target stands in for another.
  co_return co_await router::async_embed(ways.front(), std::move(request));
}

Task<Result<inference::Ranking>> RouterImpl::async_rerank(provider::RequestContext context,
                                                          inference::RerankRequest request) {
  const std::string name = context.route.empty() ? request.model : context.route;
  HEARTH_CO_TRY(const auto ways, attempts(context, name, facts_of(request)));
  Result<inference::Ranking> last;
  for (const Attempt& way : ways) {
    last = co_await router::async_rerank(way, request);
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
  const Facts facts = facts_of(request);
  const Resolved resolved = resolve(context.route.empty() ? request.model : context.route);
  const Table& table = *resolved.state->table;
  HEARTH_TRY(Wishes wishes, wishes_of(context, table, session_of(context, facts.conversation)));
  wishes.named = !resolved.named;
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
