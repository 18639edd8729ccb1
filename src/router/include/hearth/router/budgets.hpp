// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"
#include "hearth/policy/policy.hpp"

/// Money: how much may be spent, by whom, in which time. Windows are calendar hours, days, weeks and months of UTC.
namespace hearth::router {

enum class Period : std::uint8_t { hour, day, week, month };
std::string_view name_of(Period period);
Result<Period> parse_period(std::string_view name);

enum class BudgetAction : std::uint8_t {
  warn,       // says so and goes on
  downgrade,  // targets that cost more than what is left are no candidates
  refuse,     // no request at all for which a target of the route costs more than what is left
};
std::string_view name_of(BudgetAction action);
Result<BudgetAction> parse_budget_action(std::string_view name);

/// One pot of money that all who match share.
struct Budget {
  std::string principal = "*";  // as in policy rules: a name or role:NAME, with wildcards
  std::string route = "*";      // with wildcards
  double limit_usd = 0;
  Period per = Period::day;
  BudgetAction action = BudgetAction::downgrade;

  std::string name() const;  // "team:research, $50 a day"
};

/// Windows are numbered from the epoch without gaps.
std::int64_t window_of(Period period, WallClock::time_point now);
WallClock::time_point window_begin(Period period, std::int64_t window);

/// What is spent and reserved in a window, in nano-dollars. Any thread, no lock; a late settlement of an older window
/// than the one before is dropped, since nobody asks for it any more.
class Meter {
 public:
  /// Adds if the sum stays within `limit`. False: it would not, nothing was added.
  bool add_within(std::int64_t window, std::int64_t nano, std::int64_t limit);
  void add(std::int64_t window, std::int64_t nano);
  std::int64_t used(std::int64_t window) const;

 private:
  struct Slot {
    std::atomic<std::int64_t> window{-1};
    std::atomic<std::int64_t> used{0};
  };
  Slot* slot(std::int64_t window);
  static constexpr std::int64_t kChanging = -2;
  Slot slots_[2];
};

class Budgets;

/// Money set aside for one attempt, in every budget that it draws on. Gives back what settle() did not spend.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept = default;
  Reservation& operator=(Reservation&&) = delete;
  ~Reservation() { settle(0); }
  /// What it cost in the end; once, later calls do nothing.
  void settle(double usd);

 private:
  friend class Purse;
  struct Part {
    std::shared_ptr<Meter> meter;
    std::int64_t window;
  };
  std::vector<Part> parts_;
  std::int64_t nano_ = 0;
};

/// The budgets that one request draws on. Empty: money is no matter.
class Purse {
 public:
  /// What the tightest budget leaves, US$; nullopt: no budget limits.
  std::optional<double> left(WallClock::time_point now) const;
  /// budget_exhausted, with the time until the next window, if a budget that refuses is spent, or leaves less than
  /// that.
  Result<> admit(double usd, WallClock::time_point now) const;
  /// Words for each budget that is spent and goes on.
  std::vector<std::string> warnings(WallClock::time_point now) const;
  /// budget_exhausted if a budget that limits has less left.
  Result<Reservation> reserve(double usd, WallClock::time_point now) const;

 private:
  friend class Budgets;
  std::shared_ptr<const Budgets> budgets_;
  std::vector<std::size_t> mine_;
};

/// Immutable but for the meters, which outlive a change of the configuration.
class Budgets : public std::enable_shared_from_this<Budgets> {
 public:
  /// Meters of budgets that `before` has too, by principal, route and period, go on.
  static std::shared_ptr<const Budgets> make(std::span<const Budget> list, const Budgets* before);
  Purse purse(const policy::Subject& subject, std::string_view route) const;
  /// What an earlier process spent, for budgets that are new here.
  void spent_before(std::size_t budget, double usd, WallClock::time_point now) const;

  struct Entry {
    Budget budget;
    std::shared_ptr<Meter> meter;
    bool carried = false;  // from `before`
  };
  std::span<const Entry> entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace hearth::router
