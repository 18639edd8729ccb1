// SPDX-License-Identifier: Apache-2.0
#include "attempt.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "hearth/base/id.hpp"
#include "hearth/base/log.hpp"
#include "hearth/privacy/redaction.hpp"
#include "record.hpp"
#include "restored_stream.hpp"

namespace hearth::router {
namespace {

/// Counts a request into its target's health for as long as it lives.
class Running {
 public:
  explicit Running(std::shared_ptr<Health> health) : health_{std::move(health)} { health_->started(); }
  Running(Running&& other) noexcept = default;
  Running& operator=(Running&&) = delete;
  ~Running() {
    if (health_) health_->ended();
  }
  Health& health() const { return *health_; }

 private:
  std::shared_ptr<Health> health_;
};

class WatchedStream final : public provider::EventStream {
 public:
  WatchedStream(StatePtr state, std::size_t target, Running running, Charge charge, provider::EventStreamPtr stream)
      : state_{std::move(state)},
        target_{state_->table->targets[target]},
        running_{std::move(running)},
        charge_{std::move(charge)},
        stream_{std::move(stream)} {}

  /// Up to the first content; a failure before it is the result.
  Task<Result<>> async_open(Clock::time_point sent, std::int64_t prompt_tokens) {
    while (true) {
      std::optional<inference::Event> event = stream_->next_at_hand();
      if (!event) event = co_await stream_->async_next();
      if (!event) break;
      if (auto* failed = std::get_if<inference::Failed>(&event->body)) co_return fail(std::move(failed->error));
      const bool content = inference::is_content(*event);
      charge_.note(*event);
      held_.push_back(std::move(*event));
      if (!content) continue;
      opened_ = Clock::now();
      running_.health().first_content(opened_ - sent, prompt_tokens);
      compare_models();
      co_return Result<>{};
    }
    co_return fail(ErrorCode::upstream_error, "the stream ended before its first content");
  }

  Task<std::optional<inference::Event>> async_next() override {
    std::optional<inference::Event> event = next_at_hand();
    if (event) co_return event;
    event = co_await stream_->async_next();
    if (event) note_new(*event);
    co_return event;
  }
  std::optional<inference::Event> next_at_hand() override {
    std::optional<inference::Event> event;
    if (given_ < held_.size()) {
      event = std::move(held_[given_++]);
      note(*event);
    } else if ((event = stream_->next_at_hand())) {
      note_new(*event);
    }
    return event;
  }
  std::vector<std::string> degraded() const override {
    std::vector<std::string> words = stream_->degraded();
    words.insert(words.end(), changes_.begin(), changes_.end());
    return words;
  }

 private:
  /// No model changes silently, also not behind a name that stays.
  void compare_models() {
    const std::string_view told = stream_->told_model();
    if (!told.empty() && told.find(target_.model) == std::string_view::npos &&
        std::string_view{target_.model}.find(told) == std::string_view::npos) {
      changes_.push_back(fmt::format("{} says that it ran {}", target_.name, told));
    }
    compare_nodes(told);
    if (const auto before = running_.health().told(told)) {
      changes_.push_back(fmt::format("{} changed from {} to {}", target_.name, *before, told));
      log::warn("a target runs another model than before",
                {{"target", target_.name}, {"before", *before}, {"now", std::string{told}}});
    }
  }

  /// One name at two servers shall be one model: versions that drifted apart answer one conversation differently.
  void compare_nodes(std::string_view told) {
    if (told.empty()) return;
    for (std::size_t i = 0; i < state_->table->targets.size(); ++i) {
      const Target& other = state_->table->targets[i];
      if (&other == &target_ || other.model != target_.model) continue;
      const auto theirs = state_->health[i]->last_told();
      if (theirs && *theirs != told)
        changes_.push_back(fmt::format("{} runs {}, {} {}", target_.name, told, other.name, *theirs));
    }
  }

  void note_new(const inference::Event& event) {
    charge_.note(event);
    note(event);
  }

