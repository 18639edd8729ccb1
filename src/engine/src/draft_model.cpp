// SPDX-License-Identifier: Apache-2.0
#include "draft_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hearth/base/clock.hpp"
#include "hearth/engine/instance.hpp"

namespace hearth::engine {
namespace {

Result<> same_vocabulary(const Model& a, const Model& b) {
  const std::int32_t size = a.facts().vocabulary_size;
  bool same = size == b.facts().vocabulary_size;
  for (TokenId token = 0; same && token < size; ++token) same = a.piece(token, true) == b.piece(token, true);
  if (same) return {};
  return fail(ErrorCode::invalid_request,
              "the draft model has another vocabulary than the model that it drafts for; take one of the same family",
              "draft");
}

TokenId likeliest(const float* logits, std::int32_t n) {
  return static_cast<TokenId>(std::max_element(logits, logits + n) - logits);
}

}  // namespace

LoadOptions draft_options(const LoadOptions& main) {
  LoadOptions out;
  out.weights = {main.draft};
  out.context = main.context;
  out.parallel = main.parallel;
  out.cells = main.cells;
  out.batch = main.batch;
  out.threads = main.threads;
  out.gpu_layers = main.gpu_layers;
  out.main_gpu = main.main_gpu;
  out.tensor_split = main.tensor_split;
  out.mmap = main.mmap;
  out.mlock = main.mlock;
  return out;
}

Result<std::unique_ptr<DraftModel>> DraftModel::load(const Model& target, const LoadOptions& options,
                                                     ggml_threadpool* threads) {
  const LoadOptions own = draft_options(options);
  HEARTH_TRY(auto model, Model::load(own));
  HEARTH_CHECKED(same_vocabulary(target, *model));
  if (!model->facts().causal || model->facts().recurrent) {
    return fail(ErrorCode::unsupported, "a draft model must generate text and have no recurrent state", "draft");
  }
  HEARTH_TRY(const llama_context_params params, generation_params(own));
  HEARTH_TRY(auto context, make_context(*model, params));
  if (threads != nullptr) llama_attach_threadpool(context.get(), threads, threads);
  return std::unique_ptr<DraftModel>{new DraftModel{std::move(model), std::move(context), own.batch}};
}

DraftModel::DraftModel(std::shared_ptr<Model> model, ContextPtr context, std::int32_t batch)
    : model_{std::move(model)},
      context_{std::move(context)},
      batch_{llama_batch_init(batch, 0, 1)},
      batch_size_{batch},
      cells_{llama_n_ctx(context_.get())} {}

DraftModel::~DraftModel() { llama_batch_free(batch_); }

std::uint64_t DraftModel::bytes() const {
  const ContextBytes bytes = bytes_of(context_.get());
  return bytes.weights + bytes.kv + bytes.compute;
}

void DraftModel::forget(std::int32_t id) {
  if (read_.erase(id) > 0) llama_memory_seq_rm(llama_get_memory(context_.get()), id, -1, -1);
}

void DraftModel::add(std::int32_t id, TokenId token, std::int32_t position, bool logits) {
  const std::int32_t n = batch_.n_tokens++;
  batch_.token[n] = token;
  batch_.pos[n] = position;
  batch_.n_seq_id[n] = 1;
  batch_.seq_id[n][0] = id;
  batch_.logits[n] = static_cast<std::int8_t>(logits);
}

/// A guess is worth no error: what cannot be computed is not guessed, and everything is read anew.
bool DraftModel::decode() {
  bool done = false;
  try {
    done = batch_.n_tokens > 0 && llama_decode(context_.get(), batch_) == 0;
  } catch (const std::exception&) {
    done = false;
  }
  if (done || batch_.n_tokens == 0) return done;
  llama_memory_clear(llama_get_memory(context_.get()), true);
  read_.clear();
  return false;
}

bool DraftModel::make_room(std::span<const Ask> asks) {
  std::size_t needed = 0;
  for (const Ask& ask : asks) needed += ask.tokens.size() + ask.most;
  if (needed > cells_) return false;
  std::size_t others = 0;
  std::vector<std::int32_t> idle;
  for (const auto& [id, read] : read_) {
    if (std::ranges::find(asks, id, &Ask::id) != asks.end()) continue;
    others += read.size();
    idle.push_back(id);
  }
  for (; needed + others > cells_ && !idle.empty(); idle.pop_back()) {
    others -= read_[idle.back()].size();
    forget(idle.back());
  }
  return true;
}

std::vector<DraftModel::Row> DraftModel::catch_up(std::span<Ask> asks) {
  std::vector<Row> rows;
  batch_.n_tokens = 0;
  for (Ask& ask : asks) {
    std::vector<TokenId>& read = read_[ask.id];
    const auto limit = static_cast<std::ptrdiff_t>(std::min(read.size(), ask.tokens.size() - 1));
    const auto same = std::mismatch(read.begin(), read.begin() + limit, ask.tokens.begin()).first - read.begin();
    if (static_cast<std::size_t>(same) < read.size()) {  // guesses that were wrong, or the last token once more
      llama_memory_seq_rm(llama_get_memory(context_.get()), ask.id, static_cast<llama_pos>(same), -1);
      read.resize(static_cast<std::size_t>(same));
    }
    const std::size_t room = std::min<std::size_t>(kCatchUp, static_cast<std::size_t>(batch_size_ - batch_.n_tokens));
    const std::size_t count = std::min(ask.tokens.size() - read.size(), room);
    for (std::size_t i = 0; i < count; ++i) {
      const bool last = read.size() + 1 == ask.tokens.size();
      if (last) rows.push_back({&ask, batch_.n_tokens});
      add(ask.id, ask.tokens[read.size()], static_cast<std::int32_t>(read.size()), last);
      read.push_back(ask.tokens[read.size()]);
    }
  }
  return decode() ? rows : std::vector<Row>{};
}

double DraftModel::guess(std::span<Ask> asks) {
  if (!make_room(asks)) return 0;
  std::vector<Row> rows = catch_up(asks);
  const Clock::time_point before = Clock::now();
  int rounds = 0;
  const std::int32_t vocabulary = model_->facts().vocabulary_size;
  while (!rows.empty()) {
    std::vector<Row> next;
    for (const Row& row : rows) {
      row.ask->guess.push_back(likeliest(llama_get_logits_ith(context_.get(), row.index), vocabulary));
    }
    batch_.n_tokens = 0;
    for (const Row& row : rows) {
      if (row.ask->guess.size() >= row.ask->most) continue;
      next.push_back({row.ask, batch_.n_tokens});
      std::vector<TokenId>& read = read_[row.ask->id];
      add(row.ask->id, row.ask->guess.back(), static_cast<std::int32_t>(read.size()), true);
      read.push_back(row.ask->guess.back());
    }
    if (!decode()) break;
    ++rounds;
    rows = std::move(next);
  }
  return rounds == 0 ? 0 : std::chrono::duration<double>(Clock::now() - before).count() / rounds;
}

}  // namespace hearth::engine
