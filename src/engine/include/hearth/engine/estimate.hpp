// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/engine/options.hpp"

namespace hearth::engine {

/// What loading a model with given options takes, in bytes.
struct MemoryEstimate {
  std::uint64_t weights = 0;
  std::uint64_t kv = 0;
  std::uint64_t compute = 0;
  std::uint64_t device = 0;  // of all three, on GPUs
  std::int32_t context = 0;  // as resolved from the options
  std::int32_t parallel = 0;
  std::int32_t cells = 0;
  std::int32_t train_context = 0;
  std::uint64_t total() const noexcept { return weights + kv + compute; }
};

/// Predicts by letting libllama plan every buffer without allocating one (`no_alloc`): reads the file's header and
/// vocabulary, not its tensors. Blocks for tens of milliseconds; blocking pool only.
Result<MemoryEstimate> estimate(const LoadOptions& options);

/// The type names quantize() takes, as llama-quantize spells them ("Q4_K_M", …), with a word on each.
struct QuantizeType {
  std::string name;
  std::string note;
};
const std::vector<QuantizeType>& quantize_types();

/// Writes `in` as `type` to `out` (removed again on failure). `on_bytes` gets the bytes written so far about five times
/// a second on another thread. Blocks for as long as it takes; uses every core.
Result<> quantize(const std::filesystem::path& in, const std::filesystem::path& out, const std::string& type,
                  const std::function<void(std::uint64_t written)>& on_bytes = {});

}  // namespace hearth::engine
