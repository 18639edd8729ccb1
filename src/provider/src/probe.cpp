// SPDX-License-Identifier: Apache-2.0
#include "probe.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "json_text.hpp"

namespace hearth::provider {
namespace {

constexpr std::size_t kModelsMax = 10'000;

std::optional<std::int32_t> count(std::optional<double> value) {
  if (!value || !std::isfinite(*value) || *value < 0 || *value > 1e9) return std::nullopt;
  return static_cast<std::int32_t>(*value);
}

/// Names under which engines publish running requests, waiting requests and the share of the KV cache in use.
struct MetricNames {
  std::string_view running;
  std::string_view waiting;
  std::string_view kv;
  std::string_view kv_old;
};
MetricNames names_of(std::string_view kind) {
  if (kind == "vllm") {
    return {"vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc",
            "vllm:gpu_cache_usage_perc"};
  }
  if (kind == "sglang") return {"sglang:num_running_reqs", "sglang:num_queue_reqs", "sglang:token_usage", ""};
  return {"hearth_engine_sequences_running", "hearth_engine_sequences_queued", "", ""};
}

void read_slots(const Json& slots, Load& load) {
  if (!slots.is_array()) return;
  const auto count = std::ranges::count_if(slots, [](const Json& slot) {
    const Json& busy = at(slot, "is_processing");
    return busy.is_boolean() && busy.get<bool>();
  });
  load.running = static_cast<std::int32_t>(count);
}

}  // namespace

ProbePlan probe_plan(std::string_view kind) {
  if (kind == "ollama") return {"/api/tags", ""};
  if (kind == "gemini") return {"/v1beta/models", ""};
  if (kind == "llama-server") return {"/v1/models", "/slots"};
  if (kind == "vllm" || kind == "sglang" || kind == "hearth") return {"/v1/models", "/metrics"};
  return {"/v1/models", ""};
}

void read_models(std::string_view kind, std::string_view body, Load& load) {
  const Json answer = parse_json(body);
  const bool own_list = kind == "ollama" || kind == "gemini";
  const Json& list = at(answer, own_list ? "models" : "data");
  if (!list.is_array()) return;
  for (const Json& model : list) {
    if (!model.is_object() || load.models.size() >= kModelsMax) continue;
    std::string name = text_at(model, own_list ? "name" : "id");
    constexpr std::string_view kGeminiPrefix = "models/";
    if (kind == "gemini" && name.starts_with(kGeminiPrefix)) name.erase(0, kGeminiPrefix.size());
    if (name.empty()) continue;
    // Ollama lists models that it only passes on: they answer on localhost and run in a cloud.
    const bool relayed = !text_at(model, "remote_host").empty() || !text_at(model, "remote_model").empty();
    const auto add = [&](std::string known_as) {
      if (relayed) load.relayed.push_back(known_as);
      load.models.push_back(std::move(known_as));
    };
    constexpr std::string_view kLatest = ":latest";  // what it lists so it is asked for without, too
    if (kind == "ollama" && name.ends_with(kLatest)) add(name.substr(0, name.size() - kLatest.size()));
    add(std::move(name));
  }
}

void read_load(std::string_view kind, std::string_view body, Load& load) {
  if (kind == "llama-server") return read_slots(parse_json(body), load);
  const MetricNames names = names_of(kind);
  load.running = count(metric_sum(body, names.running));
  load.waiting = count(metric_sum(body, names.waiting));
  if (!names.kv.empty()) load.kv_used = metric_sum(body, names.kv);
  if (!load.kv_used && !names.kv_old.empty()) load.kv_used = metric_sum(body, names.kv_old);
}

std::optional<double> metric_sum(std::string_view text, std::string_view name) {
  std::optional<double> sum;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(name)) continue;
    line.remove_prefix(name.size());
    if (line.empty() || (line.front() != '{' && line.front() != ' ')) continue;  // a longer name
    if (line.front() == '{') {
      const std::size_t close = line.rfind('}');
      if (close == std::string_view::npos) continue;
      line.remove_prefix(close + 1);
    }
    while (line.starts_with(' ')) line.remove_prefix(1);
    double value = 0;
    const auto [ptr, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error == std::errc{}) sum = sum.value_or(0) + value;
  }
  return sum;
}

}  // namespace hearth::provider
