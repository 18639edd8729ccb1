// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "hearth/provider/remote.hpp"

/// Health checks of remote servers: what to ask for and how to read it. Pure.
namespace hearth::provider {

inline constexpr std::uint64_t kProbeBytesMax = 4ULL << 20;
inline constexpr std::chrono::milliseconds kProbeTimeout{3'000};

/// GET paths; `load_path` is empty where servers of this kind publish none.
struct ProbePlan {
  std::string models_path;
  std::string load_path;
};
ProbePlan probe_plan(std::string_view kind);

/// Fill in what the answers say; what they do not say, or say wrongly, stays as it was.
void read_models(std::string_view kind, std::string_view body, Load& load);
void read_load(std::string_view kind, std::string_view body, Load& load);

/// The sum of a metric over its labels in Prometheus' text format; nullopt if it is not there.
std::optional<double> metric_sum(std::string_view text, std::string_view name);

}  // namespace hearth::provider
