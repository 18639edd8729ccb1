// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace hearth::engine {

struct Adapter {
  std::filesystem::path path;  // LoRA as GGUF
  float scale = 1.0F;
  bool operator==(const Adapter&) const = default;
};

/// Guessing what comes next and computing it in the same step: where it pays, never, or as much as there is room for.
enum class Speculation : std::uint8_t { automatic, off, always };
enum class FlashAttention : std::uint8_t { automatic, on, off };

/// How a model is loaded. 0 or absent means: chosen by the engine, as the comment says.
struct LoadOptions {
  std::vector<std::filesystem::path> weights;  // GGUF; several for a split model, in order
  std::vector<Adapter> adapters;               // one set for all requests of this instance
  std::string chat_template;                   // Jinja; empty: the GGUF's own

  std::int32_t context = 0;   // longest sequence; 0: min(trained, kDefaultContext)
  std::int32_t parallel = 0;  // sequences that run at once; 0: kDefaultParallel
  std::int32_t cells = 0;  // KV cells shared by all; 0: context * parallel, at most kDefaultCellsMax, at least context
  std::int32_t batch = 0;  // tokens a step at most; 0: kDefaultBatch
  std::int32_t threads = 0;      // 0: the number of physical cores this process may use
  std::int32_t gpu_layers = -1;  // -1: all that a GPU build has
  std::int32_t main_gpu = 0;
  std::vector<float> tensor_split;
  bool vocabulary_only = false;  // no weights: for tokens and masks
  Speculation speculation = Speculation::automatic;
  std::filesystem::path draft;  // a small GGUF of the same vocabulary that guesses; empty: prompt lookup alone
  bool mmap = true;
  bool mlock = false;
  FlashAttention flash_attention = FlashAttention::automatic;
  std::string kv_type_k = "f16";  // f32 f16 bf16 q8_0 q4_0 q4_1 iq4_nl q5_0 q5_1
  std::string kv_type_v = "f16";
  std::size_t max_queue = 256;                 // requests waiting beside the running ones; more are 429
  std::chrono::milliseconds step_target{100};  // a step with running streams should not take longer

  bool operator==(const LoadOptions&) const = default;
};

inline constexpr std::int32_t kDefaultContext = 8192;
inline constexpr std::int32_t kDefaultParallel = 8;
inline constexpr std::int32_t kDefaultCellsMax = 32768;
inline constexpr std::int32_t kDefaultBatch = 512;
inline constexpr std::int32_t kMaxParallel = 128;     // running; the rest of libllama's 256 ids hold cached prefixes
inline constexpr std::int32_t kMaxSequenceIds = 256;  // LLAMA_MAX_SEQ

}  // namespace hearth::engine
