// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "families.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "label_set.hpp"

namespace hearth::telemetry {

/// The gauges of one loaded model; they leave the registry with this. Not synchronized.
class LoadedSeries {
 public:
  LoadedSeries(Families& families, const std::string& model);
  void set(const ModelState& now);

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

  Series cells_, cells_used_, cells_cached_, prefix_memory_, prefix_disk_, running_, queued_, host_, device_;
};

/// The models of a snapshot under their labels; what shares a label ("other") is summed.
std::map<std::string, ModelState> by_label(const std::vector<ModelState>& models, LabelSet& labels);

}  // namespace hearth::telemetry
