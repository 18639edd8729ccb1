// SPDX-License-Identifier: Apache-2.0
#include "ollama_show.hpp"

#include <gtest/gtest.h>

#include "ollama_progress.hpp"

namespace hearth::api::ollama {
namespace {

using models::GgufType;
using nlohmann::json;

models::GgufInfo sample() {
  models::GgufInfo info;
  info.kv["general.architecture"] = {.type = GgufType::string, .data = std::string{"llama"}};
  info.kv["llama.block_count"] = {.type = GgufType::u32, .data = std::uint64_t{2}};
  info.kv["llama.rope.freq_base"] = {.type = GgufType::f32, .data = 10000.0};
  info.kv["tokenizer.chat_template"] = {.type = GgufType::string, .data = std::string{"{{ x }}"}};
  models::GgufArray tokens;
  tokens.element = GgufType::string;
  tokens.length = 2;
  tokens.kept = true;
  tokens.strings = {"a", "b"};
  info.kv["tokenizer.ggml.tokens"] = {.type = GgufType::array, .data = tokens};
  models::GgufTensor tensor;
  tensor.name = "output.weight";
  tensor.type = models::find_tensor_type(0);
  tensor.n_dims = 2;
  tensor.dims = {4, 8, 1, 1};
  info.tensors.push_back(tensor);
  return info;
}

TEST(OllamaShow, LeavesArraysOutUnlessVerbose) {
  EXPECT_EQ(model_info_json(sample(), false), json::parse(R"({
    "general.architecture":"llama","general.parameter_count":32,"llama.block_count":2,"llama.rope.freq_base":10000.0,
    "tokenizer.ggml.tokens":null})"));
  EXPECT_EQ(model_info_json(sample(), true)["tokenizer.ggml.tokens"], json::parse(R"(["a","b"])"));
}

TEST(OllamaShow, HasTheFieldsOfOllama) {
  models::Model model;
  model.name = "a:latest";
  model.family = "llama";
  model.parameter_size = "1.2B";
  model.quantization = "Q4_K_M";
  model.system = "S";
  model.licenses = {"L1", "L2"};
  model.messages = {{.role = "user", .content = "hi"}};
  model.capabilities = {"completion"};

  const json shown = show_json(model, sample(), false);

  EXPECT_EQ(shown["template"], "{{ x }}");
  EXPECT_EQ(shown["license"], "L1\nL2");
  EXPECT_EQ(shown["system"], "S");
  EXPECT_EQ(shown["messages"], json::parse(R"([{"role":"user","content":"hi"}])"));
  EXPECT_EQ(shown["capabilities"], json::parse(R"(["completion"])"));
  EXPECT_EQ(shown["tensors"], json::parse(R"([{"name":"output.weight","type":"F32","shape":[4,8]}])"));
  EXPECT_EQ(shown["details"], json::parse(R"({"parent_model":"","format":"gguf","family":"llama","families":["llama"],
    "parameter_size":"1.2B","quantization_level":"Q4_K_M"})"));
}

TEST(OllamaProgress, FoldsOnlyProgressOfTheSameLayer) {
  models::Progress last{.status = "pulling ab", .digest = "sha256:ab", .total = 9, .completed = 4};

  EXPECT_TRUE(fold(last, {.status = "pulling ab", .digest = "sha256:ab", .total = 9, .completed = 8}));
  EXPECT_EQ(last.completed, 8U);
  EXPECT_FALSE(fold(last, {.status = "pulling cd", .digest = "sha256:cd", .total = 9, .completed = 1}));
  EXPECT_EQ(last.digest, "sha256:ab");
}

}  // namespace
}  // namespace hearth::api::ollama
