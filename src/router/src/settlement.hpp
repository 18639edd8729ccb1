// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bill.hpp"
#include "hearth/router/ledger.hpp"
#include "hearth/router/outcome.hpp"

namespace hearth::router {

/// Ends an admitted request exactly once, however its coroutine ends: told to the ledger and to the listener when this
/// is destroyed. Until ended() says otherwise the request counts as cancelled.
class Settlement {
 public:
  using Listener = std::function<void(const Outcome&)>;
  /// `ledger` (may be null) and `listener` outlive this.
  Settlement(Ledger* ledger, const Listener& listener, Outcome outcome, Clock::time_point begun);
  Settlement(Settlement&& other) noexcept;
  Settlement& operator=(Settlement&&) = delete;
  ~Settlement();

  Outcome& outcome() { return *outcome_; }
  const Outcome& outcome() const { return *outcome_; }
  const std::shared_ptr<Bill>& bill() const { return bill_; }
  void ended(std::optional<ErrorCode> error) { outcome_->error = error; }

 private:
  Ledger* ledger_;
  const Listener* listener_;
  std::shared_ptr<Bill> bill_ = std::make_shared<Bill>();
  std::unique_ptr<Outcome> outcome_;  // null: moved from
  std::int64_t number_ = 0;
  Clock::time_point begun_;
};

}  // namespace hearth::router
