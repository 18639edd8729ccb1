// SPDX-License-Identifier: Apache-2.0
#include "gguf_check.hpp"

#include <algorithm>
#include <cmath>

namespace hearth::models {
namespace gguf {
namespace {

constexpr std::int64_t kBlocksMax = 512;     // libllama's LLAMA_MAX_LAYERS, an assertion
constexpr std::int64_t kExpertsMax = 1'024;  // LLAMA_MAX_EXPERTS, an assertion
constexpr std::int64_t kContextMax = 1 << 30;
constexpr std::int64_t kEmbeddingMax = 1 << 20;
constexpr std::int64_t kHeadsMax = 1 << 16;
constexpr std::int64_t kPoolingMax = 4;
constexpr std::int64_t kPoolingUnspecified = 0xFFFFFFFF;  // how libllama saves its -1

constexpr std::array<std::string_view, 15> kLlamaLike{"llama",    "mistral3",  "qwen2",  "qwen3",   "qwen2moe",
                                                      "qwen3moe", "gemma",     "gemma2", "gemma3",  "granite",
                                                      "smollm3",  "internlm2", "exaone", "minicpm", "phi3"};
constexpr std::array<std::string_view, 4> kRopeScaling{"none", "linear", "yarn", "longrope"};

std::string key_of(const GgufInfo& info, std::string_view key) {
  return fmt::format("{}.{}", info.architecture(), key);
}

// libllama demands u32 for these, and one number.
Result<std::int64_t> count(const GgufInfo& info, std::string_view key, std::int64_t least, std::int64_t most) {
  const std::string full = key_of(info, key);
  const GgufValue* value = info.find(full);
  if (value == nullptr) return corrupt(fmt::format("key '{}' is missing", shown(full)));
  if (value->type != GgufType::u32) {
    return corrupt(fmt::format("key '{}' has the type {}, not u32", shown(full), type_name(value->type)));
  }
  const auto number = static_cast<std::int64_t>(std::get<std::uint64_t>(value->data));
  if (number < least || number > most) {
    return corrupt(fmt::format("key '{}' is {}: it must be {} to {}", shown(full), number, least, most));
  }
  return number;
}

Result<> check_per_layer(const GgufInfo& info, std::string_view key, std::int64_t blocks, std::int64_t most) {
  const std::string full = key_of(info, key);
  const GgufValue* value = info.find(full);
  if (value == nullptr) return {};
  if (const auto* list = std::get_if<GgufArray>(&value->data)) {
    const bool right = list->element == GgufType::u32 || list->element == GgufType::i32;
    if (!right || list->length != static_cast<std::uint64_t>(blocks)) {
      return corrupt(fmt::format("key '{}' has {} elements of type {}: it must have {} of u32", shown(full),
                                 list->length, type_name(list->element), blocks));
    }
  } else if (value->type != GgufType::u32) {
    return corrupt(fmt::format("key '{}' has the type {}, not u32", shown(full), type_name(value->type)));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(blocks); ++i) {
    const auto v = layer_value(info, key, i, 0);
    if (v < 0 || v > most)
      return corrupt(fmt::format("key '{}' is {} in layer {}: at most {}", shown(full), v, i, most));
  }
  return {};
}

Result<> check_experts(const GgufInfo& info, std::int64_t blocks) {
  HEARTH_CHECKED(check_per_layer(info, "expert_used_count", blocks, kExpertsMax));
  const auto experts = info.hparam("expert_count").value_or(0);
  const auto used = info.hparam("expert_used_count").value_or(0);
  const auto groups = info.hparam("expert_group_count").value_or(0);
  const auto groups_used = info.hparam("expert_group_used_count").value_or(0);
  if (experts < 0 || experts > kExpertsMax || used < 0 || used > experts || (experts > 0 && used == 0)) {
    return corrupt(fmt::format("{} of {} experts used: at most {} experts, at least one of them used", used, experts,
                               kExpertsMax));
  }
  const bool grouped = groups > 1;
  if (groups < 0 || (groups > 0 && groups >= experts) ||
      (grouped && (experts % groups != 0 || groups_used <= 0 || groups_used >= groups))) {
    return corrupt(fmt::format("{} experts cannot be routed in {} groups with {} used", experts, groups, groups_used));
  }
  return {};
}

Result<> check_heads(const GgufInfo& info, std::int64_t blocks, std::int64_t embedding) {
  HEARTH_CHECKED(check_per_layer(info, "attention.head_count", blocks, kHeadsMax));
  HEARTH_CHECKED(check_per_layer(info, "attention.head_count_kv", blocks, kHeadsMax));
  HEARTH_CHECKED(check_per_layer(info, "feed_forward_length", blocks, std::int64_t{1} << 31));
  if (!is_llama_like(info.architecture())) return {};
  for (std::size_t i = 0; i < static_cast<std::size_t>(blocks); ++i) {
    const auto heads = layer_value(info, "attention.head_count", i, 0);
    const auto kv = layer_value(info, "attention.head_count_kv", i, heads);
    if (heads <= 0 || kv <= 0 || heads % kv != 0) {
      return corrupt(fmt::format("{} attention heads with {} key heads in layer {}: both must be positive and divide",
                                 heads, kv, i));
    }
    if (!info.hparam("attention.key_length") && embedding % heads != 0) {
      return corrupt(fmt::format("embedding_length {} does not divide into {} attention heads", embedding, heads));
    }
  }
  return {};
}

Result<> check_rope(const GgufInfo& info, std::int64_t embedding) {
  const std::string_view scaling = info.text(key_of(info, "rope.scaling.type"));
  if (info.has(key_of(info, "rope.scaling.type")) && std::ranges::find(kRopeScaling, scaling) == kRopeScaling.end()) {
    return corrupt(fmt::format("rope.scaling.type '{}' is unknown", shown(scaling)));
  }
  for (const auto* key : {"rope.freq_base", "rope.freq_base_swa", "rope.scaling.factor", "rope.scale_linear"}) {
    const auto value = info.number(key_of(info, key));
    if (value && (!std::isfinite(*value) || *value < 0))
      return corrupt(fmt::format("{} is not a positive number", key));
  }
  if (!is_llama_like(info.architecture())) return {};
  const auto heads = std::max<std::int64_t>(1, layer_value(info, "attention.head_count", 0, 1));
  const auto key_length = info.hparam("attention.key_length").value_or(embedding / heads);
  const auto value_length = info.hparam("attention.value_length").value_or(embedding / heads);
  const auto rope = info.hparam("rope.dimension_count").value_or(key_length);
  if (key_length <= 0 || key_length > kEmbeddingMax || value_length <= 0 || value_length > kEmbeddingMax) {
    return corrupt(fmt::format("key and value length {} and {} of a head are out of range", key_length, value_length));
  }
  if (rope <= 0 || rope % 2 != 0 || rope > key_length) {
    return corrupt(fmt::format("rope.dimension_count {} must be even, positive and at most the head's length {}", rope,
                               key_length));
  }
  if (info.architecture() == "llama" && (rope != key_length || value_length != key_length)) {
    return corrupt(fmt::format(
        "key length {}, value length {} and rope.dimension_count {} of a head must be equal in a llama model",
        key_length, value_length, rope));
  }
  return {};
}

Result<> check_numbers(const GgufInfo& info) {
  for (const auto* key :
       {"attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon", "attention.group_norm_epsilon"}) {
    const auto value = info.number(key_of(info, key));
    if (value && !(*value >= 0 && *value <= 1)) return corrupt(fmt::format("{} must be 0 to 1", key));
  }
  const auto pooling = info.hparam("pooling_type");
  const bool unspecified = pooling && (*pooling == -1 || *pooling == kPoolingUnspecified);
  if (pooling && !unspecified && (*pooling < 0 || *pooling > kPoolingMax))
    return corrupt(fmt::format("pooling_type {} is unknown", *pooling));
  return {};
}

}  // namespace

bool is_llama_like(std::string_view architecture) noexcept {
  return std::ranges::find(kLlamaLike, architecture) != kLlamaLike.end();
}

std::int64_t layer_value(const GgufInfo& info, std::string_view key, std::size_t layer, std::int64_t absent) {
  const std::string full = key_of(info, key);
  if (const GgufArray* list = info.array(full)) return layer < list->integers.size() ? list->integers[layer] : absent;
  return info.integer(full).value_or(absent);
}

Result<> check_hparams(const GgufInfo& info) {
  HEARTH_TRY(const auto blocks, count(info, "block_count", 1, kBlocksMax));
  HEARTH_TRY(const auto embedding, count(info, "embedding_length", 1, kEmbeddingMax));
  HEARTH_CHECKED(count(info, "context_length", 1, kContextMax));
  const auto predicting = info.hparam("nextn_predict_layers").value_or(0);
  if (predicting < 0 || predicting > blocks) {
    return corrupt(fmt::format("nextn_predict_layers {} is more than the {} blocks", predicting, blocks));
  }
  HEARTH_CHECKED(check_experts(info, blocks));
  HEARTH_CHECKED(check_heads(info, blocks, embedding));
  HEARTH_CHECKED(check_rope(info, embedding));
  return check_numbers(info);
}

}  // namespace gguf

Result<> check_model(const GgufInfo& info) {
  constexpr std::uint64_t kMappedAlignment = 32;  // ggml asserts it of every mapped tensor
  if (info.architecture().empty()) return gguf::corrupt("key 'general.architecture' (string) is missing");
  if (info.text("general.type") == "adapter") {
    return fail(ErrorCode::invalid_request,
                "this GGUF is a LoRA adapter, not a model; use it with ADAPTER in a Modelfile");
  }
  if (info.architecture() == "clip") {
    return fail(ErrorCode::invalid_request,
                "this GGUF is a vision projector, not a model; give the language model's file");
  }
  if (info.tensors.empty()) return gguf::corrupt("no tensors: this GGUF holds a vocabulary only");
  if (info.alignment < kMappedAlignment) {
    return gguf::corrupt(
        fmt::format("general.alignment {} is below {}, which the engine needs", info.alignment, kMappedAlignment));
  }
  HEARTH_CHECKED(gguf::check_hparams(info));
  HEARTH_CHECKED(gguf::check_vocabulary(info));
  return gguf::check_tensors(info);
}

}  // namespace hearth::models
