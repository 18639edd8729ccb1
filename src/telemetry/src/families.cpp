// SPDX-License-Identifier: Apache-2.0
#include "families.hpp"

#include <prometheus/detail/builder.h>

namespace hearth::telemetry {
namespace {

Counters& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
Gauges& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}
Histograms& histogram(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

Families::Families(prometheus::Registry& r)
    : queue_time{histogram(r, "hearth_engine_queue_seconds", "Submission of a generation to its admission.")},
      first_token_time{
          histogram(r, "hearth_engine_time_to_first_token_seconds", "Submission of a generation to its first token.")},
      token_gap{histogram(r, "hearth_engine_time_between_tokens_seconds", "Between two tokens of one sequence.")},
      step_time{histogram(r, "hearth_engine_step_seconds", "One decode step of a batch.")},
      step_tokens{histogram(r, "hearth_engine_step_tokens", "Tokens of one decode step, of prompts and answers.")},
      prompt_tokens{counter(r, "hearth_engine_prompt_tokens_total", "Prompt tokens, computed or reused.")},
      cached_tokens{
          counter(r, "hearth_engine_cached_tokens_total", "Prompt tokens reused from a kept prefix, not computed.")},
      completion_tokens{counter(r, "hearth_engine_completion_tokens_total", "Tokens generated.")},
      outcomes{counter(r, "hearth_engine_requests_total", "Generations by how they ended.")},
      preemptions{
          counter(r, "hearth_engine_preemptions_total", "Sequences put back into the queue for want of KV cells.")},
      http_requests{counter(r, "hearth_http_requests_total", "HTTP requests by route and status.")},
      http_time{histogram(r, "hearth_http_request_seconds", "Arrival of a request to the end of its answer.")},
      routed{
          counter(r, "hearth_router_requests_total", "Routed requests by route, target that answered, and outcome.")},
      escalations{
          counter(r, "hearth_router_escalations_total", "Answers that came from a stronger target than the first.")},
      cost{counter(r, "hearth_router_cost_usd_total", "Cost of answers by the price table, in US$.")},
      saved{counter(r, "hearth_router_saved_usd_total",
                    "What answers would have cost more at the route's dearest target.")},
      shadows{counter(r, "hearth_router_shadow_checks_total",
                      "Local answers compared with a stronger target's, by whether they agree.")},
      cells{gauge(r, "hearth_engine_kv_cells", "KV cells of a loaded model.")},
      cells_used{gauge(r, "hearth_engine_kv_cells_used", "KV cells held by running sequences.")},
      cells_cached{gauge(r, "hearth_engine_kv_cells_cached", "KV cells held by prefixes kept for reuse.")},
      prefix_memory{gauge(r, "hearth_engine_prefix_memory_bytes", "Prefixes in memory that lost their KV cells.")},
      prefix_disk{gauge(r, "hearth_engine_prefix_disk_bytes", "The same in files.")},
      running{gauge(r, "hearth_engine_sequences_running", "Sequences in the batch.")},
      queued{gauge(r, "hearth_engine_sequences_queued", "Generations waiting for admission.")},
      model_bytes{gauge(r, "hearth_engine_model_bytes", "Weights, KV cache and compute buffers, by kind of memory.")},
      models_loaded{gauge(r, "hearth_engine_models_loaded", "Models in memory.")},
      memory_budget{gauge(r, "hearth_engine_memory_budget_bytes", "What all models together may take.")},
      memory_available{gauge(r, "hearth_engine_memory_available_bytes",
                             "What the machine or the cgroup still has for this process without swapping.")},
      pressure{
          gauge(r, "hearth_engine_memory_pressure_level", "How short memory is: 0 none, 1 low, 2 high, 3 critical.")},
      connections{gauge(r, "hearth_net_connections_open", "Open client connections.")},
      resident{gauge(r, "process_resident_memory_bytes", "Resident memory size in bytes.")},
      build{gauge(r, "hearth_build_info", "Always 1; the version is a label.")} {}

const prometheus::Histogram::BucketBoundaries& wait_buckets() {
  static const prometheus::Histogram::BucketBoundaries buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                               1,     2.5,    5,     10,   25,    60,   120, 300};
  return buckets;
}

const prometheus::Histogram::BucketBoundaries& gap_buckets() {
  static const prometheus::Histogram::BucketBoundaries buckets{0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                               0.1,     0.25,   0.5,   1,      2.5,   5,    10};
  return buckets;
}

const prometheus::Histogram::BucketBoundaries& batch_buckets() {
  static const prometheus::Histogram::BucketBoundaries buckets{1,   2,   4,   8,    16,   32,   64,
                                                               128, 256, 512, 1024, 2048, 4096, 8192};
  return buckets;
}

}  // namespace hearth::telemetry
