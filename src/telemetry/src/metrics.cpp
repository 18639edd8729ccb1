// SPDX-License-Identifier: Apache-2.0
#include "hearth/telemetry/metrics.hpp"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>
#include <sstream>
#include <tuple>
#include <utility>

#include "families.hpp"
#include "hearth/base/version.hpp"
#include "label_set.hpp"
#include "loaded_series.hpp"
#include "model_series.hpp"
#include "resident.hpp"

namespace hearth::telemetry {

namespace {

/// Sums of one route at one target.
struct RoutedSeries {
  prometheus::Counter* escalations = nullptr;
  prometheus::Counter* cost = nullptr;
  prometheus::Counter* saved = nullptr;
};

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  Families families{registry};
  prometheus::Gauge& models_loaded{families.models_loaded.Add({})};
  prometheus::Gauge& memory_budget{families.memory_budget.Add({})};
  prometheus::Gauge& memory_available{families.memory_available.Add({})};
  prometheus::Gauge& pressure{families.pressure.Add({})};
  prometheus::Gauge& connections{families.connections.Add({})};
  prometheus::Gauge& resident{families.resident.Add({})};

  std::mutex mutex;  // guards what is below; never held while a metric is observed or a snapshot is taken
  LabelSet model_labels{kMaxModels};
  LabelSet route_labels{kMaxRoutes};
  std::map<std::string, std::unique_ptr<ModelSeries>, std::less<>> models;
  std::map<std::pair<std::string, int>, prometheus::Counter*> http_requests;
  std::map<std::string, prometheus::Histogram*, std::less<>> http_times;
  std::map<std::tuple<std::string, std::string, std::string>, prometheus::Counter*> routed;
  std::map<std::pair<std::string, std::string>, RoutedSeries> routed_sums;
  std::map<std::string, std::unique_ptr<LoadedSeries>> loaded;
  std::function<Snapshot()> snapshot;

  void set(const Snapshot& now);
};

void Metrics::Impl::set(const Snapshot& now) {
  const std::scoped_lock lock{mutex};
  models_loaded.Set(static_cast<double>(now.models.size()));
  memory_budget.Set(static_cast<double>(now.memory_budget));
  memory_available.Set(static_cast<double>(now.memory_available));
  pressure.Set(static_cast<double>(now.pressure));
  connections.Set(static_cast<double>(now.connections));
  const auto sums = by_label(now.models, model_labels);
  std::erase_if(loaded, [&](const auto& entry) { return !sums.contains(entry.first); });
  for (const auto& [label, sum] : sums) {
    auto& series = loaded[label];
    if (!series) series = std::make_unique<LoadedSeries>(families, label);
    series->set(sum);
  }
}

Metrics::Metrics() : impl_{std::make_shared<Impl>()} {
  impl_->families.build.Add({{"version", std::string{version()}}}).Set(1);
}
Metrics::~Metrics() = default;

std::shared_ptr<engine::Observer> Metrics::observe(const std::string& model) {
  const std::scoped_lock lock{impl_->mutex};
  const std::string label = impl_->model_labels.admit(model);
  auto& series = impl_->models[label];
  if (!series) series = std::make_unique<ModelSeries>(impl_->families, label);
  return {impl_, series.get()};  // holds the registry too
}

void Metrics::http(std::string_view route, int status, double seconds) {
  prometheus::Counter* count = nullptr;
  prometheus::Histogram* time = nullptr;
  {
    const std::scoped_lock lock{impl_->mutex};
    const std::string label = impl_->route_labels.admit(route);
    // HTTP has some sixty statuses and we send fewer; anything else would be our own mistake.
    const int bounded = status >= 100 && status < 600 ? status : 0;
    auto& counter = impl_->http_requests[{label, bounded}];
    if (counter == nullptr)
      counter = &impl_->families.http_requests.Add({{"route", label}, {"status", fmt::to_string(bounded)}});
    auto& histogram = impl_->http_times[label];
    if (histogram == nullptr) histogram = &impl_->families.http_time.Add({{"route", label}}, wait_buckets());
    count = counter;
    time = histogram;
  }
  count->Increment();
  time->Observe(seconds);
}

void Metrics::shadow(const Shadowed& check) {
  const std::scoped_lock lock{impl_->mutex};
  impl_->families.shadows
      .Add({{"route", impl_->model_labels.admit(check.route)},
            {"class", check.workload},
            {"target", impl_->model_labels.admit(check.target)},
            {"verdict", check.verdict}})
      .Increment();
}

void Metrics::routed(const Routed& request) {
  const std::scoped_lock lock{impl_->mutex};
  // Local models that are no route count under their own names, which are bounded like those of models.
  const std::string route = impl_->model_labels.admit(request.route);
  const std::string target = request.target.empty() ? "none" : impl_->model_labels.admit(request.target);
  auto& counter = impl_->routed[{route, target, request.outcome}];
  if (counter == nullptr) {
    counter = &impl_->families.routed.Add({{"route", route}, {"target", target}, {"outcome", request.outcome}});
  }
  counter->Increment();
  RoutedSeries& sums = impl_->routed_sums[{route, target}];
  if (sums.cost == nullptr) {
    const prometheus::Labels labels{{"route", route}, {"target", target}};
    sums = {.escalations = &impl_->families.escalations.Add(labels),
            .cost = &impl_->families.cost.Add(labels),
            .saved = &impl_->families.saved.Add(labels)};
  }
  if (request.escalated) sums.escalations->Increment();
  sums.cost->Increment(request.cost_usd);
  sums.saved->Increment(std::max(0.0, request.saved_usd));
}

void Metrics::gather(std::function<Snapshot()> snapshot) {
  const std::scoped_lock lock{impl_->mutex};
  impl_->snapshot = std::move(snapshot);
}

std::string Metrics::text() {
  std::function<Snapshot()> snapshot;
  {
    const std::scoped_lock lock{impl_->mutex};
    snapshot = impl_->snapshot;
  }
  impl_->set(snapshot ? snapshot() : Snapshot{});
  impl_->resident.Set(static_cast<double>(read_resident()));
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, impl_->registry.Collect());
  return std::move(out).str();
}

}  // namespace hearth::telemetry
