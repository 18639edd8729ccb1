// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/inference/event.hpp"

/// What /metrics shows, in Prometheus' text format. Names are hearth_<module>_<noun>_<unit>; labels come from bounded
/// sets, never from content.
namespace hearth::telemetry {

/// How a generation ended.
enum class Ending : std::uint8_t { completed, cancelled, failed, expired };

/// The series of one model, looked up once: each call is a few atomic operations and one uncontended lock
/// (prometheus-cpp's histogram). Any thread. Lives as long as the Registry that gave it out.
class ModelMetrics {
 public:
  virtual ~ModelMetrics() = default;
  virtual void queued(double seconds) = 0;       // from submission to admission
  virtual void first_token(double seconds) = 0;  // from submission
  virtual void next_token(double seconds) = 0;   // since the token before, of the same sequence
  virtual void step(std::int32_t tokens, double seconds) = 0;
  virtual void preempted(std::uint64_t sequences) = 0;
  virtual void ended(Ending ending, const inference::Usage& usage) = 0;
};

/// The state of one loaded model at the moment of a scrape.
struct ModelGauges {
  std::string model;
  std::uint64_t host_bytes = 0;  // weights + KV + compute
  std::uint64_t device_bytes = 0;
  std::int32_t cells = 0;
  std::int32_t cells_used = 0;    // by running sequences
  std::int32_t cells_cached = 0;  // by kept prefixes
  std::int32_t running = 0;
  std::int32_t queued = 0;
};

/// All metrics of the process. Any thread.
/// Bound: a label has at most kMaxLabelValues values; further models and routes are counted under "other".
class Registry {
 public:
  static constexpr std::size_t kMaxLabelValues = 64;

  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// The same object for the same name. `name` must come from the models that exist here, not from requests.
  ModelMetrics& model(std::string_view name);

  /// One finished HTTP request. `route` is the pattern ("/v1/chat/completions"), `status` as sent; 0: the client had
  /// gone.
  void request(std::string_view route, int status, double seconds);

  /// Replaces what is known about loaded models; those that are gone from the list leave /metrics.
  void set_models(const std::vector<ModelGauges>& loaded);
  void set_connections(std::size_t open);
  void set_memory_budget(std::uint64_t bytes);

  /// The text for /metrics (exposition format 0.0.4). Takes milliseconds with many series: not on a hot path.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::telemetry
