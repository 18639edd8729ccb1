// SPDX-License-Identifier: Apache-2.0
#include "health.hpp"

#include <algorithm>

namespace hearth::router {
namespace {

constexpr float kWeight = 0.2F;            // of the newest observation
constexpr std::int64_t kShortPrompt = 64;  // below this the fixed part dominates
constexpr float kDefaultFirst = 300e6F;    // ns, of a target never tried: neither loved nor feared
constexpr float kDefaultPerToken = 20e6F;
constexpr float kDefaultPerPromptToken = 0.5e6F;

std::int64_t ns(Clock::time_point at) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}

void average(std::atomic<float>& value, float observed) {
  const float old = value.load(std::memory_order_relaxed);
  value.store(old == 0 ? observed : old + kWeight * (observed - old), std::memory_order_relaxed);
}

float known(const std::atomic<float>& value, float otherwise) {
  const float v = value.load(std::memory_order_relaxed);
  return v == 0 ? otherwise : v;
}

bool is_targets_fault(ErrorCode code) {
  switch (code) {
    case ErrorCode::upstream_error:
    case ErrorCode::upstream_unavailable:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::unavailable:
    case ErrorCode::rate_limited:
    case ErrorCode::insufficient_memory:
    case ErrorCode::corrupt_data:
    case ErrorCode::internal: return true;
    default: return false;
  }
}

}  // namespace

Health::State Health::state(Clock::time_point now) const {
  const std::int64_t until = open_until_.load(std::memory_order_relaxed);
  if (until == 0) return State::closed;
  return ns(now) < until ? State::open : State::half_open;
}

bool Health::admit(Clock::time_point now) {
  std::int64_t until = open_until_.load(std::memory_order_relaxed);
  if (until == 0) return true;
  if (ns(now) < until) return false;
  // The one that moves the date on is the one that tries.
  const std::int64_t pause = std::max<std::int64_t>(pause_.load(std::memory_order_relaxed), 1);
  if (!open_until_.compare_exchange_strong(until, ns(now) + pause, std::memory_order_relaxed)) return false;
  trying_.store(true, std::memory_order_relaxed);
  return true;
}

void Health::first_content(std::chrono::nanoseconds after, std::int64_t prompt_tokens) {
  const auto took = static_cast<float>(after.count());
  if (prompt_tokens <= kShortPrompt) {
    average(first_fixed_, took);
  } else {
    const float fixed = std::min(known(first_fixed_, 0), took);
    average(per_prompt_token_, std::max(1.0F, (took - fixed) / static_cast<float>(prompt_tokens)));
  }
  // Stochastic approximation of a quantile (Robbins and Monro): up by p, down by 1 - p, in steps of the value's size.
  const float old = slow_first_.load(std::memory_order_relaxed);
  const float step = 0.1F * std::max(old, 1e5F);
  slow_first_.store(old == 0 ? took * 1.5F : old + (took > old ? 0.95F : -0.05F) * step, std::memory_order_relaxed);
  observations_.fetch_add(1, std::memory_order_relaxed);
}

void Health::succeeded(std::chrono::nanoseconds generation, std::int64_t completion_tokens) {
  failures_.store(0, std::memory_order_relaxed);
  open_until_.store(0, std::memory_order_relaxed);
  pause_.store(0, std::memory_order_relaxed);
  trying_.store(false, std::memory_order_relaxed);
  if (completion_tokens > 1) {
    average(per_token_, static_cast<float>(generation.count()) / static_cast<float>(completion_tokens - 1));
  }
}

void Health::failed(const Error& error, Clock::time_point now) {
  if (!is_targets_fault(error.code)) return;
  const int failures = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
  const bool told_to_wait = error.code == ErrorCode::rate_limited && error.retry_after;
  const std::int64_t until = open_until_.load(std::memory_order_relaxed);
  const bool decides = trying_.exchange(false, std::memory_order_relaxed) || ns(now) >= until;
  if (failures < kOpenAfter && until == 0 && !told_to_wait) return;
  if (until != 0 && !decides && !told_to_wait)
    return;  // sent before it opened: that many failed at once is one failure
  using std::chrono::nanoseconds;
  const std::int64_t first = nanoseconds{kFirstPause}.count();
  const std::int64_t longest = nanoseconds{kLongestPause}.count();
  std::int64_t pause = std::clamp(pause_.load(std::memory_order_relaxed) * 2, first, longest);
  if (told_to_wait) pause = std::clamp(nanoseconds{*error.retry_after}.count(), std::int64_t{1}, longest);
  pause_.store(pause, std::memory_order_relaxed);
  open_until_.store(ns(now) + pause, std::memory_order_relaxed);
}

void Health::probed(bool alive, Clock::time_point now) {
  if (!alive)
    return failed({.code = ErrorCode::upstream_unavailable, .message = {}, .param = {}, .retry_after = {}}, now);
  std::int64_t until = open_until_.load(std::memory_order_relaxed);
  if (until > ns(now)) open_until_.compare_exchange_strong(until, ns(now), std::memory_order_relaxed);
}

void Health::published(std::optional<std::int32_t> running, std::optional<std::int32_t> waiting,
                       std::optional<double> kv_used) {
  published_running_.store(running.value_or(0), std::memory_order_relaxed);
  published_waiting_.store(waiting.value_or(0), std::memory_order_relaxed);
  kv_used_.store(static_cast<float>(kv_used.value_or(0)), std::memory_order_relaxed);
}

std::optional<std::string> Health::told(std::string_view model) {
  if (model.empty()) return std::nullopt;
  const auto before = told_.load(std::memory_order_acquire);
  if (before && *before == model) return std::nullopt;
  told_.store(std::make_shared<const std::string>(model));
  return before ? std::optional{*before} : std::nullopt;
}

std::int32_t Health::load() const {
  const std::int32_t theirs =
      published_running_.load(std::memory_order_relaxed) + published_waiting_.load(std::memory_order_relaxed);
  return std::max(running_.load(std::memory_order_relaxed), theirs);
}

std::chrono::nanoseconds Health::predict(std::int64_t prompt_tokens, std::int64_t completion_tokens) const {
  const float first = known(first_fixed_, kDefaultFirst);
  const float reading = known(per_prompt_token_, kDefaultPerPromptToken) *
                        static_cast<float>(std::max<std::int64_t>(prompt_tokens - kShortPrompt, 0));
  const float writing = known(per_token_, kDefaultPerToken) * static_cast<float>(completion_tokens);
  // Who waits there already waits before us; a full cache means that waiting ones stay waiting.
  const auto waiting = static_cast<float>(published_waiting_.load(std::memory_order_relaxed));
  const float queue = waiting * first * (1 + kv_used_.load(std::memory_order_relaxed));
  return std::chrono::nanoseconds{static_cast<std::int64_t>(first + reading + writing + queue)};
}

std::optional<std::chrono::nanoseconds> Health::slow_first_content() const {
  if (observations_.load(std::memory_order_relaxed) < kQuantileAfter) return std::nullopt;
  return std::chrono::nanoseconds{static_cast<std::int64_t>(slow_first_.load(std::memory_order_relaxed))};
}

}  // namespace hearth::router
