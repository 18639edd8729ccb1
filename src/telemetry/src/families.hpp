// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace hearth::telemetry {

using Counters = prometheus::Family<prometheus::Counter>;
using Gauges = prometheus::Family<prometheus::Gauge>;
using Histograms = prometheus::Family<prometheus::Histogram>;

/// Every metric family there is, by name and help text.
struct Families {
  explicit Families(prometheus::Registry& registry);

  Histograms& queue_time;
  Histograms& first_token_time;
  Histograms& token_gap;
  Histograms& step_time;
  Histograms& step_tokens;
  Counters& prompt_tokens;
  Counters& cached_tokens;
  Counters& completion_tokens;
  Counters& outcomes;
  Counters& preemptions;
  Counters& http_requests;
  Histograms& http_time;
  Counters& routed;
  Counters& escalations;
  Counters& cost;
  Counters& saved;
  Counters& shadows;
  Gauges& cells;
  Gauges& cells_used;
  Gauges& cells_cached;
  Gauges& prefix_memory;
  Gauges& prefix_disk;
  Gauges& running;
  Gauges& queued;
  Gauges& model_bytes;
  Gauges& models_loaded;
  Gauges& memory_budget;
  Gauges& memory_available;
  Gauges& pressure;
  Gauges& connections;
  Gauges& resident;
  Gauges& build;
};

/// In 1-2.5-5 steps, from what a fast machine can do to what nobody waits for.
const prometheus::Histogram::BucketBoundaries& wait_buckets();   // seconds, 1 ms … 5 min
const prometheus::Histogram::BucketBoundaries& gap_buckets();    // seconds, 0.25 ms … 10 s
const prometheus::Histogram::BucketBoundaries& batch_buckets();  // tokens, powers of two, 1 … 8,192

}  // namespace hearth::telemetry
