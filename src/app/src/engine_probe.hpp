// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hearth/engine/observer.hpp"
#include "hearth/telemetry/metrics.hpp"

namespace hearth::app {

/// What one model thread tells, put into its series. The Registry outlives the pool, so a reference is enough.
class EngineProbe final : public engine::Observer {
 public:
  explicit EngineProbe(telemetry::ModelMetrics& metrics) : metrics_{metrics} {}

  void queued(Seconds waited) override { metrics_.queued(waited.count()); }
  void first_token(Seconds since) override { metrics_.first_token(since.count()); }
  void next_token(Seconds since) override { metrics_.next_token(since.count()); }
  void step(std::int32_t tokens, Seconds took) override { metrics_.step(tokens, took.count()); }
  void preempted(std::uint64_t sequences) override { metrics_.preempted(sequences); }
  void ended(Outcome outcome, const inference::Usage& usage) override { metrics_.ended(ending(outcome), usage); }

 private:
  static telemetry::Ending ending(Outcome outcome) {
    switch (outcome) {
      case Outcome::completed: return telemetry::Ending::completed;
      case Outcome::cancelled: return telemetry::Ending::cancelled;
      case Outcome::expired: return telemetry::Ending::expired;
      case Outcome::failed: break;
    }
    return telemetry::Ending::failed;
  }
  telemetry::ModelMetrics& metrics_;
};

}  // namespace hearth::app
