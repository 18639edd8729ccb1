// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "context.hpp"

namespace hearth::engine {

/// How the draft model of `main` is loaded: the same threads and cells, its own weights. `main` resolved.
LoadOptions draft_options(const LoadOptions& main);

/// A small model that guesses what a large one of the same vocabulary will say. Its cache follows the streams that it
/// guesses for, a bounded number of prompt tokens a step, so that a long prompt delays nobody. Model thread only.
class DraftModel {
 public:
  static constexpr std::int32_t kCatchUp = 64;  // tokens of a stream that it reads a step

  /// `target` resolved options. invalid_request if the vocabularies differ.
  static Result<std::unique_ptr<DraftModel>> load(const Model& target, const LoadOptions& options,
                                                  ggml_threadpool* threads);
  ~DraftModel();

  struct Ask {
    std::int32_t id = 0;  // of the stream, the same from step to step
    std::span<const TokenId> tokens;
    std::size_t most = 0;
    std::vector<TokenId> guess;  // what it is asked for; empty while it is behind
  };
  /// Greedy guesses for all of them together. The seconds that one more guess of each took; 0: there was none.
  double guess(std::span<Ask> asks);
  void forget(std::int32_t id);
  std::uint64_t bytes() const;

 private:
  DraftModel(std::shared_ptr<Model> model, ContextPtr context, std::int32_t batch);
  struct Row {
    Ask* ask;
    std::int32_t index;  // of its logits in the batch
  };
  /// Makes room for what is new of each stream, by those that nobody asks about. False: it does not fit.
  bool make_room(std::span<const Ask> asks);
  /// Reads what is new of each stream; those of which it knows everything then.
  std::vector<Row> catch_up(std::span<Ask> asks);
  void add(std::int32_t id, TokenId token, std::int32_t position, bool logits);
  bool decode();

  std::shared_ptr<Model> model_;
  ContextPtr context_;
  llama_batch batch_;
  std::int32_t batch_size_;
  std::size_t cells_;
  std::map<std::int32_t, std::vector<TokenId>> read_;  // what stands in the cache, by id
};

}  // namespace hearth::engine
