// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"
#include "hearth/router/calibration.hpp"
#include "hearth/router/outcome.hpp"
#include "hearth/router/quality.hpp"
#include "hearth/router/shadow_verdict.hpp"

namespace hearth::router {

/// What requests cost, added up.
struct LedgerTotal {
  std::string key;  // a principal, a route, a target or a day
  std::int64_t requests = 0;
  std::int64_t completed = 0;
  std::int64_t failed = 0;
  std::int64_t cancelled = 0;
  std::int64_t expired = 0;  // were open when a process ended without a word
  std::int64_t open = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  double cost_usd = 0;
  double saved_usd = 0;
};

/// What a principal spent on a route.
struct Spending {
  std::string principal;
  std::string belongs;
  std::string route;
  double usd = 0;
};

/// Every admitted request, and how it ended: once, as completed, failed, cancelled or expired. No content. Rows are on
/// disk some milliseconds after begin() and end(); what a dead process left open is expired by the next one.
/// begin() and end() from any thread, without waiting; the rest blocks on files.
class Ledger {
 public:
  static constexpr std::chrono::days kKept{400};

  /// `file`: ledger.db of the home folder. Errors as store::Database::open.
  static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& file, WallClock::time_point now);
  /// Of a file that another process may be writing.
  static Result<std::vector<Verdict>> read_verdicts(const std::filesystem::path& file);
  static Result<std::vector<JudgedConfidence>> read_confidences(const std::filesystem::path& file);
  virtual ~Ledger() = default;

  /// A request was admitted; its number.
  virtual std::int64_t begin(const std::string& principal, const std::string& belongs, const std::string& route,
                             WallClock::time_point now) = 0;
  /// Only the first end of a number counts.
  virtual void end(std::int64_t number, const Outcome& outcome) = 0;

  virtual void keep(const ShadowVerdict& verdict, WallClock::time_point now) = 0;

  /// By "principal" | "route" | "target" | "day" of the requests since then, dearest first. invalid_request for others.
  virtual Result<std::vector<LedgerTotal>> totals(const std::string& by, WallClock::time_point since) const = 0;
  virtual Result<std::vector<Spending>> spending(WallClock::time_point since) const = 0;
  /// Verdicts of shadow checks that kept their prompts, oldest first, as rows to train on: the answer that was served
  /// is right where the stronger target agreed.
  virtual Result<std::vector<Verdict>> verdicts() const = 0;
  /// Waits until everything is on disk.
  virtual void flush() = 0;
};

}  // namespace hearth::router
