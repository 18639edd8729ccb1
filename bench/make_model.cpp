// SPDX-License-Identifier: Apache-2.0
// Writes a GGUF with random weights around a real vocabulary: speed does not depend on the values of the weights.
// usage: make_model VOCAB.gguf OUT.gguf LAYERS WIDTH FFN HEADS KV_HEADS
#include <ggml-backend.h>
#include <ggml.h>
#include <gguf.h>
#include <llama-cpp.h>
#include <llama.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr const char* kTemplate =
    "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}";

void fill_tensor(ggml_tensor* tensor, void* state) {
  auto& random = *static_cast<std::mt19937*>(state);
  // Norm weights are one; the rest is small enough to keep activations finite through every layer.
  const bool norm = std::string{ggml_get_name(tensor)}.find("norm") != std::string::npos;
  std::uniform_real_distribution<float> small{-0.05F, 0.05F};
  const auto n = static_cast<std::size_t>(ggml_nelements(tensor));
  std::vector<float> values(n);
  for (float& value : values) value = norm ? 1.0F : small(random);
  ggml_backend_tensor_set(tensor, values.data(), 0, n * sizeof(float));
}

void set_number(gguf_context* gguf, const char* key, const char* value) {
  gguf_set_val_u32(gguf, key, static_cast<std::uint32_t>(std::strtoul(value, nullptr, 10)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(stderr, "usage: make_model VOCAB.gguf OUT.gguf LAYERS WIDTH FFN HEADS KV_HEADS\n");
    return 2;
  }
  llama_backend_init();
  gguf_context* gguf = gguf_init_from_file(argv[1], {.no_alloc = true, .ctx = nullptr});
  if (gguf == nullptr) return 1;
  gguf_set_val_str(gguf, "general.architecture", "llama");
  gguf_set_val_str(gguf, "tokenizer.chat_template", kTemplate);
  set_number(gguf, "llama.context_length", "8192");
  set_number(gguf, "llama.block_count", argv[3]);
  set_number(gguf, "llama.embedding_length", argv[4]);
  set_number(gguf, "llama.feed_forward_length", argv[5]);
  set_number(gguf, "llama.attention.head_count", argv[6]);
  set_number(gguf, "llama.attention.head_count_kv", argv[7]);
  gguf_set_val_u32(gguf, "llama.rope.dimension_count",
                   static_cast<std::uint32_t>(std::strtoul(argv[4], nullptr, 10) / std::strtoul(argv[6], nullptr, 10)));
  gguf_set_val_f32(gguf, "llama.rope.freq_base", 500000.0F);
  gguf_set_val_f32(gguf, "llama.attention.layer_norm_rms_epsilon", 1e-5F);
  std::mt19937 random{42};
  llama_model_params params = llama_model_default_params();
  params.use_extra_bufts = false;  // repacked weights could not be saved
  const llama_model_ptr model{llama_model_init_from_user(gguf, fill_tensor, &random, params)};
  if (!model) return 1;
  llama_model_save_to_file(model.get(), argv[2]);
  gguf_free(gguf);
  return 0;
}
