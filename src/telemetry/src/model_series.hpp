// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "families.hpp"
#include "hearth/engine/observer.hpp"

namespace hearth::telemetry {

/// The series of one model, looked up once. Any thread. The registry behind `families` must outlive it.
class ModelSeries final : public engine::Observer {
 public:
  ModelSeries(Families& families, const std::string& model);

  void queued(Seconds waited) override { queue_time_.Observe(waited.count()); }
  void first_token(Seconds since_submitted) override { first_token_time_.Observe(since_submitted.count()); }
  void next_token(Seconds since_last) override { token_gap_.Observe(since_last.count()); }
  void step(std::int32_t tokens, Seconds took) override;
  void preempted(std::uint64_t sequences) override { preemptions_.Increment(static_cast<double>(sequences)); }
  void ended(Outcome outcome, const inference::Usage& usage) override;

 private:
  static constexpr std::size_t kOutcomes = 4;

  prometheus::Histogram& queue_time_;
  prometheus::Histogram& first_token_time_;
  prometheus::Histogram& token_gap_;
  prometheus::Histogram& step_time_;
  prometheus::Histogram& step_tokens_;
  prometheus::Counter& prompt_tokens_;
  prometheus::Counter& cached_tokens_;
  prometheus::Counter& completion_tokens_;
  prometheus::Counter& preemptions_;
  std::array<prometheus::Counter*, kOutcomes> outcomes_{};
};

}  // namespace hearth::telemetry
