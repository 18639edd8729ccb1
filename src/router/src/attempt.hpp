// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <variant>
#include <vector>

#include "bill.hpp"
#include "hearth/async/blocking_pool.hpp"
#include "hearth/audit/audit_log.hpp"
#include "hearth/provider/provider.hpp"
#include "plan.hpp"

namespace hearth::router {

/// The table that a request began with and what is known about its targets, by index. Health outlives tables.
struct State {
  TablePtr table;
  std::vector<std::shared_ptr<Health>> health;
  std::shared_ptr<const Budgets> budgets;
  std::uint64_t generation = 0;  // another one after each reload: indices of targets mean something else then
};
using StatePtr = std::shared_ptr<const State>;

/// Estimated tokens of content that no io thread scans: that takes a millisecond, or several if it is all numbers.
inline constexpr std::int64_t kLongContent = 16'000;

/// What generates goes through strategies; embeddings and rankings go to one target after the other.
using Ask = std::variant<inference::ChatRequest, inference::CompletionRequest>;

/// The words that features are looked for in.
std::string_view question_of(const Ask& ask);

/// One request to one target. The permit is asked for here, from what is about to be sent, and nowhere else.
struct Attempt {
  StatePtr state;
  std::size_t target = 0;
  provider::RequestContext context;
  Wishes wishes;
  Purse purse;
  policy::Content looked_at;         // what the scan said of the content that the plan was made for
  audit::AuditLog* audit = nullptr;  // null: nothing is recorded
  std::shared_ptr<Bill> bill = std::make_shared<Bill>();
  async::BlockingPool* blocking = nullptr;  // where long content is prepared
  std::int64_t prompt_tokens = 0;
  std::int64_t answer_tokens = 0;  // expected: what is set aside for it
  std::chrono::milliseconds first_token_timeout{};
  /// The circuit breaker may refuse it. Not where the target was named and nothing stands behind it: there the target's
  /// own answer, a full queue for instance, says more than ours.
  bool guarded = true;
};

/// Sends and waits for the first content: until then a server that accepts, or even begins to stream, has promised
/// nothing. The stream gives out everything from the beginning. Counts into the target's health, now and until the
/// stream ends. Errors: `unavailable` while the breaker is open, `forbidden`, budget_exhausted, deadline_exceeded, and
/// the provider's own.
Task<Result<provider::EventStreamPtr>> async_begin(Attempt attempt, Ask ask);

/// The same for what answers at once.
Task<Result<inference::Embeddings>> async_embed(Attempt attempt, inference::EmbeddingRequest request);
Task<Result<inference::Ranking>> async_rerank(Attempt attempt, inference::RerankRequest request);

}  // namespace hearth::router
