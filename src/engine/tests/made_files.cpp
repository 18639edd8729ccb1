// SPDX-License-Identifier: Apache-2.0
#include "made_files.hpp"

#include <ggml.h>
#include <gguf.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>

namespace hearth::engine::tests {
namespace {

constexpr std::int64_t kWidth = 32;
constexpr std::int64_t kContext = 64;

struct FreeTensors {
  void operator()(ggml_context* context) const { ggml_free(context); }
};
struct FreeFile {
  void operator()(gguf_context* file) const { gguf_free(file); }
};

class File {
 public:
  [[nodiscard]] gguf_context* raw() const { return file_.get(); }
  void number(const char* key, std::uint32_t value) { gguf_set_val_u32(raw(), key, value); }
  void real(const char* key, float value) { gguf_set_val_f32(raw(), key, value); }
  void flag(const char* key, bool value) { gguf_set_val_bool(raw(), key, value); }
  void text(const char* key, const char* value) { gguf_set_val_str(raw(), key, value); }

  /// `value(i)` of the flat index; `rows` 0 makes a vector.
  void tensor(const std::string& name, std::int64_t width, std::int64_t rows,
              const std::function<float(std::int64_t)>& value) {
    ggml_tensor* t = rows == 0 ? ggml_new_tensor_1d(tensors_.get(), GGML_TYPE_F32, width)
                               : ggml_new_tensor_2d(tensors_.get(), GGML_TYPE_F32, width, rows);
    for (std::int64_t i = 0; i < ggml_nelements(t); ++i) ggml_get_data_f32(t)[i] = value(i);
    ggml_set_name(t, name.c_str());
    gguf_add_tensor(raw(), t);
  }
  void write(const std::filesystem::path& path) const {
    if (!gguf_write_to_file(raw(), path.c_str(), false)) throw std::runtime_error("cannot write " + path.string());
  }

 private:
  std::unique_ptr<ggml_context, FreeTensors> tensors_{
      ggml_init({.mem_size = std::size_t{4} << 20, .mem_buffer = nullptr, .no_alloc = false})};
  std::unique_ptr<gguf_context, FreeFile> file_{gguf_init_empty()};
};

float zero(std::int64_t /*index*/) { return 0; }
float one(std::int64_t /*index*/) { return 1; }
float identity(std::int64_t index) { return index / kWidth == index % kWidth ? 1.0F : 0.0F; }

void add_vocabulary(File& file) {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  std::vector<std::int32_t> types(4, 3);  // control
  for (const std::string& word : kWords) tokens.push_back("\u2581" + word);
  types.resize(tokens.size(), 1);
  std::vector<const char*> raw;
  for (const std::string& token : tokens) raw.push_back(token.c_str());
  file.text("tokenizer.ggml.model", "bert");
  gguf_set_arr_str(file.raw(), "tokenizer.ggml.tokens", raw.data(), raw.size());
  gguf_set_arr_data(file.raw(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
  file.number("tokenizer.ggml.token_type_count", 2);
  file.number("tokenizer.ggml.padding_token_id", 0);
  file.number("tokenizer.ggml.unknown_token_id", 1);
  file.number("tokenizer.ggml.bos_token_id", 2);
  file.number("tokenizer.ggml.cls_token_id", 2);
  file.number("tokenizer.ggml.eos_token_id", 3);
  file.number("tokenizer.ggml.seperator_token_id", 3);  // the format spells it so
  for (const char* key :
       {"tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token", "tokenizer.ggml.add_sep_token"})
    file.flag(key, true);
}

std::unique_ptr<gguf_context, FreeFile> open_file(const std::filesystem::path& path) {
  std::unique_ptr<gguf_context, FreeFile> file{gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = nullptr})};
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return file;
}

/// A language model of random weights.
class RandomModel : public File {
 public:
  RandomModel(const std::filesystem::path& base, std::string architecture, std::uint32_t layers)
      : architecture_{std::move(architecture)} {
    const auto from = open_file(base);
    words_ = static_cast<std::int64_t>(gguf_get_arr_n(from.get(), gguf_find_key(from.get(), "tokenizer.ggml.tokens")));
    gguf_set_kv(raw(), from.get());
    text("general.architecture", architecture_.c_str());
    setting("context_length", 512U);
    setting("embedding_length", static_cast<std::uint32_t>(kRandomWidth));
    setting("block_count", layers);
    matrix("token_embd", kRandomWidth, words_);
    vector("output_norm", kRandomWidth, one);
  }
  static constexpr std::int64_t kRandomWidth = 64;

