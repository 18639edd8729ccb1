// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "answer_cache.hpp"
#include "decisions.hpp"
#include "hearth/router/router.hpp"
#include "label_memory.hpp"
#include "routed_stream.hpp"
#include "run.hpp"
#include "sessions.hpp"

namespace hearth::router {

/// A request's name, looked up.
struct Resolved {
  StatePtr state;
  const Route* route = nullptr;  // of state->table
  bool named = false;            // a route of the configuration, not one target by its name
};

/// Random bits.
std::uint32_t dice();

/// In three files: router.cpp (names, tables, explanations), router_streams.cpp (what generates), router_whole.cpp
/// (what answers at once).
class RouterImpl final : public Router {
 public:
  RouterImpl(Options options, TablePtr table)
      : options_{std::move(options)}, sessions_{std::make_unique<Sessions>()}, decisions_{options_.decisions_kept} {
    state_.store(make_state(std::move(table)));
  }

  void replace(TablePtr table) override {
    state_.store(make_state(std::move(table)));
    cache_.clear();
  }
  TablePtr table() const override { return state_.load()->table; }

  Task<Result<provider::EventStreamPtr>> async_chat(provider::RequestContext context,
                                                    inference::ChatRequest request) override {
    const Facts facts = facts_of(request);
    std::string name = context.route.empty() ? request.model : context.route;
    const std::int32_t n = request.generation.n;
    return async_generate(std::move(context), std::move(request), facts, std::move(name), n);
  }
  Task<Result<provider::EventStreamPtr>> async_complete(provider::RequestContext context,
                                                        inference::CompletionRequest request) override {
    const Facts facts = facts_of(request);
    std::string name = context.route.empty() ? request.model : context.route;
    const std::int32_t n = request.generation.n;
    return async_generate(std::move(context), std::move(request), facts, std::move(name), n);
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
  Result<Wishes> wishes_of(const provider::RequestContext& context, const Resolved& resolved,
                           std::uint64_t session) const;
  /// The key under which a principal's conversation at a route is remembered while this table lasts; 0: none.
  static std::uint64_t session_of(const provider::RequestContext& context, const Resolved& resolved,
                                  std::uint64_t conversation);
  /// Puts targets where their servers proved to run them.
  void place(const StatePtr& state);
  Task<Result<provider::EventStreamPtr>> async_generate(provider::RequestContext context, Ask ask, Facts facts,
                                                        std::string name, std::int32_t n);
  /// The label that this conversation had before, and does not lose.
  policy::Label remembered(const provider::RequestContext& context, const inference::ChatRequest& request) const;
  /// A request that has an entry in the ledger: from here on it ends exactly once.
  struct Admitted {
    Resolved resolved;
    Wishes wishes;
    Purse purse;
    Settlement settlement;
    Clock::time_point began;
  };
  /// From here on the request spends what that route may: its budgets, not those of the route that it came by.
  static Result<> draw_on(const Route& route, Admitted& admitted);
  Result<Admitted> admit(const provider::RequestContext& context, const std::string& name, const Facts& facts);
  /// Raises the label to what the conversation had, and remembers what is said of it now.
  void keep_label(const provider::RequestContext& context, const Ask& ask, Admitted& admitted);
  Attempt first_attempt(const Admitted& admitted, const provider::RequestContext& context, const Route& route,
                        const Facts& facts) const;
  /// `none` is why no target is left; a refusal by policy is put on record.
  void record_refusal(const Error& none, const Admitted& admitted, const provider::RequestContext& context,
                      const Facts& facts) const;
  Task<Result<Answer>> async_answer(Admitted& admitted, const provider::RequestContext& context, const Ask& ask,
                                    const Facts& facts, Decision& decision);
  /// One route of the chain that a request may fall down.
  struct Leg {
    const Route& route;
    bool more_behind = false;
  };
  struct Tried {
    Result<Answer> answer;
    bool asked = false;  // a target was; else nobody could be
  };
  Task<Tried> async_route(Leg leg, Admitted& admitted, const provider::RequestContext& context, const Ask& ask,
                          Facts facts, Decision& decision);
  /// An earlier answer to this request, of a target that it may use now.
  std::optional<Answer> from_cache(Decision& decision, const Route& route, const Ask& ask,
                                   const Admitted& admitted) const;
  Afterwards afterwards_of(const Admitted& admitted, const Answer& answer, const Facts& facts, Ask ask, std::int32_t n);
  void start_shadow(ShadowCheck check);
  /// Everything that may answer a request that is no stream, in order.
  Result<std::vector<Attempt>> attempts(const Admitted& admitted, const provider::RequestContext& context,
                                        const Facts& facts) const;
  static void note_whole(Admitted& admitted, const Attempt& attempt, std::optional<ErrorCode> error,
                         std::int64_t prompt_tokens);
  static Error all_failed(const Route& route, bool named, Error last, const std::vector<std::string>& notes);

  const Options options_;
  std::atomic<StatePtr> state_;
  std::unique_ptr<Sessions> sessions_;
  LabelMemory labels_;
  Decisions decisions_;
  RetryBudget retries_;
  AnswerCache cache_;
};

}  // namespace hearth::router
