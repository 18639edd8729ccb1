// SPDX-License-Identifier: Apache-2.0
#include "settlement.hpp"

#include <utility>

namespace hearth::router {

Settlement::Settlement(Ledger* ledger, const Listener& listener, Outcome outcome, Clock::time_point begun)
    : ledger_{ledger}, listener_{&listener}, outcome_{std::make_unique<Outcome>(std::move(outcome))}, begun_{begun} {
  outcome_->error = ErrorCode::cancelled;
  if (ledger_ == nullptr) return;
  number_ = ledger_->begin(outcome_->principal, outcome_->belongs, outcome_->route, WallClock::now());
}

Settlement::Settlement(Settlement&& other) noexcept
    : ledger_{other.ledger_},
      listener_{other.listener_},
      bill_{std::move(other.bill_)},
      outcome_{std::move(other.outcome_)},
      number_{other.number_},
      begun_{other.begun_} {}

Settlement::~Settlement() {
  if (!outcome_) return;
  outcome_->cost_usd = bill_->usd;
  outcome_->duration = Clock::now() - begun_;
  if (ledger_ != nullptr) ledger_->end(number_, *outcome_);
  if (*listener_) (*listener_)(*outcome_);
}

}  // namespace hearth::router
