// SPDX-License-Identifier: Apache-2.0
#include "hearth/telemetry/metrics.hpp"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <sstream>
#include <utility>

#include "families.hpp"
#include "hearth/base/version.hpp"
#include "label_set.hpp"

namespace hearth::telemetry {
namespace {

constexpr std::array<const char*, 4> kEndings{"completed", "cancelled", "failed", "expired"};

class ModelSeries final : public ModelMetrics {
 public:
  ModelSeries(Families& families, const std::string& model)
      : queue_time_{families.queue_time.Add({{"model", model}}, wait_buckets())},
        first_token_time_{families.first_token_time.Add({{"model", model}}, wait_buckets())},
        token_gap_{families.token_gap.Add({{"model", model}}, gap_buckets())},
        step_time_{families.step_time.Add({{"model", model}}, gap_buckets())},
        prompt_{families.tokens.Add({{"model", model}, {"kind", "prompt"}})},
        cached_{families.tokens.Add({{"model", model}, {"kind", "cached"}})},
        completion_{families.tokens.Add({{"model", model}, {"kind", "completion"}})},
        step_tokens_{families.steps_tokens.Add({{"model", model}})},
        preemptions_{families.preemptions.Add({{"model", model}})} {
    for (std::size_t i = 0; i < kEndings.size(); ++i) {
      endings_[i] = &families.generations.Add({{"model", model}, {"ending", kEndings[i]}});
    }
  }

  void queued(double seconds) override { queue_time_.Observe(seconds); }
  void first_token(double seconds) override { first_token_time_.Observe(seconds); }
  void next_token(double seconds) override { token_gap_.Observe(seconds); }
  void step(std::int32_t tokens, double seconds) override {
    step_tokens_.Increment(tokens);
    step_time_.Observe(seconds);
  }
  void preempted(std::uint64_t sequences) override { preemptions_.Increment(static_cast<double>(sequences)); }
  void ended(Ending ending, const inference::Usage& usage) override {
    endings_.at(static_cast<std::size_t>(ending))->Increment();
    prompt_.Increment(static_cast<double>(usage.prompt_tokens - usage.cached_tokens));
    cached_.Increment(static_cast<double>(usage.cached_tokens));
    completion_.Increment(static_cast<double>(usage.completion_tokens));
  }

 private:
  prometheus::Histogram& queue_time_;
  prometheus::Histogram& first_token_time_;
  prometheus::Histogram& token_gap_;
  prometheus::Histogram& step_time_;
  prometheus::Counter& prompt_;
  prometheus::Counter& cached_;
  prometheus::Counter& completion_;
  prometheus::Counter& step_tokens_;
  prometheus::Counter& preemptions_;
  std::array<prometheus::Counter*, kEndings.size()> endings_{};
};

/// The gauges of one loaded model; they leave the registry with it.
class LoadedSeries {
 public:
  LoadedSeries(Families& families, const std::string& model)
      : cells_{families.cells, {{"model", model}}},
        cells_used_{families.cells_used, {{"model", model}}},
        cells_cached_{families.cells_cached, {{"model", model}}},
        running_{families.running, {{"model", model}}},
        queued_{families.queued, {{"model", model}}},
        host_{families.model_memory, {{"model", model}, {"kind", "host"}}},
        device_{families.model_memory, {{"model", model}, {"kind", "device"}}} {}

  void set(const ModelGauges& now) {
    cells_.set(now.cells);
    cells_used_.set(now.cells_used);
    cells_cached_.set(now.cells_cached);
    running_.set(now.running);
    queued_.set(now.queued);
    host_.set(static_cast<double>(now.host_bytes));
    device_.set(static_cast<double>(now.device_bytes));
  }

 private:
  class Series {
   public:
    Series(Gauges& family, const prometheus::Labels& labels) : family_{family}, gauge_{family.Add(labels)} {}
    ~Series() { family_.Remove(&gauge_); }
    Series(const Series&) = delete;
    Series& operator=(const Series&) = delete;
    void set(double value) { gauge_.Set(value); }

