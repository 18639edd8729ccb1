// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/clock.hpp"
#include "hearth/base/error.hpp"

namespace hearth::router {

/// What is known about one target: whether it answers, how fast, how busy it is. Atomics only: any thread, no lock;
/// readers may see a mix of two neighbouring states, which a score survives. Time is passed in.
class Health {
 public:
  static constexpr int kOpenAfter = 5;  // failures in a row
  static constexpr std::chrono::milliseconds kFirstPause{1'000};
  static constexpr std::chrono::milliseconds kLongestPause{60'000};

  /// Circuit breaker (Nygard, Release It!): closed lets everything through; open nothing until a pause is over; then
  /// one request at a time tries, and decides.
  enum class State : std::uint8_t { closed, open, half_open };
  State state(Clock::time_point now) const;
  /// May a request be sent now? In the half-open state only the first asker gets true.
  bool admit(Clock::time_point now);

  void started() { running_.fetch_add(1, std::memory_order_relaxed); }
  void ended() { running_.fetch_sub(1, std::memory_order_relaxed); }

  /// The first content came `after` the request was sent, of `prompt_tokens` tokens.
  void first_content(std::chrono::nanoseconds after, std::int64_t prompt_tokens);
  void succeeded(std::chrono::nanoseconds generation, std::int64_t completion_tokens);
  /// Only failures that say something about the target count: not a client's mistake, not a cancellation.
  void failed(const Error& error, Clock::time_point now);
  /// An active check. A failure counts like any other. A success ends the pause, so that a request may try: a server
  /// can list its models and still fail at every answer.
  void probed(bool alive, Clock::time_point now);
  void published(std::optional<std::int32_t> running, std::optional<std::int32_t> waiting,
                 std::optional<double> kv_used);

  /// The target says that it ran this model. What it said before, if that was another.
  std::optional<std::string> told(std::string_view model);
  /// What it told last; null: nothing yet.
  std::shared_ptr<const std::string> last_told() const { return told_.load(std::memory_order_acquire); }

  /// The server says that it runs this target's model itself, or that it passes it on, or does not name it.
  void placed(bool runs_itself) { runs_itself_.store(runs_itself, std::memory_order_relaxed); }
  bool runs_itself() const { return runs_itself_.load(std::memory_order_relaxed); }

  /// Requests that we run there, or that the server says it runs and queues, whichever is more.
  std::int32_t load() const;
  /// Expected time to the whole answer: waiting, reading the prompt, writing.
  std::chrono::nanoseconds predict(std::int64_t prompt_tokens, std::int64_t completion_tokens) const;
  /// 95th percentile of the time to the first content; nullopt before kQuantileAfter observations.
  std::optional<std::chrono::nanoseconds> slow_first_content() const;
  static constexpr std::uint32_t kQuantileAfter = 20;

 private:
  std::atomic<int> failures_{0};             // in a row
  std::atomic<std::int64_t> open_until_{0};  // steady clock, ns; 0: closed
  std::atomic<std::int64_t> pause_{0};       // ns, doubles with each failed try
  std::atomic<bool> trying_{false};          // in the half-open state: one request, which decides
  std::atomic<std::int32_t> running_{0};
  std::atomic<std::int32_t> published_running_{0};
  std::atomic<std::int32_t> published_waiting_{0};
  std::atomic<float> kv_used_{0};
  std::atomic<bool> runs_itself_{false};  // until a probe says so
  // Exponential averages, in ns; 0: not known.
  std::atomic<float> first_fixed_{0};  // of a short prompt
  std::atomic<float> per_prompt_token_{0};
  std::atomic<float> per_token_{0};
  std::atomic<float> slow_first_{0};
  std::atomic<std::uint32_t> observations_{0};
  std::atomic<std::shared_ptr<const std::string>> told_;  // null: nothing yet
};

}  // namespace hearth::router