  void setting(const char* key, std::uint32_t value) { number((architecture_ + "." + key).c_str(), value); }
  void setting(const char* key, float value) { real((architecture_ + "." + key).c_str(), value); }
  /// Values that keep the size of what is multiplied by them.
  void matrix(const std::string& name, std::int64_t width, std::int64_t rows) {
    std::normal_distribution<float> value{0, 1 / std::sqrt(static_cast<float>(width))};
    tensor(name + ".weight", width, rows, [&](std::int64_t) { return value(random_); });
  }
  void vector(const std::string& name, std::int64_t size, float (*value)(std::int64_t)) {
    tensor(name + ".weight", size, 0, value);
  }

 private:
  std::string architecture_;
  std::mt19937 random_{7};
  std::int64_t words_ = 0;
};

}  // namespace

void make_sliding(const std::filesystem::path& base, const std::filesystem::path& path, std::uint32_t window) {
  constexpr std::int64_t kSize = RandomModel::kRandomWidth;
  RandomModel model{base, "gemma2", 4};
  model.setting("feed_forward_length", 128U);
  model.setting("attention.head_count", 4U);
  model.setting("attention.head_count_kv", 2U);
  model.setting("attention.key_length", 16U);
  model.setting("attention.value_length", 16U);
  model.setting("attention.sliding_window", window);
  model.setting("attn_logit_softcapping", 0.0F);  // without a cap our own attention computes it
  model.setting("attention.layer_norm_rms_epsilon", 1e-6F);
  for (int layer = 0; layer < 4; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    for (const char* norm : {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"})
      model.vector(block + norm, kSize, one);
    model.matrix(block + "attn_q", kSize, 64);
    model.matrix(block + "attn_k", kSize, 32);
    model.matrix(block + "attn_v", kSize, 32);
    model.matrix(block + "attn_output", 64, kSize);
    model.matrix(block + "ffn_gate", kSize, 128);
    model.matrix(block + "ffn_up", kSize, 128);
    model.matrix(block + "ffn_down", 128, kSize);
  }
  model.write(path);
}

void make_recurrent(const std::filesystem::path& base, const std::filesystem::path& path) {
  constexpr std::int64_t kSize = RandomModel::kRandomWidth;
  constexpr std::int64_t kInner = 2 * kSize;
  constexpr std::uint32_t kState = 16;
  constexpr std::uint32_t kRank = 4;
  RandomModel model{base, "mamba", 2};
  model.setting("feed_forward_length", 0U);
  model.setting("attention.head_count", 0U);
  model.setting("attention.layer_norm_rms_epsilon", 1e-5F);
  model.setting("ssm.conv_kernel", 4U);
  model.setting("ssm.inner_size", static_cast<std::uint32_t>(kInner));
  model.setting("ssm.state_size", kState);
  model.setting("ssm.time_step_rank", kRank);
  for (int layer = 0; layer < 2; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    model.vector(block + "attn_norm", kSize, one);
    model.matrix(block + "ssm_in", kSize, 2 * kInner);
    model.matrix(block + "ssm_conv1d", 4, kInner);
    model.tensor(block + "ssm_conv1d.bias", kInner, 0, zero);
    model.matrix(block + "ssm_x", kInner, kRank + 2 * kState);
    model.matrix(block + "ssm_dt", kRank, kInner);
    model.tensor(block + "ssm_dt.bias", kInner, 0, zero);
    // States that fade at different speeds, as Mamba begins its training (-1 to -16).
    model.tensor(block + "ssm_a", kState, kInner,
                 [](std::int64_t i) { return -1.0F - static_cast<float>(i % kState); });
    model.tensor(block + "ssm_d", kInner, 0, one);
    model.matrix(block + "ssm_out", kInner, kSize);
  }
  model.write(path);
}

void make_reranker(const std::filesystem::path& path) {
  File file;
  file.text("general.architecture", "bert");
  file.number("bert.context_length", kContext);
  file.number("bert.embedding_length", kWidth);
  file.number("bert.block_count", 1);
  file.number("bert.feed_forward_length", kWidth);
  file.number("bert.attention.head_count", 1);
  file.real("bert.attention.layer_norm_epsilon", 1e-6F);
  file.flag("bert.attention.causal", false);
  file.number("bert.pooling_type", 4);  // rank
  add_vocabulary(file);
  const auto words = static_cast<std::int64_t>(4 + kWords.size());
  file.tensor("token_embd.weight", kWidth, words,
              identity);  // each token has a dimension of its own; "river" has the 4th
  file.tensor("token_types.weight", kWidth, 2, zero);
  file.tensor("position_embd.weight", kWidth, kContext, zero);
  file.tensor("token_embd_norm.weight", kWidth, 0, one);
  file.tensor("token_embd_norm.bias", kWidth, 0, zero);
  for (const char* name : {"attn_q", "attn_k"}) {  // no query, no key: every token counts the same
    file.tensor(std::string{"blk.0."} + name + ".weight", kWidth, kWidth, zero);
    file.tensor(std::string{"blk.0."} + name + ".bias", kWidth, 0, zero);
  }
  for (const char* name : {"attn_v", "attn_output"}) {
    file.tensor(std::string{"blk.0."} + name + ".weight", kWidth, kWidth, identity);
    file.tensor(std::string{"blk.0."} + name + ".bias", kWidth, 0, zero);
  }
  for (const char* name : {"ffn_up", "ffn_down"}) {
    file.tensor(std::string{"blk.0."} + name + ".weight", kWidth, kWidth, zero);
    file.tensor(std::string{"blk.0."} + name + ".bias", kWidth, 0, zero);
  }
  for (const char* name : {"attn_output_norm", "layer_output_norm"}) {
    file.tensor(std::string{"blk.0."} + name + ".weight", kWidth, 0, one);
    file.tensor(std::string{"blk.0."} + name + ".bias", kWidth, 0, zero);
  }
  file.tensor("cls.output.weight", kWidth, 1, [](std::int64_t i) { return i == 4 ? 1.0F : 0.0F; });
  file.tensor("cls.output.bias", 1, 0, zero);
  file.write(path);
}

void make_adapter(const std::filesystem::path& base, const std::filesystem::path& path, float weight) {
  const auto model = open_file(base);
  const auto number = [&](const char* key) {
    return static_cast<std::int64_t>(gguf_get_val_u32(model.get(), gguf_find_key(model.get(), key)));
  };
  const std::int64_t width = number("llama.embedding_length");
  File file;
  file.text("general.type", "adapter");
  file.text("general.architecture", "llama");
  file.text("adapter.type", "lora");
  file.real("adapter.lora.alpha", 4);
  for (std::int64_t layer = 0; layer < number("llama.block_count"); ++layer) {
    const std::string name = "blk." + std::to_string(layer) + ".attn_output.weight";
    const auto value = [&](std::int64_t i) { return weight * static_cast<float>(i % 7 - 3); };
    file.tensor(name + ".lora_a", width, 4, value);
    file.tensor(name + ".lora_b", 4, width, value);
  }
  file.write(path);
}

}  // namespace hearth::engine::tests
