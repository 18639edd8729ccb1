// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hearth/provider/provider.hpp"

namespace hearth::api::test {

/// What one call answers: an error before any event, or events. `hold_at` n: before event n the stream waits until it
/// is cancelled (the client goes away) or release() is called.
struct Script {
  std::optional<Error> error;
  std::vector<inference::Event> events;
  std::optional<std::size_t> hold_at;
  bool throws = false;  // as a third party's bug would
  std::vector<std::string> degraded{};
};

inline inference::Event prompt_done(std::int64_t tokens, std::int64_t cached = 0, std::int32_t choice = 0) {
  return {choice, inference::PromptDone{tokens, cached, {}}};
}
inline inference::Event text(std::string s, std::int32_t choice = 0) {
  return {choice, inference::TextDelta{std::move(s), {}, {}}};
}
inline inference::Event reasoning(std::string s, std::int32_t choice = 0) {
  return {choice, inference::ReasoningDelta{std::move(s)}};
}
inline inference::Event tool(std::size_t index, std::string id, std::string name, std::string arguments) {
  return {0, inference::ToolCallDelta{index, std::move(id), std::move(name), std::move(arguments)}};
}
inline inference::Event finished(inference::FinishReason reason, inference::Usage usage, std::int32_t choice = 0) {
  inference::Finished end;
  end.reason = reason;
  end.usage = usage;
  return {choice, std::move(end)};
}
inline inference::Event failed(ErrorCode code, std::string message) {
  return {0, inference::Failed{Error{code, std::move(message), {}, {}}}};
}
/// A prompt of 5 tokens (2 cached), the pieces, and a stop after as many tokens.
inline Script says(std::vector<std::string> pieces, std::int32_t choice = 0) {
  Script script;
  const auto count = static_cast<std::int64_t>(pieces.size());
  script.events.push_back(prompt_done(5, 2, choice));
  for (std::string& piece : pieces) script.events.push_back(text(std::move(piece), choice));
  script.events.push_back(
      finished(inference::FinishReason::stop,
               {.prompt_tokens = 5, .cached_tokens = 2, .completion_tokens = count, .reasoning_tokens = 0}, choice));
  return script;
}

/// Plays scripts in the order of the calls and remembers what it was asked. One io_context.
class FakeLocal : public provider::Local {
 public:
  std::deque<Script> scripts;
  std::vector<inference::ChatRequest> chats;
  std::vector<inference::CompletionRequest> completions;
  std::vector<inference::EmbeddingRequest> embeddings;
  std::vector<inference::RerankRequest> reranks;
  std::vector<provider::RequestContext> contexts;
  std::vector<std::string> loaded, unloaded, tokenized;
  int streams_alive = 0;

  Result<inference::Embeddings> embedding_answer = inference::Embeddings{{{0.5F, -1.0F}}, 3};
  std::optional<inference::Embeddings> truncated_answer;  // when cutting is allowed; else the one above
  Result<inference::Ranking> ranking_answer = inference::Ranking{{0.25F, 0.75F}, 7};
  Result<std::vector<provider::Piece>> pieces = std::vector<provider::Piece>{{1, "a"}, {2, "b"}};
  Result<std::string> detokenized = std::string{"ab"};
  Result<std::string> templated = std::string{"<prompt>"};
  Result<std::int64_t> token_count = 11;
  Result<provider::ModelInfo> info = provider::ModelInfo{};
  Result<> load_answer{};
  Result<> unload_answer{};
  std::vector<provider::Running> running_now;
  std::vector<provider::Slot> slots_now;
  Result<std::string> only_model = std::string{"only"};

  /// Lets every held stream go on. From the io thread.
  void release() {
    released_ = true;
    for (asio::steady_timer* timer : holding_) timer->cancel();
  }

  Task<Result<provider::EventStreamPtr>> async_chat(provider::RequestContext context,
                                                    inference::ChatRequest request) override {
    contexts.push_back(std::move(context));
    chats.push_back(std::move(request));
    co_return play();
  }
  Task<Result<provider::EventStreamPtr>> async_complete(provider::RequestContext context,
                                                        inference::CompletionRequest request) override {
    contexts.push_back(std::move(context));
    completions.push_back(std::move(request));
    co_return play();
  }
  Task<Result<inference::Embeddings>> async_embed(provider::RequestContext context,
                                                  inference::EmbeddingRequest request) override {
    contexts.push_back(std::move(context));
    embeddings.push_back(std::move(request));
    if (embeddings.back().truncate && truncated_answer) co_return *truncated_answer;
    co_return embedding_answer;
  }
  Task<Result<inference::Ranking>> async_rerank(provider::RequestContext context,
                                                inference::RerankRequest request) override {
    contexts.push_back(std::move(context));
    reranks.push_back(std::move(request));
    co_return ranking_answer;
  }
  Task<Result<std::vector<provider::Piece>>> async_tokenize(provider::RequestContext, std::string, std::string text,
                                                            bool, bool) override {
    tokenized.push_back(std::move(text));
    co_return pieces;
  }
  Task<Result<std::string>> async_detokenize(provider::RequestContext, std::string,
                                             std::vector<inference::TokenId>) override {
    co_return detokenized;
  }
  Task<Result<std::string>> async_apply_template(provider::RequestContext, inference::ChatRequest request) override {
    chats.push_back(std::move(request));
    co_return templated;
  }
  Task<Result<std::int64_t>> async_count_tokens(provider::RequestContext, inference::ChatRequest request) override {
    chats.push_back(std::move(request));
    co_return token_count;
  }
  Task<Result<provider::ModelInfo>> async_info(provider::RequestContext, std::string) override { co_return info; }
  Task<Result<>> async_load(provider::RequestContext context, std::string model) override {
    contexts.push_back(std::move(context));
    loaded.push_back(std::move(model));
    co_return load_answer;
  }
  Task<Result<>> async_unload(std::string model) override {
    unloaded.push_back(std::move(model));
    co_return unload_answer;
  }
  std::vector<provider::Running> running() const override { return running_now; }
  std::vector<provider::Slot> slots(const std::string&) const override { return slots_now; }
  Result<std::string> default_model() const override { return only_model; }

 private:
  class Stream : public provider::EventStream {
   public:
    Stream(FakeLocal& owner, Script script) : owner_{owner}, script_{std::move(script)} { ++owner_.streams_alive; }
    ~Stream() override { --owner_.streams_alive; }
    std::vector<std::string> degraded() const override { return script_.degraded; }
    Task<std::optional<inference::Event>> async_next() override {
      if (script_.hold_at == next_ && !owner_.released_) {
        asio::steady_timer timer{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
        owner_.holding_.push_back(&timer);
        const Forget forget{owner_, &timer};
        co_await timer.async_wait(use_tuple);
      }
      if (next_ == script_.events.size()) co_return std::nullopt;
      co_return script_.events[next_++];
    }

   private:
    struct Forget {
      FakeLocal& owner;
      asio::steady_timer* timer;
      ~Forget() { std::erase(owner.holding_, timer); }
    };
    FakeLocal& owner_;
    Script script_;
    std::size_t next_ = 0;
  };

  Result<provider::EventStreamPtr> play() {
    if (scripts.empty()) return fail(ErrorCode::internal, "the test gave the fake no script for this call");
    Script script = std::move(scripts.front());
    scripts.pop_front();
    if (script.throws) throw std::runtime_error{"a bug"};
    if (script.error) return fail(*script.error);
    return std::make_unique<Stream>(*this, std::move(script));
  }

  std::vector<asio::steady_timer*> holding_;
  bool released_ = false;
};

}  // namespace hearth::api::test
