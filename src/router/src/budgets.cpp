// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/budgets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace hearth::router {
namespace {

constexpr std::array<std::string_view, 4> kPeriods{"hour", "day", "week", "month"};
constexpr std::array<std::string_view, 3> kActions{"warn", "downgrade", "refuse"};
constexpr double kNano = 1e9;
constexpr std::int64_t kMostNano = std::numeric_limits<std::int64_t>::max() / 4;

std::int64_t to_nano(double usd) {
  return static_cast<std::int64_t>(std::min(std::ceil(usd * kNano), static_cast<double>(kMostNano)));
}

template <class Enum, std::size_t n>
Result<Enum> parse(const std::array<std::string_view, n>& names, std::string_view name, std::string_view list) {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<Enum>(found - names.begin());
  return fail(ErrorCode::invalid_request, fmt::format("\"{}\" is none of: {}", name, list));
}

Error spent(const Budget& budget, WallClock::time_point now) {
  const auto ends = window_begin(budget.per, window_of(budget.per, now) + 1);
  return {.code = ErrorCode::budget_exhausted,
          .message = fmt::format("the budget of {} is spent", budget.name()),
          .param = {},
          .retry_after = std::chrono::ceil<std::chrono::seconds>(ends - now)};
}

bool same_pot(const Budget& a, const Budget& b) {
  return a.principal == b.principal && a.route == b.route && a.per == b.per;
}

/// Of the nth budget of this kind: two that shared one would each count what both do. Null: there is none.
std::shared_ptr<Meter> meter_of(std::span<const Budgets::Entry> entries, const Budget& budget, std::ptrdiff_t nth) {
  for (const Budgets::Entry& entry : entries) {
    if (same_pot(entry.budget, budget) && nth-- == 0) return entry.meter;
  }
  return nullptr;
}

}  // namespace

std::string_view name_of(Period period) { return kPeriods.at(static_cast<std::size_t>(period)); }
Result<Period> parse_period(std::string_view name) { return parse<Period>(kPeriods, name, "hour, day, week, month"); }
std::string_view name_of(BudgetAction action) { return kActions.at(static_cast<std::size_t>(action)); }
Result<BudgetAction> parse_budget_action(std::string_view name) {
  return parse<BudgetAction>(kActions, name, "warn, downgrade, refuse");
}

std::string Budget::name() const {
  return fmt::format("{}{}, ${:g} {} {}", principal, route == "*" ? "" : " on " + route, limit_usd,
                     per == Period::hour ? "an" : "a", name_of(per));
}

std::int64_t window_of(Period period, WallClock::time_point now) {
  using namespace std::chrono;
  const auto day = floor<days>(now);
  switch (period) {
    case Period::hour: return floor<hours>(now).time_since_epoch().count();
    case Period::day: return day.time_since_epoch().count();
    case Period::week:
      return (day.time_since_epoch().count() + 3) / 7;  // the epoch was a Thursday; weeks begin on Monday
    case Period::month: break;
  }
  const year_month_day date{day};
  return (static_cast<int>(date.year()) - 1970) * 12 + static_cast<int>(static_cast<unsigned>(date.month())) - 1;
}

WallClock::time_point window_begin(Period period, std::int64_t window) {
  using namespace std::chrono;
  switch (period) {
    case Period::hour: return WallClock::time_point{hours{window}};
    case Period::day: return WallClock::time_point{days{window}};
    case Period::week: return WallClock::time_point{days{window * 7 - 3}};
    case Period::month: break;
  }
  const auto first = year{static_cast<int>(1970 + window / 12)} / month{static_cast<unsigned>(window % 12 + 1)} / 1;
  return sys_days{first};
}

Meter::Slot* Meter::slot(std::int64_t window) {
  Slot& slot = slots_[window & 1];
  while (true) {
    std::int64_t seen = slot.window.load(std::memory_order_acquire);
    if (seen == window) return &slot;
    if (seen > window) return nullptr;
    if (seen == kChanging) continue;  // another thread is between the two lines below
    if (slot.window.compare_exchange_strong(seen, kChanging, std::memory_order_acq_rel)) {
      slot.used.store(0, std::memory_order_relaxed);
      slot.window.store(window, std::memory_order_release);
    }
  }
}