  void note(const inference::Event& event) {
    if (const auto* done = std::get_if<inference::Finished>(&event.body)) {
      running_.health().succeeded(Clock::now() - opened_, done->usage.completion_tokens);
    } else if (const auto* failed = std::get_if<inference::Failed>(&event.body)) {
      running_.health().failed(failed->error, Clock::now());
    }
  }

  StatePtr state_;
  const Target& target_;
  Running running_;
  Charge charge_;
  provider::EventStreamPtr stream_;
  std::vector<std::string> changes_;
  std::vector<inference::Event> held_;
  std::size_t given_ = 0;  // of held_
  Clock::time_point opened_;
};

/// What is known of a request as it is about to be sent.
struct Prepared {
  std::shared_ptr<const privacy::Placeholders> hidden;  // null: nothing is
  policy::Content content;
};

/// Hides in `request` what the target's zone may not see, and looks again at what is left.
template <class Request>
Result<Prepared> prepare(const Attempt& attempt, Request& request) {
  const Table& table = *attempt.state->table;
  std::shared_ptr<const privacy::Placeholders> hidden;
  policy::Label left = policy::Label::public_;
  if (table.redacts(table.targets[attempt.target])) {
    if constexpr (std::is_same_v<Request, inference::ChatRequest>) {
      if (request.verbatim && request.verbatim->beyond) return fail(*request.verbatim->beyond);
    }
    auto placeholders = std::make_shared<privacy::Placeholders>();
    placeholders->hide(*table.scanner, table.redaction.types, request);
    left = placeholders->left();
    if (!placeholders->empty()) hidden = std::move(placeholders);
  }
  policy::Content content = attempt.looked_at;
  content.digest = policy::ContentDigest::of(request);
  content.minute_of_week = policy::minute_of_week(WallClock::now());
  const bool changed = !(content.digest == attempt.looked_at.digest);
  if (changed && table.scanner) content.label = privacy::label_of(*table.scanner, request);
  content.label = std::max({content.label, left, attempt.wishes.label});
  return Prepared{std::move(hidden), content};
}

/// The same; for long content in the pool.
template <class Request>
Task<Result<Prepared>> async_prepare(const Attempt& attempt, Request& request) {
  if (attempt.blocking == nullptr || attempt.prompt_tokens <= kLongContent) co_return prepare(attempt, request);
  auto work = [&attempt, &request] { return prepare(attempt, request); };
  co_return co_await attempt.blocking->async_run(std::move(work));
}

/// The permit for this content at this target.
Result<policy::Permit> permit_for(const Attempt& attempt, const policy::Content& content) {
  const Target& target = attempt.state->table->targets[attempt.target];
  auto permit = attempt.state->table->policy->permit(attempt.wishes.subject, content, target.destination(),
                                                     grants_of(attempt.wishes, target));
  if (permit) return *std::move(permit);
  return fail(ErrorCode::forbidden, fmt::format("policy does not permit this content at {}", target.name));
}

/// The permit's record: durable before anything can leave the machine.
Task<Result<>> async_record(const Attempt& attempt, const Prepared& prepared, const policy::Permit& permit) {
  const Target& target = attempt.state->table->targets[attempt.target];
  audit::Record record = record_of(attempt.wishes, prepared.content.label, attempt.context.id, attempt.prompt_tokens);
  record.hidden = prepared.hidden ? static_cast<std::int64_t>(prepared.hidden->size()) : 0;
  record.kind = target.remote != nullptr ? audit::Record::Kind::egress : audit::Record::Kind::local;
  record.permit = random_id("perm_");
  record.target = target.name;
  record.zone = policy::name_of(target.zone);
  record.region = target.region;
  record.rule = permit.rule();
  if (target.remote != nullptr) {
    HEARTH_CO_CHECKED(co_await attempt.audit->async_append(std::move(record)));
  } else {
    attempt.audit->append(std::move(record));
  }
  co_return Result<>{};
}

Result<Charge> charge_for(const Attempt& attempt, std::int32_t choices) {
  const Price& price = attempt.state->table->targets[attempt.target].price;
  const double expected = cost_of(price, attempt.prompt_tokens, 0, attempt.answer_tokens);
  HEARTH_TRY(Reservation reservation, attempt.purse.reserve(expected, WallClock::now()));
  return Charge{attempt.bill, std::move(reservation), price, attempt.prompt_tokens, choices};
}

Result<> admit(const Attempt& attempt) {
  if (!attempt.guarded || attempt.state->health[attempt.target]->admit(Clock::now())) return {};
  return fail(ErrorCode::unavailable, "failed too often lately and is left alone for a moment");
}

template <class Request>
Task<Result<provider::EventStreamPtr>> send(const Target& target, policy::Permit permit,
                                            provider::RequestContext context, Request request) {
  request.model = target.model;
  constexpr bool kIsChat = std::is_same_v<Request, inference::ChatRequest>;
  if (target.remote != nullptr) {
    if constexpr (kIsChat) {
      return target.remote->async_chat(std::move(permit), target.name, std::move(context), std::move(request));
    } else {
      return target.remote->async_complete(std::move(permit), target.name, std::move(context), std::move(request));
    }
  }
  if constexpr (kIsChat) {
    return target.local->async_chat(std::move(context), std::move(request));
  } else {
    return target.local->async_complete(std::move(context), std::move(request));
  }
}

/// Gives `request` away.
template <class Request>
Task<Result<provider::EventStreamPtr>> async_open(policy::Permit permit, const Attempt& attempt, Request& request,
                                                  const Prepared& prepared) {
  const Target& target = attempt.state->table->targets[attempt.target];
  HEARTH_CO_TRY(Charge charge, charge_for(attempt, request.generation.n));
  Running running{attempt.state->health[attempt.target]};
  const Clock::time_point sent = Clock::now();
  Result<provider::EventStreamPtr> stream =
      co_await send(target, std::move(permit), attempt.context, std::move(request));
  if (!stream) co_return fail(std::move(stream).error());
  if (prepared.hidden) *stream = std::make_unique<RestoredStream>(std::move(*stream), prepared.hidden);
  auto watched = std::make_unique<WatchedStream>(attempt.state, attempt.target, std::move(running), std::move(charge),
                                                 std::move(*stream));
  HEARTH_CO_CHECKED(co_await watched->async_open(sent, attempt.prompt_tokens));
  co_return provider::EventStreamPtr{std::move(watched)};
}

/// As async_open, cancelled at the deadline.
template <class Request>
Task<Result<provider::EventStreamPtr>> async_open_by(Deadline deadline, policy::Permit permit, const Attempt& attempt,
                                                     Request& request, const Prepared& prepared) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer{co_await asio::this_coro::executor, deadline.at()};
  auto first = co_await (async_open(std::move(permit), attempt, request, prepared) || timer.async_wait(use_tuple));
  if (first.index() == 0) co_return std::move(std::get<0>(first));
  const auto [aborted] = std::get<1>(first);
  // The client went away, which ends the timer too: that says nothing about the target.
  if (aborted) co_return fail(ErrorCode::cancelled, "the request was cancelled");
  co_return fail(ErrorCode::deadline_exceeded, "");
}

/// Owns what the others borrow.
template <class Request>
Task<Result<provider::EventStreamPtr>> async_begin_with(Attempt attempt, Request request) {
  HEARTH_CO_CHECKED(admit(attempt));
  const bool is_long = attempt.prompt_tokens > kLongContent;  // for others a coroutine would cost more than the scan
  HEARTH_CO_TRY(const Prepared prepared,
                is_long ? co_await async_prepare(attempt, request) : prepare(attempt, request));
  HEARTH_CO_TRY(policy::Permit permit, permit_for(attempt, prepared.content));
  if (attempt.audit != nullptr) HEARTH_CO_CHECKED(co_await async_record(attempt, prepared, permit));
  const auto timeout = attempt.first_token_timeout;
  const Deadline deadline = attempt.context.deadline.earlier(Deadline::after(Clock::now(), timeout));
  const bool remote = attempt.state->table->targets[attempt.target].remote != nullptr;
  Result<provider::EventStreamPtr> opened;
  if (remote) {
    attempt.context.first_content = deadline;  // kept where the bytes are read, which costs no second coroutine
    opened = co_await async_open(std::move(permit), attempt, request, prepared);
  } else {
    opened = co_await async_open_by(deadline, std::move(permit), attempt, request, prepared);
  }
  if (opened) co_return opened;
  Error error = std::move(opened).error();
  const bool gave_up = error.code == ErrorCode::upstream_unavailable || error.code == ErrorCode::deadline_exceeded;
  if (gave_up && deadline.passed(Clock::now())) {
    error = {.code = ErrorCode::deadline_exceeded,
             .message = fmt::format("no content within {} ms", timeout.count()),
             .param = {},
             .retry_after = {}};
  }
  attempt.state->health[attempt.target]->failed(error, Clock::now());
  co_return fail(std::move(error));
}

/// The end of what answers at once.
template <class Answer>
void settle(const Result<Answer>& answer, Charge& charge, Health& health) {
  if (!answer) return health.failed(answer.error(), Clock::now());
  charge.add_prompt(answer->prompt_tokens);
  health.succeeded({}, 0);
}

}  // namespace

