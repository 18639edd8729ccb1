// SPDX-License-Identifier: Apache-2.0
// What one step of a model costs, for so many sequences at once, that share a beginning: with the library's own kernels
// or with Hearth's. Nothing else of Hearth runs.
// usage: steps MODEL.gguf library|hearth SEQUENCES CONTEXT STEPS   prints: ms a step (median), prompt tokens a second
//        steps MODEL.gguf facts                                    prints: bytes of weights a step reads, products a
//        token
#include <ggml-cpu.h>
#include <gguf.h>
#include <llama-cpp.h>
#include <llama.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "hearth/engine/model.hpp"

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "steps: %s\n", why);
  std::exit(1);
}

/// All matrices but the embeddings, of which a step reads a row a token; without an output matrix they are that, too.
int print_facts(const char* path) {
  ggml_context* tensors = nullptr;
  gguf_context* file = gguf_init_from_file(path, {.no_alloc = true, .ctx = &tensors});
  if (file == nullptr) return 1;
  const bool tied = ggml_get_tensor(tensors, "output.weight") == nullptr;
  double bytes = 0;
  double products = 0;
  double output = 0;
  for (ggml_tensor* t = ggml_get_first_tensor(tensors); t != nullptr; t = ggml_get_next_tensor(tensors, t)) {
    if (ggml_n_dims(t) < 2 || (std::string{ggml_get_name(t)} == "token_embd.weight" && !tied)) continue;
    bytes += static_cast<double>(ggml_nbytes(t));
    const auto elements = static_cast<double>(ggml_nelements(t));
    products += elements;
    const std::string name = ggml_get_name(t);
    if (name == "output.weight" || name == "token_embd.weight") output = elements;
  }
  std::printf("%.0f %.0f %.0f\n", bytes, products, output);
  gguf_free(file);
  ggml_free(tensors);
  return 0;
}

class Rig {
 public:
  Rig(const char* path, int sequences, int cells)
      : model_{llama_model_load_from_file(path, llama_model_default_params())}, batch_{llama_batch_init(kBatch, 0, 1)} {
    if (!model_) give_up("cannot load the model");
    const auto threads = static_cast<int>(std::thread::hardware_concurrency());
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<std::uint32_t>(cells);
    params.n_batch = params.n_ubatch = kBatch;
    params.n_seq_max = static_cast<std::uint32_t>(sequences);
    params.kv_unified = true;
    params.n_threads = params.n_threads_batch = threads;
    context_.reset(llama_init_from_model(model_.get(), params));
    if (!context_) give_up("cannot make a context");
    ggml_threadpool_params pool = ggml_threadpool_params_default(threads);
    ggml_threadpool* workers = ggml_threadpool_new(&pool);
    llama_attach_threadpool(context_.get(), workers, workers);
    vocabulary_ = llama_vocab_n_tokens(llama_model_get_vocab(model_.get()));
  }

  /// Seconds a token.
  double prompt(int tokens) {
    const auto start = Clock::now();
    for (int at = 0; at < tokens; at += kBatch) {
      batch_.n_tokens = 0;
      for (int i = at; i < std::min(tokens, at + kBatch); ++i) add(i * 7919 % vocabulary_, i, 0, false);
      decode();
    }
    return since(start) / tokens;
  }
  void forget() { llama_memory_clear(llama_get_memory(context_.get()), true); }
  void share(int sequences) {
    for (int s = 1; s < sequences; ++s) llama_memory_seq_cp(llama_get_memory(context_.get()), 0, s, -1, -1);
  }
  /// Milliseconds of the median step.
  double steps(int sequences, int first, int count) {
    std::vector<double> took;
    for (int k = 0; k < count; ++k) {
      batch_.n_tokens = 0;
      for (int s = 0; s < sequences; ++s) add((s * 977 + k * 31 + 5) % vocabulary_, first + k, s, true);
      const auto start = Clock::now();
      decode();
      took.push_back(since(start) * 1e3);
    }
    std::ranges::nth_element(took, took.begin() + count / 2);
    return took[static_cast<std::size_t>(count / 2)];
  }

 private:
  static constexpr int kBatch = 512;
  void add(llama_token token, llama_pos position, llama_seq_id sequence, bool wanted) {
    const int n = batch_.n_tokens++;
    batch_.token[n] = token;
    batch_.pos[n] = position;
    batch_.n_seq_id[n] = 1;
    batch_.seq_id[n][0] = sequence;
    batch_.logits[n] = static_cast<std::int8_t>(wanted);
  }
  void decode() {
    if (llama_decode(context_.get(), batch_) != 0) give_up("cannot compute");
    llama_synchronize(context_.get());
  }

  llama_model_ptr model_;
  llama_context_ptr context_;
  llama_batch batch_;
  int vocabulary_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string{argv[2]} == "facts") return print_facts(argv[1]);
  if (argc != 6) return 2;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  if (std::string{argv[2]} == "hearth") hearth::engine::initialize_library();
  llama_backend_init();
  const int sequences = std::atoi(argv[3]);
  const int context = std::atoi(argv[4]);
  const int steps = std::atoi(argv[5]);
  Rig rig{argv[1], sequences, std::max(2048, context + (sequences * steps) + 512)};
  rig.prompt(64);  // the first touches the weights
  rig.forget();
  const double per_token = rig.prompt(context);
  rig.share(sequences);
  rig.steps(sequences, context, 3);
  std::printf("%.3f %.1f\n", rig.steps(sequences, context + 3, steps), 1 / per_token);
  return 0;
}
