// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attempt.hpp"
#include "confidence.hpp"

namespace hearth::router {

/// Bounds how much retries may add to the load of servers in trouble: each request earns a tenth of a retry, up to ten
/// (Finagle's retry budget). Any thread.
class RetryBudget {
 public:
  void earn();
  bool spend();

 private:
  static constexpr int kRetry = 1000;
  static constexpr int kEarned = 100;
  static constexpr int kMost = 10 * kRetry;
  std::atomic<int> thousandths_{kMost};
};

/// An answer that is on its way: what was taken from the stream already, and the stream (null: that was all).
struct Answer {
  std::size_t target = 0;
  std::vector<inference::Event> held;
  provider::EventStreamPtr rest;
  std::optional<double> confidence;
  std::optional<double> told_confidence;  // before calibration
  std::vector<std::string> degraded;
  bool escalated = false;
  bool cached = false;
};

/// Carries out one plan. Lives in the frame of its coroutine, as what it refers to does; a strategy is a member that
/// gives an Answer or the last error. `notes` gets one line an attempt, for explanations.
class Run {
 public:
  /// `more_behind`: other routes come after this one, and need time as well.
  Run(StatePtr state, const Route& route, Plan plan, Attempt base, const Ask& ask, RetryBudget& retries,
      std::vector<std::string>& notes, bool more_behind)
      : state_{std::move(state)},
        route_{route},
        plan_{std::move(plan)},
        base_{std::move(base)},
        ask_{ask},
        retries_{retries},
        notes_{notes},
        more_behind_{more_behind} {}

  Task<Result<Answer>> async_answer();

 private:
  /// An answer that was read to its end, or as far as it was worth it.
  struct Whole {
    Answer answer;
    ConfidenceMeter meter;
    std::optional<Error> failed;
    bool collapsed = false;
  };

  Task<Result<Answer>> async_in_order(std::size_t from);
  Task<Result<Answer>> async_cascade();
  /// The targets that are judged, from cheap to dear: the first answer that is sure enough, or what is left of them.
  struct Judged {
    std::optional<Answer> sure;
    std::optional<Answer> best;      // the whole answer that is trusted most, though not enough
    std::optional<std::size_t> cut;  // the last place whose answer was cut off, since its confidence collapsed
  };
  Task<Result<Judged>> async_judge(std::size_t places);
  /// Where nothing stronger can answer.
  Task<Result<Answer>> async_make_do(Judged judged, Error none);
  Task<Result<Answer>> async_hedge();
  Task<Result<Answer>> async_consensus();

  /// One target, with its retries.
  Task<Result<provider::EventStreamPtr>> async_try(std::size_t place);
  /// An answer whose confidence falls below half of `wanted` is not read to its end.
  Task<Result<Whole>> async_whole(std::size_t place, double wanted);
  Task<Result<provider::EventStreamPtr>> async_later(std::size_t place, std::chrono::nanoseconds delay);

  std::size_t target_at(std::size_t place) const { return plan_.candidates[plan_.order[place]].target; }
  const Target& target(std::size_t place) const { return state_->table->targets[target_at(place)]; }
  Attempt attempt(std::size_t place) const;
  /// Of what is left until the deadline; nullopt: there is none.
  std::optional<std::chrono::milliseconds> half_of_the_rest() const;
  void note(std::size_t place, const std::string& what);
  /// Says so where not the one answers that should have: of those that are down, or the one at `from`.
  void tell_fallback(Answer& answer, std::size_t from) const;
  /// Nothing that another target could do better.
  static bool is_final(const Error& error);
  static void strip_logprobs(std::vector<inference::Event>& events);
  bool asked_for_logprobs() const;
  bool wants_json() const;
  Ask with_logprobs() const;

  StatePtr state_;
  const Route& route_;
  Plan plan_;
  Attempt base_;
  const Ask& ask_;
  RetryBudget& retries_;
  std::vector<std::string>& notes_;
  bool more_behind_;
  std::optional<Error> last_error_;
};

}  // namespace hearth::router
