// SPDX-License-Identifier: Apache-2.0
#include "loaded_series.hpp"

namespace hearth::telemetry {

LoadedSeries::LoadedSeries(Families& families, const std::string& model)
    : cells_{families.cells, {{"model", model}}},
      cells_used_{families.cells_used, {{"model", model}}},
      cells_cached_{families.cells_cached, {{"model", model}}},
      prefix_memory_{families.prefix_memory, {{"model", model}}},
      prefix_disk_{families.prefix_disk, {{"model", model}}},
      running_{families.running, {{"model", model}}},
      queued_{families.queued, {{"model", model}}},
      host_{families.model_bytes, {{"model", model}, {"kind", "host"}}},
      device_{families.model_bytes, {{"model", model}, {"kind", "device"}}} {}

void LoadedSeries::set(const ModelState& now) {
  cells_.set(now.cells);
  cells_used_.set(now.cells_used);
  cells_cached_.set(now.cells_cached);
  prefix_memory_.set(static_cast<double>(now.prefix_memory));
  prefix_disk_.set(static_cast<double>(now.prefix_disk));
  running_.set(now.running);
  queued_.set(now.queued);
  host_.set(static_cast<double>(now.host_bytes));
  device_.set(static_cast<double>(now.device_bytes));
}

std::map<std::string, ModelState> by_label(const std::vector<ModelState>& models, LabelSet& labels) {
  std::map<std::string, ModelState> sums;
  for (const ModelState& one : models) {
    ModelState& sum = sums[labels.admit(one.model)];
    sum.host_bytes += one.host_bytes;
    sum.device_bytes += one.device_bytes;
    sum.cells += one.cells;
    sum.cells_used += one.cells_used;
    sum.cells_cached += one.cells_cached;
    sum.prefix_memory += one.prefix_memory;
    sum.prefix_disk += one.prefix_disk;
    sum.running += one.running;
    sum.queued += one.queued;
  }
  return sums;
}

}  // namespace hearth::telemetry