bool Meter::add_within(std::int64_t window, std::int64_t nano, std::int64_t limit) {
  Slot* slot = this->slot(window);
  if (slot == nullptr) return true;
  std::int64_t used = slot->used.load(std::memory_order_relaxed);
  do {
    if (used + nano > limit) return false;
  } while (!slot->used.compare_exchange_weak(used, used + nano, std::memory_order_relaxed));
  return true;
}

void Meter::add(std::int64_t window, std::int64_t nano) {
  if (Slot* slot = this->slot(window)) slot->used.fetch_add(nano, std::memory_order_relaxed);
}

std::int64_t Meter::used(std::int64_t window) const {
  const Slot& slot = slots_[window & 1];
  return slot.window.load(std::memory_order_acquire) == window ? slot.used.load(std::memory_order_relaxed) : 0;
}

void Reservation::settle(double usd) {
  for (const Part& part : parts_) part.meter->add(part.window, to_nano(usd) - nano_);
  parts_.clear();
}

std::optional<double> Purse::left(WallClock::time_point now) const {
  std::optional<double> least;
  for (const std::size_t i : mine_) {
    const auto& [budget, meter, carried] = budgets_->entries()[i];
    if (budget.action == BudgetAction::warn) continue;
    const auto used = static_cast<double>(meter->used(window_of(budget.per, now))) / kNano;
    least = std::min(least.value_or(INFINITY), std::max(0.0, budget.limit_usd - used));
  }
  return least;
}

Result<> Purse::admit(double usd, WallClock::time_point now) const {
  for (const std::size_t i : mine_) {
    const auto& [budget, meter, carried] = budgets_->entries()[i];
    if (budget.action != BudgetAction::refuse) continue;
    const std::int64_t left = to_nano(budget.limit_usd) - meter->used(window_of(budget.per, now));
    if (left <= 0 || to_nano(usd) > left) return std::unexpected{spent(budget, now)};
  }
  return {};
}

std::vector<std::string> Purse::warnings(WallClock::time_point now) const {
  std::vector<std::string> words;
  for (const std::size_t i : mine_) {
    const auto& [budget, meter, carried] = budgets_->entries()[i];
    if (budget.action == BudgetAction::refuse) continue;
    if (meter->used(window_of(budget.per, now)) < to_nano(budget.limit_usd)) continue;
    words.push_back(fmt::format("the budget of {} is spent", budget.name()));
  }
  return words;
}

Result<Reservation> Purse::reserve(double usd, WallClock::time_point now) const {
  Reservation reservation;
  if (usd <= 0) return reservation;
  reservation.nano_ = to_nano(usd);
  for (const std::size_t i : mine_) {
    const auto& [budget, meter, carried] = budgets_->entries()[i];
    const std::int64_t window = window_of(budget.per, now);
    const std::int64_t limit = budget.action == BudgetAction::warn ? kMostNano : to_nano(budget.limit_usd);
    if (!meter->add_within(window, reservation.nano_, limit)) return std::unexpected{spent(budget, now)};
    reservation.parts_.push_back({meter, window});
  }
  return reservation;
}

std::shared_ptr<const Budgets> Budgets::make(std::span<const Budget> list, const Budgets* before) {
  auto made = std::make_shared<Budgets>();
  for (const Budget& budget : list) {
    Entry entry{.budget = budget, .meter = nullptr};
    const auto nth = std::ranges::count_if(made->entries_, [&](const Entry& e) { return same_pot(e.budget, budget); });
    if (before != nullptr) entry.meter = meter_of(before->entries(), budget, nth);
    entry.carried = entry.meter != nullptr;
    if (!entry.carried) entry.meter = std::make_shared<Meter>();
    made->entries_.push_back(std::move(entry));
  }
  return made;
}

Purse Budgets::purse(const policy::Subject& subject, std::string_view route) const {
  Purse purse;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Budget& budget = entries_[i].budget;
    if (!policy::matches_glob(budget.route, route)) continue;
    // What an agent spends is also spent by who is behind it.
    for (const policy::Subject* who = &subject; who != nullptr; who = who->behalf.get()) {
      if (!policy::names(budget.principal, *who)) continue;
      purse.mine_.push_back(i);
      break;
    }
  }
  if (!purse.mine_.empty()) purse.budgets_ = shared_from_this();
  return purse;
}

void Budgets::spent_before(std::size_t budget, double usd, WallClock::time_point now) const {
  const Entry& entry = entries_.at(budget);
  entry.meter->add(window_of(entry.budget.per, now), to_nano(usd));
}

}  // namespace hearth::router
