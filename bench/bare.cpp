// SPDX-License-Identifier: Apache-2.0
// The bare library: one greedy stream, nothing around it. Prints generated tokens a second.
// usage: bare MODEL.gguf PROMPT_TOKENS GENERATE THREADS
#include <ggml-cpu.h>
#include <llama-cpp.h>
#include <llama.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  const int prompt_size = std::atoi(argv[2]);
  const int generate = std::atoi(argv[3]);
  const llama_model_ptr model{llama_model_load_from_file(argv[1], llama_model_default_params())};
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 2048;
  params.n_batch = params.n_ubatch = 512;
  params.n_threads = params.n_threads_batch = std::atoi(argv[4]);
  const llama_context_ptr context{llama_init_from_model(model.get(), params)};
  ggml_threadpool_params pool = ggml_threadpool_params_default(std::atoi(argv[4]));
  ggml_threadpool* threads = ggml_threadpool_new(&pool);
  llama_attach_threadpool(context.get(), threads, threads);
  const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model.get()));
  std::vector<llama_token> tokens(prompt_size);
  for (int i = 0; i < prompt_size; ++i) tokens[i] = (i * 7919 + 13) % vocabulary;
  llama_decode(context.get(), llama_batch_get_one(tokens.data(), prompt_size));
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < generate; ++i) {
    const float* logits = llama_get_logits_ith(context.get(), -1);
    llama_token next = static_cast<llama_token>(std::max_element(logits, logits + vocabulary) - logits);
    llama_decode(context.get(), llama_batch_get_one(&next, 1));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%.2f\n", generate / took.count());
  return 0;
}
