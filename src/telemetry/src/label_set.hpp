// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace hearth::telemetry {

/// Bounds the values of one label: each value costs memory for ever in every Prometheus that scrapes us. Not
/// synchronized.
class LabelSet {
 public:
  explicit LabelSet(std::size_t capacity) : capacity_{capacity} {}

  /// `value` itself while there is room or it is known, else "other".
  std::string admit(std::string_view value) {
    if (known_.contains(value)) return std::string{value};
    if (known_.size() >= capacity_) return "other";
    return *known_.emplace(value).first;
  }

 private:
  std::size_t capacity_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace hearth::telemetry
