// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/async/blocking_pool.hpp"
#include "hearth/async/task_group.hpp"
#include "hearth/audit/audit_log.hpp"
#include "hearth/router/ledger.hpp"
#include "hearth/router/outcome.hpp"
#include "hearth/router/shadow_verdict.hpp"
#include "hearth/router/table.hpp"

namespace hearth::router {

/// One target in an explanation.
struct ExplainedTarget {
  std::string target;
  std::string zone;
  std::string label;      // of what it would be sent
  bool redacted = false;  // what is found there is hidden from it
  bool candidate = false;
  std::string excluded_by;  // "policy", "capability", "context", "cost", "budget", "latency", "health"; empty: nothing
  std::string why;          // the exclusion in words
  std::vector<policy::Condition> conditions;  // all four, whether they hold or not
  double quality = 0;
  double latency_ms = 0;
  double cost_usd = 0;
  double score = 0;
  std::int32_t load = 0;
  std::string breaker;  // "closed" | "open" | "half_open"
};

/// How a decision was, or would be, made. Never content.
struct Explanation {
  std::string id;  // of a decision that was made; empty: a dry run
  std::string route;
  std::string strategy;
  std::string label;
  std::string principal;
  std::int64_t prompt_tokens = 0;  // estimated
  std::int64_t answer_tokens = 0;
  std::string needs;  // "chat, tools"
  std::int32_t turns = 0;
  std::string language;  // ISO 639-1; empty: not told
  bool code = false;
  bool mathematics = false;
  std::string workload;  // "simple", "sensitive", "latency-critical", "heavy"; "fallback-only": no target of the route
  std::optional<float> gain;  // what the best target is expected to add
  std::vector<ExplainedTarget> targets;
  std::vector<std::string> plan;      // targets in the order of trying
  std::vector<std::string> attempts;  // what came of it: "lab/x: upstream_unavailable", "local/y: confidence 0.41", …
};

/// The provider that chooses a provider. A request's `model` is a route, "provider/model", or a local model by its own
/// name. Any io thread. Tables are swapped whole by replace(); requests under way keep theirs.
/// Errors before the first content: forbidden when no target is permitted (the message names the label, not the
/// content), unsupported or context_too_long when none can, budget_exhausted, upstream_unavailable with what each said
/// when all failed.
class Router : public provider::Provider {
 public:
  struct Options {
    /// Answers requests for models that are no route and no target: on this machine, in the table's zone.
    provider::Local* local = nullptr;
    std::function<void(const Outcome&)> on_outcome;
    Ledger* ledger = nullptr;  // outlives the router and its streams
    /// Has a durable record of each permit before its content leaves. Outlives the router; null: no records.
    audit::AuditLog* audit = nullptr;
    /// Where long content is scanned and hidden, which takes milliseconds; null: where the request is.
    async::BlockingPool* blocking = nullptr;
    /// Runs work that no client waits for, bounded, on an io thread; false: there is no room. Unset: no shadow checks.
    std::function<bool(Task<> work)> background;
    std::function<void(const ShadowVerdict&)> on_shadow;
    std::size_t decisions_kept = 1024;
  };
  static std::unique_ptr<Router> create(Options options, TablePtr table);

  /// Budgets that the old table had too keep what they have counted. Reads the ledger for new ones: not on io threads.
  virtual void replace(TablePtr table) = 0;
  virtual TablePtr table() const = 0;
  /// Asks every remote target's server for its health and load, once. Call it every few seconds.
  virtual Task<> async_probe() = 0;
  /// A dry run: which target would answer, and why. Needs no provider. not_found for an unknown model.
  virtual Result<Explanation> explain(const provider::RequestContext& context,
                                      const inference::ChatRequest& request) const = 0;
  /// A decision of the past, by the id of x-hearth-decision or of x-request-id, which errors have too; the last
  /// decisions_kept are known.
  virtual Result<Explanation> explain(const std::string& decision) const = 0;
};

}  // namespace hearth::router
