// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "hearth/models/gguf.hpp"

namespace hearth::models::testing {

/// Writes GGUF bytes, right or wrong: every field that a file states can be made to lie.
class GgufWriter {
 public:
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> dims;
    std::uint32_t type = 0;               // F32
    std::uint64_t bytes = 0;              // 0: four an element
    std::optional<std::uint64_t> offset;  // absent: behind the tensor before it
    std::optional<std::uint32_t> n_dims;  // absent: dims.size()
  };

  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::optional<std::uint64_t> key_count;
  std::optional<std::uint64_t> tensor_count;
  std::uint64_t alignment = 32;  // used for the layout; says nothing in the file
  std::vector<Tensor> tensors;

  template <class T>
  static std::string raw(T value) {
    static_assert(std::is_arithmetic_v<T>);
    std::string out(sizeof value, '\0');
    std::memcpy(out.data(), &value, sizeof value);
    return out;
  }
  static std::string text(std::string_view s) { return raw<std::uint64_t>(s.size()) + std::string{s}; }

  /// A key with its value's bytes as they are.
  GgufWriter& value(std::string_view key, std::uint32_t type, const std::string& bytes) {
    return entry(key, text(key) + raw(type) + bytes);
  }
  GgufWriter& u32(std::string_view key, std::uint32_t v) { return value(key, 4, raw(v)); }
  GgufWriter& f32(std::string_view key, float v) { return value(key, 6, raw(v)); }
  GgufWriter& boolean(std::string_view key, bool v) { return value(key, 7, std::string(1, v ? '\1' : '\0')); }
  GgufWriter& string(std::string_view key, std::string_view v) { return value(key, 8, text(v)); }
  GgufWriter& strings(std::string_view key, const std::vector<std::string>& v) {
    std::string bytes = raw<std::uint32_t>(8) + raw<std::uint64_t>(v.size());
    for (const auto& s : v) bytes += text(s);
    return value(key, 9, bytes);
  }
  template <class T>
  GgufWriter& numbers(std::string_view key, std::uint32_t type, const std::vector<T>& v) {
    std::string bytes = raw(type) + raw<std::uint64_t>(v.size());
    for (const T n : v) bytes += raw(n);
    return value(key, 9, bytes);
  }
  /// Bytes in the place of a key and its value.
  GgufWriter& entry(std::string_view key, const std::string& bytes) {
    for (auto& [name, old] : entries_) {
      if (name == key && !key.empty()) {
        old = bytes;
        return *this;
      }
    }
    entries_.emplace_back(key, bytes);
    return *this;
  }
  GgufWriter& append(std::string_view key, const std::string& bytes) {
    entries_.emplace_back(key, bytes);
    return *this;
  }
  GgufWriter& remove(std::string_view key) {
    std::erase_if(entries_, [&](const auto& e) { return e.first == key; });
    return *this;
  }
  GgufWriter& tensor(std::string name, std::vector<std::uint64_t> dims, std::uint32_t type = 0,
                     std::uint64_t bytes = 0) {
    tensors.push_back({std::move(name), std::move(dims), type, bytes, std::nullopt, std::nullopt});
    return *this;
  }
  Tensor& at(std::string_view name) {
    for (auto& t : tensors) {
      if (t.name == name) return t;
    }
    return tensors.emplace_back();
  }

  std::string build() const {
    std::string out = magic + raw(version) + raw<std::uint64_t>(tensor_count.value_or(tensors.size())) +
                      raw<std::uint64_t>(key_count.value_or(entries_.size()));
    for (const auto& [key, bytes] : entries_) out += bytes;
    std::uint64_t offset = 0;
    for (const auto& t : tensors) {
      out += text(t.name) + raw<std::uint32_t>(t.n_dims.value_or(static_cast<std::uint32_t>(t.dims.size())));
      for (const auto d : t.dims) out += raw(d);
      out += raw(t.type) + raw(t.offset.value_or(offset));
      offset += padded(size_of(t));
    }
    if (tensors.empty()) return out;
    out.resize(padded(out.size()) + offset, '\0');
    return out;
  }

 private:
  static std::uint64_t size_of(const Tensor& t) {
    if (t.bytes != 0) return t.bytes;
    std::uint64_t bytes = 4;
    for (const auto d : t.dims) bytes *= d;
    return bytes > (1U << 20) ? 0 : bytes;  // an absurd claim gets no data
  }
  std::uint64_t padded(std::uint64_t n) const { return (n + alignment - 1) / alignment * alignment; }

  std::vector<std::pair<std::string, std::string>> entries_;
};

inline std::span<const std::byte> bytes_of(const std::string& s) {
  return std::as_bytes(std::span{s.data(), s.size()});
}

/// A whole llama model of one layer, small enough to look at: embedding 8, two heads of 4, one key head, 12 tokens.
inline GgufWriter tiny_llama() {
  GgufWriter w;
  w.string("general.architecture", "llama").string("general.name", "tiny").u32("general.file_type", 0);
  w.u32("llama.block_count", 1).u32("llama.context_length", 64).u32("llama.embedding_length", 8);
  w.u32("llama.feed_forward_length", 16).u32("llama.attention.head_count", 2).u32("llama.attention.head_count_kv", 1);
  w.u32("llama.rope.dimension_count", 4).f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  w.f32("llama.rope.freq_base", 10000.0F).string("tokenizer.ggml.model", "llama");
  std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
  for (char c = 'a'; c < 'j'; ++c) tokens.emplace_back(1, c);
  w.strings("tokenizer.ggml.tokens", tokens);
  w.numbers<float>("tokenizer.ggml.scores", 6, std::vector<float>(12, 0.0F));
  w.numbers<std::int32_t>("tokenizer.ggml.token_type", 5, std::vector<std::int32_t>(12, 1));
  w.u32("tokenizer.ggml.bos_token_id", 1)
      .u32("tokenizer.ggml.eos_token_id", 2)
      .boolean("tokenizer.ggml.add_bos_token", true);
  w.tensor("token_embd.weight", {8, 12}).tensor("output_norm.weight", {8});
  w.tensor("blk.0.attn_norm.weight", {8}).tensor("blk.0.attn_q.weight", {8, 8}).tensor("blk.0.attn_k.weight", {8, 4});
  w.tensor("blk.0.attn_v.weight", {8, 4})
      .tensor("blk.0.attn_output.weight", {8, 8})
      .tensor("blk.0.ffn_norm.weight", {8});
  w.tensor("blk.0.ffn_gate.weight", {8, 16})
      .tensor("blk.0.ffn_up.weight", {8, 16})
      .tensor("blk.0.ffn_down.weight", {16, 8});
  return w;
}

/// The whole gate, as a file would pass it.
inline Result<GgufInfo> accept(const std::string& bytes) {
  HEARTH_TRY(auto info, parse_gguf(bytes_of(bytes)));
  std::vector<GgufInfo> shards;
  shards.push_back(std::move(info));
  HEARTH_TRY(auto whole, merge_shards(std::move(shards)));
  HEARTH_CHECKED(check_model(whole));
  return whole;
}

}  // namespace hearth::models::testing
