// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <span>
#include <utility>

#include "belongs.hpp"
#include "content_labels.hpp"
#include "hearth/base/checksum.hpp"
#include "hearth/base/log.hpp"
#include "hearth/models/name.hpp"
#include "router_impl.hpp"

namespace hearth::router {
namespace {

constexpr std::string_view kLocal = "local/";

/// Whatever it can do it does, and what it cannot it refuses better than a list of capabilities would.
constexpr Capabilities kEverything = static_cast<Capabilities>(~0U);

/// A table of one target and one route to it.
TablePtr single(const Table& from, Target target) {
  auto table = std::make_shared<Table>();
  table->zone = from.zone;
  table->policy = from.policy;
  table->scanner = from.scanner;
  table->redaction = from.redaction;
  table->routes.push_back({.name = target.name, .strategy = Strategy::direct, .targets = {0}});
  table->targets.push_back(std::move(target));
  return table;
}

/// The same table, or one with every target where its server proved to run it.
TablePtr placed(TablePtr table, const std::vector<std::shared_ptr<Health>>& health) {
  std::shared_ptr<Table> moved;
  for (std::size_t i = 0; i < table->targets.size(); ++i) {
    const Target& target = table->targets[i];
    if (!target.stands_in) continue;
    const policy::Zone zone = health[i]->runs_itself() ? *target.stands_in : policy::Zone::cloud;
    if (zone == target.zone) continue;
    if (!moved) moved = std::make_shared<Table>(*table);
    moved->targets[i].zone = zone;
    log::info("router.placed", {{"target", target.name}, {"zone", policy::name_of(zone)}});
  }
  if (moved) return moved;
  return table;
}

/// Ollama calls a model without a tag `:latest`, and clients leave that out.
std::string_view without_latest(std::string_view model) {
  constexpr std::string_view kLatest = ":latest";
  if (model.ends_with(kLatest)) model.remove_suffix(kLatest.size());
  return model;
}

/// The one name, of those that the store takes for it, by which rules know a model of this machine.
std::string local_name(std::string_view name) {
  if (name.starts_with(kLocal)) name.remove_prefix(kLocal.size());
  const auto parsed = models::Name::parse(name);
  return fmt::format("{}{}", kLocal, parsed ? without_latest(parsed->display()) : name);
}

bool lists(const std::vector<std::string>& models, std::string_view model) {
  return std::ranges::find(models, model) != models.end();
}

Task<> async_probe_one(const State& state, provider::Remote& remote) {
  const Result<provider::Load> load = co_await remote.async_probe();
  for (std::size_t i = 0; i < state.table->targets.size(); ++i) {
    const Target& target = state.table->targets[i];
    if (target.remote != &remote) continue;
    Health& health = *state.health[i];
    // A server that answers, if only to refuse our key or the path, is alive.
    health.probed(load || load.error().code != ErrorCode::upstream_unavailable, Clock::now());
    if (!load) continue;
    health.published(load->running, load->waiting, load->kv_used);
    health.placed(lists(load->models, target.model) && !lists(load->relayed, target.model));
  }
}

/// All at the same time, so that one that says nothing holds up no other: a binary tree of pairs, since && takes two.
Task<> async_probe_all(const State& state, std::span<provider::Remote* const> remotes) {
  using namespace asio::experimental::awaitable_operators;
  if (remotes.empty()) co_return;
  if (remotes.size() == 1) co_return co_await async_probe_one(state, *remotes.front());
  const std::size_t half = remotes.size() / 2;
  co_await (async_probe_all(state, remotes.first(half)) && async_probe_all(state, remotes.subspan(half)));
}

}  // namespace

std::uint32_t dice() {
  thread_local std::mt19937 random{std::random_device{}()};
  return static_cast<std::uint32_t>(random());
}

StatePtr RouterImpl::make_state(TablePtr table) const {
  auto state = std::make_shared<State>();
  const StatePtr old = state_.load();
  for (const Target& target : table->targets) {
    const std::size_t known = old ? old->table->find_target(target.name) : SIZE_MAX;
    // What was learned of another server under the same name says nothing of this one.
    const bool same = known != SIZE_MAX && old->table->targets[known].remote == target.remote;
    state->health.push_back(same ? old->health[known] : std::make_shared<Health>());
  }
  state->generation = old ? old->generation + 1 : 0;
  state->budgets = Budgets::make(table->budgets, old ? old->budgets.get() : nullptr);
  remember_spending(*state->budgets);
  state->table = placed(std::move(table), state->health);
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
      const policy::Subject subject = subject_of(one.principal, one.belongs);
      const bool named = policy::names(budget.principal, subject) ||
                         (subject.behalf && policy::names(budget.principal, *subject.behalf));
      if (named && policy::matches_glob(budget.route, one.route)) {
        budgets.spent_before(i, one.usd, now);
      }
    }
  }
}

