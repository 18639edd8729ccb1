// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "hearth/inference/event.hpp"
#include "hearth/router/budgets.hpp"
#include "hearth/router/table.hpp"

namespace hearth::router {

/// What all attempts of one request cost so far, US$. One coroutine after the other; two at once on one thread.
struct Bill {
  double usd = 0;
};

/// The money of one attempt: set aside when it begins, put on the bill as answers end. An attempt that is cut off in
/// the middle is billed for what was seen of it, as servers bill it.
class Charge {
 public:
  Charge(std::shared_ptr<Bill> bill, Reservation reservation, Price price, std::int64_t prompt_tokens,
         std::int32_t choices)
      : bill_{std::move(bill)},
        reservation_{std::move(reservation)},
        price_{price},
        prompt_tokens_{prompt_tokens},
        unfinished_{choices} {}
  Charge(Charge&&) noexcept = default;
  Charge& operator=(Charge&&) = delete;
  ~Charge();

  void note(const inference::Event& event);
  /// Of embeddings and rankings, which have no events. 0: the server did not say, and the estimate is billed.
  void add_prompt(std::int64_t tokens);

 private:
  void add(double usd);
  void take(const inference::Usage& usage);
  /// Of choices that ended without saying what they used, or did not end.
  void bill_what_was_seen();

  std::shared_ptr<Bill> bill_;  // null: moved from
  Reservation reservation_;
  Price price_;
  std::int64_t prompt_tokens_;      // estimated
  std::int32_t unfinished_;         // choices
  std::size_t unbilled_bytes_ = 0;  // of choices that have not ended
  bool told_ = false;               // the server said what it used
  double usd_ = 0;
};

}  // namespace hearth::router
