// SPDX-License-Identifier: Apache-2.0
// Embeddings and rankings.
#include <utility>

#include "content_labels.hpp"
#include "plan_error.hpp"
#include "router_impl.hpp"

namespace hearth::router {

Result<std::vector<Attempt>> RouterImpl::attempts(const Admitted& admitted, const provider::RequestContext& context,
                                                  const Facts& facts) const {
  const auto& [state, route, named] = admitted.resolved;
  const Table& table = *state->table;
  const Plan plan = make_plan(table, *route, facts, admitted.wishes, state->health, Clock::now(), dice());
  if (plan.order.empty()) {
    Error none = nobody(table, *route, plan, facts, admitted.wishes);
    record_refusal(none, admitted, context, facts);
    return fail(std::move(none));
  }
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
  Facts facts = facts_of(request);
  const std::string name = context.route.empty() ? request.model : context.route;
  HEARTH_CO_TRY(Admitted admitted, admit(context, name, facts));
  co_await async_look_into(options_.blocking, request, *admitted.resolved.state->table, facts);
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
  Facts facts = facts_of(request);
  const std::string name = context.route.empty() ? request.model : context.route;
  HEARTH_CO_TRY(Admitted admitted, admit(context, name, facts));
  co_await async_look_into(options_.blocking, request, *admitted.resolved.state->table, facts);
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

}  // namespace hearth::router