   private:
    Gauges& family_;
    prometheus::Gauge& gauge_;
  };

  Series cells_, cells_used_, cells_cached_, running_, queued_, host_, device_;
};

/// Several models may share the label "other": their gauges are summed.
std::map<std::string, ModelGauges> by_label(const std::vector<ModelGauges>& loaded, LabelSet& labels) {
  std::map<std::string, ModelGauges> sums;
  for (const ModelGauges& one : loaded) {
    ModelGauges& sum = sums[labels.admit(one.model)];
    sum.host_bytes += one.host_bytes;
    sum.device_bytes += one.device_bytes;
    sum.cells += one.cells;
    sum.cells_used += one.cells_used;
    sum.cells_cached += one.cells_cached;
    sum.running += one.running;
    sum.queued += one.queued;
  }
  return sums;
}

}  // namespace

struct Registry::Impl {
  prometheus::Registry registry;
  Families families{registry};
  prometheus::Gauge& models_loaded{families.models_loaded.Add({})};
  prometheus::Gauge& connections{families.connections.Add({})};
  prometheus::Gauge& memory_budget{families.memory_budget.Add({})};

  std::mutex mutex;  // guards what is below; never held while a metric is observed
  LabelSet model_labels{kMaxLabelValues};
  LabelSet route_labels{kMaxLabelValues};
  std::map<std::string, std::unique_ptr<ModelSeries>, std::less<>> models;
  std::map<std::pair<std::string, int>, prometheus::Counter*> requests;
  std::map<std::string, prometheus::Histogram*, std::less<>> request_times;
  std::map<std::string, std::unique_ptr<LoadedSeries>> loaded;
};

Registry::Registry() : impl_{std::make_unique<Impl>()} {
  impl_->families.build.Add({{"version", std::string{version()}}}).Set(1);
}
Registry::~Registry() = default;

ModelMetrics& Registry::model(std::string_view name) {
  const std::scoped_lock lock{impl_->mutex};
  const std::string label = impl_->model_labels.admit(name);
  auto& series = impl_->models[label];
  if (!series) series = std::make_unique<ModelSeries>(impl_->families, label);
  return *series;
}

void Registry::request(std::string_view route, int status, double seconds) {
  prometheus::Counter* count = nullptr;
  prometheus::Histogram* time = nullptr;
  {
    const std::scoped_lock lock{impl_->mutex};
    const std::string label = impl_->route_labels.admit(route);
    // HTTP has some sixty statuses and we send fewer; anything else would be our own mistake.
    const int bounded = status >= 100 && status < 600 ? status : 0;
    auto& counter = impl_->requests[{label, bounded}];
    if (counter == nullptr)
      counter = &impl_->families.requests.Add({{"route", label}, {"status", fmt::to_string(bounded)}});
    auto& histogram = impl_->request_times[label];
    if (histogram == nullptr) histogram = &impl_->families.request_time.Add({{"route", label}}, wait_buckets());
    count = counter;
    time = histogram;
  }
  count->Increment();
  time->Observe(seconds);
}

void Registry::set_models(const std::vector<ModelGauges>& loaded) {
  const std::scoped_lock lock{impl_->mutex};
  impl_->models_loaded.Set(static_cast<double>(loaded.size()));
  const auto sums = by_label(loaded, impl_->model_labels);
  std::erase_if(impl_->loaded, [&](const auto& entry) { return !sums.contains(entry.first); });
  for (const auto& [label, sum] : sums) {
    auto& series = impl_->loaded[label];
    if (!series) series = std::make_unique<LoadedSeries>(impl_->families, label);
    series->set(sum);
  }
}

void Registry::set_connections(std::size_t open) { impl_->connections.Set(static_cast<double>(open)); }
void Registry::set_memory_budget(std::uint64_t bytes) { impl_->memory_budget.Set(static_cast<double>(bytes)); }

std::string Registry::text() const {
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, impl_->registry.Collect());
  return std::move(out).str();
}

}  // namespace hearth::telemetry