std::string_view question_of(const Ask& ask) {
  if (const auto* chat = std::get_if<inference::ChatRequest>(&ask)) return last_question(*chat);
  const auto* text = std::get_if<std::string>(&std::get<inference::CompletionRequest>(ask).prompt);
  return text == nullptr ? std::string_view{} : *text;
}

Task<Result<provider::EventStreamPtr>> async_begin(Attempt attempt, Ask ask) {
  if (auto* chat = std::get_if<inference::ChatRequest>(&ask)) {
    return async_begin_with(std::move(attempt), std::move(*chat));
  }
  return async_begin_with(std::move(attempt), std::move(std::get<inference::CompletionRequest>(ask)));
}

Task<Result<inference::Embeddings>> async_embed(Attempt attempt, inference::EmbeddingRequest request) {
  HEARTH_CO_CHECKED(admit(attempt));
  const Target& target = attempt.state->table->targets[attempt.target];
  HEARTH_CO_TRY(const Prepared prepared, co_await async_prepare(attempt, request));
  HEARTH_CO_TRY(policy::Permit permit, permit_for(attempt, prepared.content));
  if (attempt.audit != nullptr) HEARTH_CO_CHECKED(co_await async_record(attempt, prepared, permit));
  HEARTH_CO_TRY(Charge charge, charge_for(attempt, 0));
  const Running running{attempt.state->health[attempt.target]};
  request.model = target.model;
  Result<inference::Embeddings> out;
  if (target.remote != nullptr) {
    out = co_await target.remote->async_embed(std::move(permit), target.name, attempt.context, std::move(request));
  } else {
    out = co_await target.local->async_embed(attempt.context, std::move(request));
  }
  settle(out, charge, running.health());
  co_return out;
}

Task<Result<inference::Ranking>> async_rerank(Attempt attempt, inference::RerankRequest request) {
  HEARTH_CO_CHECKED(admit(attempt));
  const Target& target = attempt.state->table->targets[attempt.target];
  HEARTH_CO_TRY(const Prepared prepared, co_await async_prepare(attempt, request));
  HEARTH_CO_TRY(policy::Permit permit, permit_for(attempt, prepared.content));
  if (attempt.audit != nullptr) HEARTH_CO_CHECKED(co_await async_record(attempt, prepared, permit));
  HEARTH_CO_TRY(Charge charge, charge_for(attempt, 0));
  const Running running{attempt.state->health[attempt.target]};
  request.model = target.model;
  Result<inference::Ranking> out;
  if (target.remote != nullptr) {
    out = co_await target.remote->async_rerank(std::move(permit), target.name, attempt.context, std::move(request));
  } else {
    out = co_await target.local->async_rerank(attempt.context, std::move(request));
  }
  settle(out, charge, running.health());
  co_return out;
}

}  // namespace hearth::router
