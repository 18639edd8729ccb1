// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "agreement.hpp"

namespace hearth::router {
namespace {

using namespace asio::experimental::awaitable_operators;

constexpr std::chrono::milliseconds kFirstBackoff{100};
constexpr std::chrono::seconds kLongestBackoff{2};
constexpr std::size_t kMostEvents = 1'000'000;  // of an answer that is held back

/// Half to one and a half of the doubled base, so that many clients do not come back at once.
std::chrono::nanoseconds backoff(int attempt, const Error& error) {
  if (error.retry_after) return *error.retry_after;
  thread_local std::minstd_rand random{std::random_device{}()};
  const double share = 0.5 + static_cast<double>(random()) / static_cast<double>(std::minstd_rand::max());
  const auto base = std::min<std::chrono::nanoseconds>(kFirstBackoff * (1 << std::min(attempt, 8)), kLongestBackoff);
  return std::chrono::nanoseconds{static_cast<std::int64_t>(share * static_cast<double>(base.count()))};
}

inference::Generation& generation_of(Ask& ask) {
  return std::visit([](auto& request) -> inference::Generation& { return request.generation; }, ask);
}

}  // namespace

void RetryBudget::earn() {
  int now = thousandths_.load(std::memory_order_relaxed);
  while (!thousandths_.compare_exchange_weak(now, std::min(now + kEarned, kMost), std::memory_order_relaxed)) {
  }
}

bool RetryBudget::spend() {
  int now = thousandths_.load(std::memory_order_relaxed);
  while (now >= kRetry) {
    if (thousandths_.compare_exchange_weak(now, now - kRetry, std::memory_order_relaxed)) return true;
  }
  return false;
}

Task<Result<Answer>> Run::async_answer() {
  retries_.earn();
  const bool alone = plan_.order.size() < 2;
  switch (route_.strategy) {
    case Strategy::cascade:
      // Alone for want of what is down, an answer is still judged: its client learns how far to trust it.
      if (alone && plan_.down_behind.empty()) break;
      return async_cascade();
    case Strategy::hedge:
      if (alone) break;
      return async_hedge();
    case Strategy::consensus: return async_consensus();
    case Strategy::direct:
    case Strategy::learned:
    case Strategy::balance: break;
  }
  return async_in_order(0);
}

std::optional<std::chrono::milliseconds> Run::half_of_the_rest() const {
  if (!base_.context.deadline.reachable()) return std::nullopt;
  const auto half = (base_.context.deadline.at() - Clock::now()) / 2;
  return std::chrono::duration_cast<std::chrono::milliseconds>(half);
}

Attempt Run::attempt(std::size_t place) const {
  Attempt attempt = base_;
  attempt.target = target_at(place);
  // Later targets must have their turn: each gets at most half of what is left, the last one all of it.
  if (place + 1 == plan_.order.size() && !more_behind_) return attempt;
  if (const auto half = half_of_the_rest()) attempt.first_token_timeout = std::min(attempt.first_token_timeout, *half);
  return attempt;
}

void Run::note(std::size_t place, const std::string& what) {
  notes_.push_back(fmt::format("{}: {}", target(place).name, what));
}

void Run::tell_fallback(Answer& answer, std::size_t from) const {
  const std::size_t wanted = plan_.down_ahead.empty() ? plan_.order[from] : plan_.down_ahead.front();
  const std::size_t target = plan_.candidates[wanted].target;
  if (target != answer.target) {
    answer.degraded.push_back(fmt::format("fallback from {}", state_->table->targets[target].name));
  }
}

bool Run::is_final(const Error& error) {
  return error.code == ErrorCode::invalid_request || error.code == ErrorCode::cancelled ||
         error.code == ErrorCode::payload_too_large;
}

Task<Result<provider::EventStreamPtr>> Run::async_try(std::size_t place) {
  for (int tried = 0;; ++tried) {
    Result<provider::EventStreamPtr> stream = co_await async_begin(attempt(place), ask_);
    if (stream) co_return stream;
    const Error& error = stream.error();
    note(place, fmt::format("{}: {}", traits(error.code).name, error.message));
    last_error_ = error;
    const bool late = base_.context.deadline.passed(Clock::now());
    const bool worth = traits(error.code).retryable && error.code != ErrorCode::deadline_exceeded && !late;
    const auto pause = backoff(tried, error);
    // With another target at hand, waiting for this one serves nobody.
    const bool patient = place + 1 == plan_.order.size() || pause <= kFirstBackoff * 2;
    if (!worth || tried >= route_.retries || pause > kLongestBackoff || !patient || !retries_.spend()) co_return stream;
    asio::steady_timer timer{co_await asio::this_coro::executor, pause};
    co_await timer.async_wait(asio::use_awaitable);
  }
}

Task<Result<Answer>> Run::async_in_order(std::size_t from) {
  for (std::size_t place = from; place < plan_.order.size(); ++place) {
    Result<provider::EventStreamPtr> stream = co_await async_try(place);
    if (stream) {
      Answer answer{.target = target_at(place),
                    .held = {},
                    .rest = std::move(*stream),
                    .confidence = {},
                    .told_confidence = {},
                    .degraded = {},
                    .escalated = false};
      answer.degraded = answer.rest->degraded();
      tell_fallback(answer, from);
      note(place, "answers");
      co_return answer;
    }
    if (is_final(stream.error()) || base_.context.deadline.passed(Clock::now())) break;
  }
  if (last_error_) co_return fail(*last_error_);
  co_return fail(ErrorCode::upstream_unavailable, "no target is left to try");
}

bool Run::asked_for_logprobs() const {
  return std::visit([](const auto& request) { return request.generation.logprobs.has_value(); }, ask_);
}

Ask Run::with_logprobs() const {
  Ask ask = ask_;
  if (generation_of(ask).logprobs) return ask;
  if (auto* chat = std::get_if<inference::ChatRequest>(&ask)) {
    if (chat->verbatim && chat->verbatim->beyond) return ask;  // there is no other way to say it
    chat->verbatim.reset();
  }
  generation_of(ask).logprobs = 0;
  return ask;
}

bool Run::wants_json() const {
  return std::visit(
      [](const auto& request) {
        const auto kind = request.generation.constraint.kind;
        using Kind = decltype(kind);
        return request.generation.n == 1 && (kind == Kind::json_object || kind == Kind::json_schema);
      },
      ask_);
}

void Run::strip_logprobs(std::vector<inference::Event>& events) {
  for (inference::Event& event : events) {
    if (auto* text = std::get_if<inference::TextDelta>(&event.body)) text->logprobs.clear();
  }
}

Task<Result<Run::Whole>> Run::async_whole(std::size_t place, double wanted) {
  const bool tells = (target(place).capabilities & kLogprobs) != 0;
  Ask ask = tells ? with_logprobs() : ask_;
  Attempt whole_attempt = attempt(place);
  // One that trickles must not eat up the time of the target that is asked if this one is not sure, or fails.
  if (const auto half = half_of_the_rest(); half && wanted > 0) {
    whole_attempt.context.deadline = whole_attempt.context.deadline.earlier(Deadline::after(Clock::now(), *half));
  }
  Result<provider::EventStreamPtr> stream = co_await async_begin(std::move(whole_attempt), std::move(ask));
  if (!stream) {
    note(place, fmt::format("{}: {}", traits(stream.error().code).name, stream.error().message));
    last_error_ = stream.error();
    co_return fail(stream.error());
  }
  Whole whole;
  whole.meter = ConfidenceMeter{wants_json()};
  whole.answer.target = target_at(place);
  whole.answer.degraded = (*stream)->degraded();
  while (whole.answer.held.size() < kMostEvents) {
    std::optional<inference::Event> event = co_await (*stream)->async_next();
    if (!event) break;
    if (auto* failed = std::get_if<inference::Failed>(&event->body)) {
      whole.failed = failed->error;
      break;
    }
    whole.meter.watch(*event);
    whole.answer.held.push_back(std::move(*event));
    if (whole.meter.collapsed(wanted, target(place).calibration)) {
      whole.collapsed = true;
      break;
    }
  }
  if (!asked_for_logprobs()) strip_logprobs(whole.answer.held);
  // A target that tells no probabilities is trusted as far as its quality goes.
  whole.answer.told_confidence = whole.meter.value();
  whole.answer.confidence = whole.answer.told_confidence
                                ? target(place).calibration.apply(*whole.answer.told_confidence)
                                : target(place).quality;
  co_return whole;
}

Task<Result<Run::Judged>> Run::async_judge(std::size_t places) {
  Judged judged;
  for (std::size_t place = 0; place < places; ++place) {
    // What nobody stands behind is read to its end, however unsure it is.
    const bool last_resort = place + 1 == plan_.order.size();
    Result<Whole> whole = co_await async_whole(place, last_resort ? 0 : route_.confidence);
    if (!whole) {
      if (is_final(whole.error())) co_return fail(std::move(whole).error());
      continue;
    }
    const double confidence = *whole->answer.confidence;
    if (whole->failed) {
      last_error_ = whole->failed;
      note(place, fmt::format("{}: {}", traits(whole->failed->code).name, whole->failed->message));
    } else if (whole->collapsed) {
      note(place, "confidence collapsed before the end; escalates");
      judged.cut = place;
    } else if (confidence >= route_.confidence) {
      note(place, fmt::format("answers with confidence {:.2f}", confidence));
      whole->answer.escalated = place > 0;
      judged.sure = std::move(whole->answer);
      co_return judged;
    } else {
      note(place, fmt::format("confidence {:.2f} is below {:.2f}; escalates", confidence, route_.confidence));
      if (!judged.best || confidence > *judged.best->confidence) judged.best = std::move(whole->answer);
    }
  }
  co_return judged;
}

Task<Result<Answer>> Run::async_cascade() {
  const bool stronger_is_down = !plan_.down_behind.empty();
  HEARTH_CO_TRY(Judged judged, co_await async_judge(plan_.order.size() - (stronger_is_down ? 0 : 1)));
  if (judged.sure) co_return *std::move(judged.sure);
  if (!stronger_is_down || !(judged.best || judged.cut)) {
    Result<Answer> strongest = co_await async_in_order(plan_.order.size() - 1);
    if (strongest) strongest->escalated = !stronger_is_down;
    if (strongest || is_final(strongest.error())) co_return strongest;
  }
  co_return co_await async_make_do(std::move(judged), last_error_.value_or(Error{}));
}

Task<Result<Answer>> Run::async_make_do(Judged judged, Error none) {
  if (!judged.best && judged.cut) {
    Result<Whole> again = co_await async_whole(*judged.cut, 0);
    if (again && !again->failed) judged.best = std::move(again->answer);
  }
  if (!judged.best) co_return fail(std::move(none));
  Answer& best = *judged.best;
  for (const std::size_t down : plan_.down_behind) {
    best.degraded.push_back(fmt::format("{} is down", state_->table->targets[plan_.candidates[down].target].name));
  }
  best.degraded.push_back(plan_.down_behind.empty() ? "escalation failed; this answer's confidence is low"
                                                    : "this answer's confidence is low");
  notes_.push_back(
      fmt::format("{}: answers all the same, as nothing stronger could", state_->table->targets[best.target].name));
  co_return std::move(best);
}

Task<Result<provider::EventStreamPtr>> Run::async_later(std::size_t place, std::chrono::nanoseconds delay) {
  asio::steady_timer timer{co_await asio::this_coro::executor, delay};
  co_await timer.async_wait(asio::use_awaitable);
  Result<provider::EventStreamPtr> copy = co_await async_begin(attempt(place), ask_);
  if (copy) co_return copy;
  // A copy that fails must not end the race: the request itself is still under way, and may be well.
  note(place, fmt::format("{}: {}", traits(copy.error().code).name, copy.error().message));
  asio::steady_timer never{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
  co_await never.async_wait(asio::use_awaitable);
  co_return copy;
}

Task<Result<Answer>> Run::async_hedge() {
  // A copy of the content goes only where the content may be anyway, and not farther away: the same zone.
  std::size_t second = 1;
  while (second < plan_.order.size() && target(second).zone != target(0).zone) ++second;
  const auto slow = state_->health[target_at(0)]->slow_first_content();
  const bool configured = route_.hedge_after.count() > 0;
  if (second == plan_.order.size() || (!configured && !slow)) co_return co_await async_in_order(0);
  const std::chrono::nanoseconds delay = configured ? std::chrono::nanoseconds{route_.hedge_after} : *slow;
  auto race = co_await (async_begin(attempt(0), ask_) || async_later(second, delay));
  const std::size_t place = race.index() == 0 ? 0 : second;
  Result<provider::EventStreamPtr>& stream = race.index() == 0 ? std::get<0>(race) : std::get<1>(race);
  if (!stream) {
    note(place, fmt::format("{}: {}", traits(stream.error().code).name, stream.error().message));
    last_error_ = stream.error();
    if (is_final(stream.error())) co_return fail(std::move(stream).error());
    // The others have not been asked, or were cancelled.
    plan_.down_ahead.push_back(plan_.order.front());
    plan_.order.erase(plan_.order.begin());
    co_return co_await async_in_order(0);
  }
  note(place, place == 0 ? "answers" : "answers first, as a hedge");
  Answer answer{.target = target_at(place),
                .held = {},
                .rest = std::move(*stream),
                .confidence = {},
                .told_confidence = {},
                .degraded = {},
                .escalated = false};
  answer.degraded = answer.rest->degraded();
  tell_fallback(answer, place);
  co_return answer;
}

Task<Result<Answer>> Run::async_consensus() {
  if (plan_.order.size() < 2) {
    Result<Answer> only = co_await async_in_order(0);
    if (only) only->degraded.emplace_back("no second opinion");
    co_return only;
  }
  auto [first, second] = co_await (async_whole(0, 0) && async_whole(1, 0));
  const bool first_whole = first && !first->failed;
  const bool second_whole = second && !second->failed;
  if (first_whole && second_whole) {
    const double alike = co_await async_agreement(base_, route_.embedder, first->meter.text(), second->meter.text());
    if (alike >= route_.agreement) {
      note(0, fmt::format("agrees with {} ({:.2f})", target(1).name, alike));
      first->answer.confidence = alike;
      co_return std::move(first->answer);
    }
    note(0, fmt::format("disagrees with {} ({:.2f})", target(1).name, alike));
    if (plan_.order.size() > 2) {
      Result<Answer> third = co_await async_in_order(2);
      if (third) {
        third->escalated = true;
        co_return third;
      }
    }
    const bool second_better = target(1).quality > target(0).quality;
    Answer& better = second_better ? second->answer : first->answer;
    better.confidence = alike;
    better.degraded.push_back("the targets disagree");
    co_return std::move(better);
  }
  if (first_whole || second_whole) {
    Answer& only = first_whole ? first->answer : second->answer;
    only.degraded.push_back("no second opinion");
    co_return std::move(only);
  }
  co_return co_await async_in_order(std::min<std::size_t>(2, plan_.order.size()));
}

}  // namespace hearth::router