Resolved RouterImpl::resolve(const std::string& name) const {
  StatePtr state = state_.load();
  if (const Route* route = state->table->find_route(name)) return {std::move(state), route, true};
  std::size_t index = state->table->find_target(name);
  if (index == SIZE_MAX) index = state->table->find_target(fmt::format("{}{}", kLocal, name));
  const std::string local = local_name(name);
  if (index == SIZE_MAX) index = state->table->find_target(local);
  auto alone = std::make_shared<State>();
  alone->budgets = state->budgets;
  if (index != SIZE_MAX) {
    alone->table = single(*state->table, state->table->targets[index]);
    alone->health = {state->health[index]};
  } else {
    alone->table = single(*state->table, {.name = local,
                                          .model = local.substr(kLocal.size()),
                                          .zone = state->table->zone,
                                          .capabilities = kEverything,
                                          .local = options_.local});
    alone->health = {std::make_shared<Health>()};
  }
  const Route* route = &alone->table->routes.front();
  return {std::move(alone), route, false};
}

std::uint64_t RouterImpl::session_of(const provider::RequestContext& context, const Resolved& resolved,
                                     std::uint64_t conversation) {
  const std::uint64_t begins = context.session.empty() ? conversation : hash_of(context.session) | 1;
  if (!resolved.named || begins == 0) return 0;
  return hash_of(context.principal, hash_of(resolved.route->name, begins + resolved.state->generation)) | 1;
}

void RouterImpl::place(const StatePtr& state) {
  TablePtr table = placed(state->table, state->health);
  if (table == state->table) return;
  auto next = std::make_shared<State>(*state);
  next->table = std::move(table);
  StatePtr expected = state;
  state_.compare_exchange_strong(expected, std::move(next));  // a reload that came between placed its own
}

Result<Wishes> RouterImpl::wishes_of(const provider::RequestContext& context, const Resolved& resolved,
                                     std::uint64_t session) const {
  Wishes wishes{.subject = context.subject ? *context.subject : policy::Subject{.principal = context.principal},
                .route = resolved.named ? resolved.route->name : std::string{},
                .label = resolved.state->table->policy->default_label(),
                .max_cost_usd = context.max_cost,
                .max_latency = context.max_latency,
                .preferred = sessions_->find(session),
                .named = !resolved.named,
                .asked_at = WallClock::now()};
  if (!context.label.empty()) {
    HEARTH_TRY(wishes.label, policy::parse_label(context.label));  // the default is for those who say nothing
  }
  if (resolved.route->label) wishes.label = std::max(wishes.label, *resolved.route->label);
  return wishes;
}

policy::Label RouterImpl::remembered(const provider::RequestContext& context,
                                     const inference::ChatRequest& request) const {
  if (labels_.empty()) return policy::Label::public_;
  return labels_.highest(message_keys(context.principal, context.session, request, Keys::history));
}

Task<> RouterImpl::async_probe() {
  const StatePtr state = state_.load();
  std::vector<provider::Remote*> remotes;
  for (const Target& target : state->table->targets) {
    const bool known = target.remote == nullptr || std::ranges::find(remotes, target.remote) != remotes.end();
    if (!known) remotes.push_back(target.remote);
  }
  co_await async_probe_all(*state, remotes);
  place(state);
}

Result<Explanation> RouterImpl::explain(const provider::RequestContext& context,
                                        const inference::ChatRequest& request) const {
  const Resolved resolved = resolve(context.route.empty() ? request.model : context.route);
  Facts facts = facts_of(request);
  facts.gain = resolved.route->model().predict(last_question(request)).gain;
  const Table& table = *resolved.state->table;
  HEARTH_TRY(Wishes wishes, wishes_of(context, resolved, session_of(context, resolved, facts.conversation)));
  look_into(request, table, facts);
  wishes.label = std::max(wishes.label, remembered(context, request));
  wishes.affordable_usd = resolved.state->budgets->purse(wishes.subject, resolved.named ? resolved.route->name : "-")
                              .left(WallClock::now());
  const Clock::time_point now = Clock::now();
  const Plan plan = make_plan(table, *resolved.route, facts, wishes, resolved.state->health, now, dice());
  return explanation_of(table, *resolved.route, facts, wishes, plan, resolved.state->health, now);
}

Result<Explanation> RouterImpl::explain(const std::string& id) const {
  const auto decision = decisions_.find(id);
  if (!decision) {
    return fail(ErrorCode::not_found,
                fmt::format("decision {} is not known; the last {} are", id.substr(0, 80), options_.decisions_kept));
  }
  const Table& table = *decision->state->table;
  Explanation out = explanation_of(table, table.routes[decision->route], decision->facts, decision->wishes,
                                   decision->plan, decision->state->health, Clock::now());
  out.id = decision->id;
  out.attempts = decision->attempts;
  return out;
}

std::unique_ptr<Router> Router::create(Options options, TablePtr table) {
  return std::make_unique<RouterImpl>(std::move(options), std::move(table));
}

}  // namespace hearth::router
