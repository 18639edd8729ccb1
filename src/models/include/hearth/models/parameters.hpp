// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/inference/sampling.hpp"
#include "hearth/models/store.hpp"

namespace hearth::models {

/// How a model is loaded. Absent: the engine's choice.
struct RuntimeOptions {
  std::optional<std::int32_t> context;     // num_ctx: tokens
  std::optional<std::int32_t> batch;       // num_batch: tokens
  std::optional<std::int32_t> gpu_layers;  // num_gpu
  std::optional<std::int32_t> threads;     // num_thread
  std::optional<std::int32_t> main_gpu;
  std::optional<bool> mmap;  // use_mmap
};

/// PARAMETERs of a Modelfile, or `options` of an Ollama request, as typed values.
struct ModelOptions {
  inference::Sampling sampling;
  std::vector<std::string> stop;
  std::optional<std::int32_t> max_tokens;  // num_predict; absent for -1, -2 and 0, Ollama's words for "no limit"
  RuntimeOptions runtime;
  /// Names that Ollama knows and that change nothing here (use_mlock, num_keep, …): for a warning, not for silence.
  std::vector<std::string> without_effect;
};

inline constexpr std::size_t kStopBytesMax = 1'000;

/// Names are Ollama's. The last of a repeated name wins, but `stop` collects (at most inference::kMaxStops).
/// invalid_request with `param` for an unknown name (and the nearest known one), a value of the wrong type, a value out
/// of range. Pure.
Result<ModelOptions> to_options(const Parameters& parameters);

}  // namespace hearth::models
