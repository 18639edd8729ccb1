// SPDX-License-Identifier: Apache-2.0
// The validator's purpose, tested as such: whatever check_model accepts, libllama may refuse, but must not crash on.
// Each damaged model is loaded and run in a child process, so that an assertion in libllama is a failure here and not
// the end of the test. The mutations are deterministic.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <limits>
#include <random>

#include "gguf_writer.hpp"
#include "llama.h"

namespace hearth::models {
namespace {

using testing::GgufWriter;
using testing::tiny_llama;

constexpr int kModels = 2'000;
constexpr unsigned kChildSeconds = 20;

/// The vocabulary of the tiny model lacks most characters, at which libllama throws: then one token stands for the
/// text.
int tokenize(const llama_vocab* vocabulary, std::array<llama_token, 32>& tokens) {
  try {
    return llama_tokenize(vocabulary, "abc", 3, tokens.data(), static_cast<int>(tokens.size()), /*add_special=*/true,
                          /*parse_special=*/true);
  } catch (const std::exception&) {
    return 1;
  }
}

/// Loads, tokenizes, decodes, prints every token; ends the process. Exceptions are libllama's own refusal.
[[noreturn]] void use_model(const char* path) {
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  ::alarm(kChildSeconds);
  try {
    llama_model* model = llama_model_load_from_file(path, llama_model_default_params());
    if (model == nullptr) ::_exit(1);
    auto params = llama_context_default_params();
    params.n_ctx = 64;
    params.n_batch = 16;
    params.n_threads = params.n_threads_batch = 1;
    llama_context* context = llama_init_from_model(model, params);
    if (context == nullptr) ::_exit(1);
    const llama_vocab* vocabulary = llama_model_get_vocab(model);
    std::array<llama_token, 32> tokens{3};
    const int n = tokenize(vocabulary, tokens);
    if (llama_decode(context, llama_batch_get_one(tokens.data(), std::max(n, 1))) != 0) ::_exit(1);
    std::array<char, 64> piece{};
    for (llama_token t = 0; t < llama_vocab_n_tokens(vocabulary); ++t) {
      llama_token_to_piece(vocabulary, t, piece.data(), piece.size(), 0, /*special=*/true);
    }
  } catch (const std::exception&) {
    ::_exit(1);
  }
  ::_exit(0);
}

template <class T>
auto pick(std::mt19937& random, const T& from) {
  return from[random() % std::size(from)];
}

constexpr const char* kCounts[] = {"general.file_type",
                                   "llama.block_count",
                                   "llama.context_length",
                                   "llama.embedding_length",
                                   "llama.feed_forward_length",
                                   "llama.attention.head_count",
                                   "llama.attention.head_count_kv",
                                   "llama.rope.dimension_count",
                                   "llama.attention.key_length",
                                   "llama.attention.value_length",
                                   "llama.vocab_size",
                                   "llama.expert_count",
                                   "llama.expert_used_count",
                                   "llama.expert_group_count",
                                   "llama.nextn_predict_layers",
                                   "llama.pooling_type",
                                   "llama.attention.sliding_window",
                                   "llama.rope.scaling.original_context_length",
                                   "llama.embedding_length_out",
                                   "llama.attention.key_length_swa",
                                   "llama.rope.dimension_count_swa",
                                   "tokenizer.ggml.bos_token_id",
                                   "tokenizer.ggml.eos_token_id",
                                   "tokenizer.ggml.padding_token_id",
                                   "tokenizer.ggml.unknown_token_id",
                                   "tokenizer.ggml.seperator_token_id",
                                   "tokenizer.ggml.token_type_count"};
constexpr std::uint32_t kNumbers[] = {0,  1,  2,  3,   4,   5,   7,    8,     11,         12,         13,        16,
                                      31, 63, 64, 255, 511, 512, 1024, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
constexpr const char* kFloats[] = {"llama.attention.layer_norm_rms_epsilon",
                                   "llama.rope.freq_base",
                                   "llama.rope.scaling.factor",
                                   "llama.attention.scale",
                                   "llama.attention.max_alibi_bias",
                                   "llama.attention.clamp_kqv",
                                   "llama.logit_scale",
                                   "llama.rope.scaling.attn_factor"};
constexpr float kReals[] = {
    0, -1, 1, 1e-5F, 1e30F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
constexpr const char* kSwitches[] = {"tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token",
                                     "tokenizer.ggml.add_sep_token", "llama.attention.causal",
                                     "tokenizer.ggml.add_space_prefix"};
constexpr const char* kTexts[] = {"tokenizer.ggml.model", "tokenizer.ggml.pre", "llama.rope.scaling.type",
                                  "general.architecture"};
constexpr const char* kWords[] = {"llama", "gpt2",    "bert",      "t5",   "rwkv",     "none",  "plamo2", "gemma4",
                                  "",      "default", "llama-bpe", "yarn", "longrope", "qwen3", "gemma"};
constexpr std::uint32_t kTypes[] = {0, 1, 2, 8, 9, 15, 24, 26, 28, 30, 39, 41};

/// One change that keeps the file well-formed and its meaning doubtful; returns what it was.
std::string damage(GgufWriter& w, std::mt19937& random) {
  switch (random() % 7) {
    case 0:
    case 1: {
      const auto key = pick(random, kCounts);
      const auto value = pick(random, kNumbers);
      w.u32(key, value);
      return fmt::format("{}={} ", key, value);
    }
    case 2: {
      const auto key = pick(random, kFloats);
      const auto value = pick(random, kReals);
      w.f32(key, value);
      return fmt::format("{}={} ", key, value);
    }
    case 3: {
      const auto key = pick(random, kSwitches);
      const bool value = random() % 2 == 0;
      w.boolean(key, value);
      return fmt::format("{}={} ", key, value);
    }
    case 4: {
      const auto key = pick(random, kTexts);
      const auto value = pick(random, kWords);
      w.string(key, value).strings("tokenizer.ggml.merges", {"a b", "b c"});
      return fmt::format("{}='{}' ", key, value);
    }
    case 5: {
      auto& tensor = w.tensors[random() % w.tensors.size()];
      const TensorType* type = find_tensor_type(pick(random, kTypes));
      std::uint64_t elements = 1;
      for (const auto d : tensor.dims) elements *= d;
      tensor.type = type->id;
      tensor.bytes = std::max<std::uint64_t>(1, elements / type->block * type->bytes);
      return fmt::format("{} of {} ", tensor.name, type->name);
    }
    default: {
      const auto key = pick(random, kCounts);
      w.remove(key);
      return fmt::format("no {} ", key);
    }
  }
}

TEST(GgufLoad, WhatTheValidatorAcceptsNeverCrashesLibllama) {
  std::string path = ::testing::TempDir() + "hearth-load-XXXXXX.gguf";
  const int fd = ::mkstemps(path.data(), 5);
  ASSERT_GE(fd, 0);
  ::close(fd);
  llama_backend_init();
  std::mt19937 random{20'260'102};
  int accepted = 0;
  int served = 0;
  for (int i = 0; i < kModels; ++i) {
    auto writer = tiny_llama();
    std::string what;
    for (std::size_t n = random() % 3; n > 0; --n) what += damage(writer, random);
    const std::string bytes = writer.build();
    if (!testing::accept(bytes)) continue;
    ++accepted;
    std::ofstream{path, std::ios::binary} << bytes;

    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) use_model(path.c_str());
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);

    EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status) << " after: " << what;
    served += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  std::filesystem::remove(path);
  EXPECT_GT(served, kModels / 4) << "too few of " << accepted << " accepted models ran: the test proves little";
}

}  // namespace
}  // namespace hearth::models
