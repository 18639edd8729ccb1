// SPDX-License-Identifier: Apache-2.0
// What Hearth says greedily is what libllama says by itself, with its own kernels: one sequence, token for token, up to
// where two tokens are as good as equal. There the last bits decide, which kernels round differently (libllama's own
// with and without flash attention, too).
#include <llama-cpp.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "hearth/base/id.hpp"
#include "hearth/engine/estimate.hpp"
#include "stories.hpp"

namespace hearth::engine {
namespace {

constexpr int kTokens = 60;
constexpr float kNearTie = 0.05F;  // of logits; most tokens win by more than 0.3

struct BareAnswer {
  std::vector<TokenId> tokens;
  std::vector<TokenId> seconds;  // what came closest
  std::vector<float> leads;      // and by how much it was less likely
};

/// Neither our weights' buffer nor, without flash attention, our attention.
BareAnswer bare_answer(const std::filesystem::path& path, std::vector<TokenId> prompt) {
  llama_model_params model_params = llama_model_default_params();
  model_params.use_extra_bufts = false;
  const llama_model_ptr model{llama_model_load_from_file(path.c_str(), model_params)};
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 512;
  params.n_threads = params.n_threads_batch = 2;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  const llama_context_ptr context{llama_init_from_model(model.get(), params)};
  const llama_vocab* vocab = llama_model_get_vocab(model.get());
  const auto size = static_cast<std::size_t>(llama_vocab_n_tokens(vocab));
  BareAnswer out;
  llama_decode(context.get(), llama_batch_get_one(prompt.data(), static_cast<std::int32_t>(prompt.size())));
  while (out.tokens.size() < kTokens) {
    const std::span logits{llama_get_logits_ith(context.get(), -1), size};
    std::vector<TokenId> ids(size);
    std::iota(ids.begin(), ids.end(), 0);
    std::ranges::partial_sort(ids, ids.begin() + 2, std::ranges::greater{}, [&](TokenId id) { return logits[id]; });
    TokenId next = ids[0];
    if (llama_vocab_is_eog(vocab, next)) break;
    out.tokens.push_back(next);
    out.seconds.push_back(ids[1]);
    out.leads.push_back(logits[next] - logits[ids[1]]);
    llama_decode(context.get(), llama_batch_get_one(&next, 1));
  }
  return out;
}

class BareLibrary : public Stories {
 protected:
  void expect_same(const std::filesystem::path& path) {
    load_file(path, {.context = 512, .parallel = 4});
    std::ptrdiff_t same = 0;
    const std::vector<const char*> texts{"Once upon a time", "The dog", "One day, Lily", "A big bear was",
                                         "Tom and Mia"};
    for (const char* text : texts) {
      GenerateRequest r = request(text, kTokens);
      const BareAnswer bare = bare_answer(path, r.prompt);
      const std::vector<TokenId> got = run_one(std::move(r)).tokens;
      const auto [ours, theirs] = std::ranges::mismatch(got, bare.tokens);
      same += ours - got.begin();
      if (theirs == bare.tokens.end()) continue;
      ASSERT_NE(ours, got.end()) << text << ": it ended before the bare library did";
      const auto at = static_cast<std::size_t>(theirs - bare.tokens.begin());
      EXPECT_LT(bare.leads[at], kNearTie) << path.filename() << ": " << text << ", token " << at;
      EXPECT_EQ(*ours, bare.seconds[at]) << path.filename() << ": " << text << ", token " << at;
    }
    EXPECT_GT(same, std::ssize(texts) * kTokens / 2) << "ties are rare";
  }
};

TEST_F(BareLibrary, SaysTheSameForAModelAsItIs) {
  const auto path = shared_model("stories656k.gguf");
  if (path.empty()) GTEST_SKIP() << "../shared/models is not here";
  expect_same(path);
}

TEST_F(BareLibrary, SaysTheSameForQuantizedWeights) {
  const auto path = shared_model("stories656k.gguf");
  if (path.empty()) GTEST_SKIP() << "../shared/models is not here";
  const auto folder = std::filesystem::temp_directory_path() / random_id("hearth-bare-");
  std::filesystem::create_directories(folder);
  const auto quantized = folder / "stories.gguf";
  const auto made = quantize(path, quantized, "Q8_0");
  EXPECT_TRUE(made) << made.error().message;
  if (made) expect_same(quantized);
  instance.reset();
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hearth::engine
