// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/engine/observer.hpp"
#include "hearth/engine/pressure.hpp"

/// What /metrics shows, in Prometheus' text format (README.md has the table). Labels come from bounded sets, never from
/// content.
namespace hearth::telemetry {

/// One loaded model at the moment of a scrape.
struct ModelState {
  std::string model;
  std::uint64_t host_bytes = 0;  // weights + KV + compute
  std::uint64_t device_bytes = 0;
  std::int32_t cells = 0;
  std::int32_t cells_used = 0;      // by running sequences
  std::int32_t cells_cached = 0;    // by kept prefixes
  std::uint64_t prefix_memory = 0;  // bytes of prefixes that lost their cells
  std::uint64_t prefix_disk = 0;
  std::int32_t running = 0;
  std::int32_t queued = 0;
};

/// What only the program as a whole knows, at the moment of a scrape.
struct Snapshot {
  std::vector<ModelState> models;  // each copy in memory once, whatever it is called
  std::uint64_t memory_budget = 0;
  std::uint64_t memory_available = 0;
  engine::Pressure pressure = engine::Pressure::none;
  std::size_t connections = 0;
};

/// What became of one routed request.
struct Routed {
  std::string route;
  std::string target;   // that answered; empty: none
  std::string outcome;  // "completed" or the error's name
  bool escalated = false;
  double cost_usd = 0;
  double saved_usd = 0;
};

/// A shadow check of one answer.
struct Shadowed {
  std::string route;
  std::string workload;  // the class of the request
  std::string target;    // that had answered
  std::string verdict;   // "agrees", "disagrees" or "failed"
};

/// All metrics of the process. Any thread, all calls at once.
/// Bounds: kMaxModels and kMaxRoutes label values, for the life of the process; what comes later counts as "other".
class Metrics {
 public:
  static constexpr std::size_t kMaxModels = 64;
  static constexpr std::size_t kMaxRoutes = 64;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// What one loaded model tells, counted under `model`: the same object for the same name, so a model that is loaded
  /// again goes on where it was. `model` must come from the models that exist here, not from requests. Each call on the
  /// observer is a few atomic operations, or one uncontended lock for a histogram; the observer may outlive this.
  std::shared_ptr<engine::Observer> observe(const std::string& model);

  /// One finished HTTP request. `route` is the pattern ("/v1/models/{id*}"); `status` as sent, 0 if the client was gone
  /// before an answer began.
  void http(std::string_view route, int status, double seconds);

  /// One request that the router decided. Its own models are the routes and targets of the configuration.
  void routed(const Routed& request);
  void shadow(const Shadowed& check);

  /// Every text() calls `snapshot` first, on its own thread and with no lock held; models that are gone from the
  /// snapshot leave /metrics. It must be safe on several threads at once, must not throw, and what it refers to must
  /// live as long as text() is called. Without it the gauges of the Snapshot are 0.
  void gather(std::function<Snapshot()> snapshot);

  /// The text for /metrics (exposition format 0.0.4). Milliseconds with many series: not on a hot path.
  std::string text();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth::telemetry
