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

Attempt Run::attempt(std::size_t place) const {
  Attempt attempt = base_;
  attempt.target = target_at(place);
  // Later targets must have their turn: each gets at most half of what is left, the last one all of it.
  const auto now = Clock::now();
  if (place + 1 < plan_.order.size() && attempt.context.deadline.reachable()) {
    const auto half = (attempt.context.deadline.at() - now) / 2;
    attempt.first_token_timeout =
        std::min(attempt.first_token_timeout, std::chrono::duration_cast<std::chrono::milliseconds>(half));
  }
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

void Run::strip_logprobs(std::vector<inference::Event>& events) {
  for (inference::Event& event : events) {
    if (auto* text = std::get_if<inference::TextDelta>(&event.body)) text->logprobs.clear();
  }
}

Task<Result<Run::Whole>> Run::async_whole(std::size_t place, double wanted) {
  const bool tells = (target(place).capabilities & kLogprobs) != 0;
  Ask ask = tells ? with_logprobs() : ask_;
  Result<provider::EventStreamPtr> stream = co_await async_begin(attempt(place), std::move(ask));
  if (!stream) {
    note(place, fmt::format("{}: {}", traits(stream.error().code).name, stream.error().message));
    last_error_ = stream.error();
    co_return fail(stream.error());
  }
  Whole whole;
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
    if (whole.meter.collapsed(wanted)) {
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

Task<Result<Answer>> Run::async_cascade() {
  std::optional<Answer> best;  // the whole answer that is trusted most, though not enough
  const bool stronger_is_down = !plan_.down_behind.empty();
  const std::size_t judged = plan_.order.size() - (stronger_is_down ? 0 : 1);
  for (std::size_t place = 0; place < judged; ++place) {
    Result<Whole> whole = co_await async_whole(place, route_.confidence);
    if (!whole) {
      if (is_final(whole.error())) co_return fail(std::move(whole).error());
      continue;
    }
    const double confidence = *whole->answer.confidence;
    if (whole->failed) {
      note(place, fmt::format("{}: {}", traits(whole->failed->code).name, whole->failed->message));
      continue;
    }
    if (whole->collapsed) {
      note(place, "confidence collapsed before the end; escalates");
      continue;
    }
    if (confidence >= route_.confidence) {
      note(place, fmt::format("answers with confidence {:.2f}", confidence));
      whole->answer.escalated = place > 0;
      co_return std::move(whole->answer);
    }
    note(place, fmt::format("confidence {:.2f} is below {:.2f}; escalates", confidence, route_.confidence));
    if (!best || confidence > *best->confidence) best = std::move(whole->answer);
  }
  if (best && stronger_is_down) {
    for (const std::size_t down : plan_.down_behind) {
      best->degraded.push_back(fmt::format("{} is down", state_->table->targets[plan_.candidates[down].target].name));
    }
    best->degraded.push_back("this answer's confidence is low");
    co_return std::move(*best);
  }
  Result<Answer> strongest = co_await async_in_order(plan_.order.size() - 1);
  if (strongest) {
    strongest->escalated = true;
    co_return strongest;
  }
  if (!best) co_return strongest;
  best->degraded.push_back("escalation failed; this answer's confidence is low");
  notes_.push_back(
      fmt::format("{}: answers all the same, as nothing stronger could", state_->table->targets[best->target].name));
  co_return std::move(*best);
}

Task<Result<provider::EventStreamPtr>> Run::async_later(std::size_t place, std::chrono::nanoseconds delay) {
  asio::steady_timer timer{co_await asio::this_coro::executor, delay};
  co_await timer.async_wait(asio::use_awaitable);
  co_return co_await async_begin(attempt(place), ask_);
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
    // The one that lost the race by failing is left out; the others have not been asked, or were cancelled.
    if (place == 0) plan_.down_ahead.push_back(plan_.order.front());
    plan_.order.erase(plan_.order.begin() + static_cast<std::ptrdiff_t>(place));
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
