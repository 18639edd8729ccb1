// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>

#include "gguf_check.hpp"

namespace hearth::models::gguf {
namespace {

using Shape = std::vector<std::int64_t>;

std::string shape_text(const GgufTensor& t) {
  return fmt::format("[{}]", fmt::join(t.dims.begin(), t.dims.begin() + std::max<std::uint32_t>(1, t.n_dims), ", "));
}

// What the hyperparameters say about one layer.
struct Layer {
  std::int64_t embedding, heads, kv, key, value, feed_forward;
};

class TensorCheck {
 public:
  explicit TensorCheck(const GgufInfo& info) : info_{info} {
    for (const auto& t : info.tensors) by_name_.emplace(t.name, &t);
  }

  Result<> run() {
    HEARTH_CHECKED(types());
    const std::int64_t embedding = info_.embedding_length();
    const std::int64_t vocabulary = info_.vocabulary_size();
    HEARTH_CHECKED(required("token_embd.weight", {embedding, vocabulary}));
    HEARTH_CHECKED(required("output_norm.weight", {embedding}));
    HEARTH_CHECKED(optional("output.weight", {embedding, vocabulary}));
    const auto blocks = info_.block_count() - info_.hparam("nextn_predict_layers").value_or(0);
    for (std::int64_t i = 0; i < blocks; ++i) HEARTH_CHECKED(layer(static_cast<std::size_t>(i)));
    return {};
  }

 private:
  // Vectors are added to or multiplied with f32 activations, for which ggml has only the f32 form (it aborts on
  // others); matrices must be of a type that has a product.
  Result<> types() {
    for (const auto& t : info_.tensors) {
      const bool vector = t.n_dims <= 1;
      if (vector && t.type->name != "F32") {
        return corrupt(fmt::format("tensor '{}' is a vector of {}: it must be F32", shown(t.name), t.type->name));
      }
      if (!vector && t.name.ends_with(".weight") && !t.type->weights) {
        return corrupt(
            fmt::format("tensor '{}' is of type {}, which no weight matrix can have", shown(t.name), t.type->name));
      }
    }
    return {};
  }

  Result<> layer(std::size_t i) {
    Layer l{};
    l.embedding = info_.embedding_length();
    l.heads = layer_value(info_, "attention.head_count", i, 1);
    l.kv = layer_value(info_, "attention.head_count_kv", i, l.heads);
    l.key = info_.hparam("attention.key_length").value_or(l.embedding / l.heads);
    l.value = info_.hparam("attention.value_length").value_or(l.embedding / l.heads);
    l.feed_forward = layer_value(info_, "feed_forward_length", i, 0);
    const std::string block = fmt::format("blk.{}.", i);
    HEARTH_CHECKED(required(block + "attn_norm.weight", {l.embedding}));
    HEARTH_CHECKED(attention(block, l));
    return feed_forward(block, l);
  }

  Result<> attention(const std::string& block, const Layer& l) {
    if (by_name_.contains(block + "attn_qkv.weight")) {
      const auto rows = l.heads * l.key + l.kv * l.key + l.kv * l.value;
      HEARTH_CHECKED(required(block + "attn_qkv.weight", {l.embedding, rows}));
    } else {
      HEARTH_CHECKED(required(block + "attn_q.weight", {l.embedding, l.heads * l.key}));
      HEARTH_CHECKED(required(block + "attn_k.weight", {l.embedding, l.kv * l.key}));
      HEARTH_CHECKED(required(block + "attn_v.weight", {l.embedding, l.kv * l.value}));
    }
    HEARTH_CHECKED(optional(block + "attn_q.bias", {l.heads * l.key}));
    HEARTH_CHECKED(optional(block + "attn_k.bias", {l.kv * l.key}));
    HEARTH_CHECKED(optional(block + "attn_v.bias", {l.kv * l.value}));
    return required(block + "attn_output.weight", {l.heads * l.value, l.embedding});
  }

  Result<> feed_forward(const std::string& block, const Layer& l) {
    HEARTH_CHECKED(required(block + "ffn_norm.weight", {l.embedding}));
    // Experts, and nets that put gate and up into one matrix (phi3), are left to libllama, which compares their shapes.
    const std::string down = block + "ffn_down.weight";
    const std::string experts = block + "ffn_down_exps.weight";
    const std::string apart = block + "ffn_down.0.weight";  // an old mixture: one tensor an expert
    if (by_name_.contains(experts) || by_name_.contains(apart)) return {};
    HEARTH_CHECKED(required(down, {l.feed_forward, l.embedding}));
    return optional(block + "ffn_gate.weight", {l.embedding, l.feed_forward});
  }

  Result<> required(const std::string& name, const Shape& shape) {
    if (!by_name_.contains(name)) return corrupt(fmt::format("tensor '{}' is missing", name));
    return optional(name, shape);
  }

  Result<> optional(const std::string& name, const Shape& shape) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return {};
    const GgufTensor& t = *found->second;
    for (std::size_t d = 0; d < t.dims.size(); ++d) {
      const std::int64_t wanted = d < shape.size() ? shape[d] : 1;
      if (wanted > 0 && t.dims[d] == static_cast<std::uint64_t>(wanted)) continue;
      return corrupt(fmt::format("tensor '{}' has the shape {}, but the metadata says [{}]", name, shape_text(t),
                                 fmt::join(shape, ", ")));
    }
    return {};
  }

  const GgufInfo& info_;
  std::unordered_map<std::string_view, const GgufTensor*> by_name_;
};

}  // namespace

Result<> check_tensors(const GgufInfo& info) {
  return is_llama_like(info.architecture()) ? TensorCheck{info}.run() : Result<>{};
}

}  // namespace hearth::models::gguf
