// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hearth/router/router.hpp"

namespace hearth::router::testing {

/// What a fake provider does with one request.
struct Script {
  std::vector<std::string> text;       // deltas
  std::optional<Error> refusal{};      // instead of a stream
  std::optional<Error> breaks{};       // after the text
  bool hangs = false;                  // never gives content, until it is cancelled
  bool stops_short = false;            // says nothing more after the text, until the deadline
  std::chrono::milliseconds after{0};  // before the first event
  double logprob = -0.05;              // of each delta, if asked for
  bool tells_probabilities = true;
  std::string model{};  // what it says it ran
  bool hides_usage = false;
};

/// A provider that plays scripts in order, the last one again and again. One io_context.
class FakeTarget final : public provider::Provider {
 public:
  explicit FakeTarget(std::vector<Script> scripts) : scripts_{std::move(scripts)} {}

  Task<Result<provider::EventStreamPtr>> async_chat(provider::RequestContext context,
                                                    inference::ChatRequest request) override {
    models.push_back(request.model);
    last = request;
    const Script script = scripts_[std::min(calls++, scripts_.size() - 1)];
    if (script.refusal) co_return fail(*script.refusal);
    co_return std::make_unique<Stream>(*this, script, request.generation.logprobs.has_value(), context.deadline);
  }
  Task<Result<provider::EventStreamPtr>> async_complete(provider::RequestContext,
                                                        inference::CompletionRequest) override {
    co_return fail(ErrorCode::unsupported, "chat only");
  }
  /// Texts with the same first letter are alike.
  Task<Result<inference::Embeddings>> async_embed(provider::RequestContext,
                                                  inference::EmbeddingRequest request) override {
    if (!embeds) co_return fail(ErrorCode::unsupported, "chat only");
    const Script script = scripts_[std::min(calls++, scripts_.size() - 1)];
    if (script.refusal) co_return fail(*script.refusal);
    inference::Embeddings out;
    for (const auto& input : request.inputs) {
      std::vector<float>& vector = out.vectors.emplace_back(256, 0.0F);
      vector[static_cast<unsigned char>(std::get<std::string>(input).front())] = 1;
    }
    co_return out;
  }
  Task<Result<inference::Ranking>> async_rerank(provider::RequestContext, inference::RerankRequest) override {
    co_return fail(ErrorCode::unsupported, "chat only");
  }

  bool embeds = false;  // "chat only" otherwise
  std::size_t calls = 0;
  std::size_t cancelled = 0;  // streams that were dropped before their end
  std::vector<std::string> models;
  inference::ChatRequest last;  // as it came here

 private:
  class Stream final : public provider::EventStream {
   public:
    Stream(FakeTarget& target, Script script, bool logprobs, Deadline deadline)
        : target_{target},
          script_{std::move(script)},
          logprobs_{logprobs && script_.tells_probabilities},
          deadline_{deadline} {}
    ~Stream() override {
      if (!ended_) ++target_.cancelled;
    }
    std::string_view told_model() const override { return script_.model; }
    Task<std::optional<inference::Event>> async_next() override {
      if (script_.hangs) {
        asio::steady_timer never{co_await asio::this_coro::executor, asio::steady_timer::time_point::max()};
        co_await never.async_wait(asio::use_awaitable);
      }
      if (!began_ && script_.after.count() > 0) {
        asio::steady_timer timer{co_await asio::this_coro::executor, script_.after};
        co_await timer.async_wait(asio::use_awaitable);
      }
      if (script_.stops_short && at_ == script_.text.size() && !ended_) {
        asio::steady_timer timer{co_await asio::this_coro::executor, deadline_.at()};
        co_await timer.async_wait(asio::use_awaitable);
        script_.breaks = Error{.code = ErrorCode::deadline_exceeded, .message = "late", .param = {}, .retry_after = {}};
      }
      co_return next();
    }

   private:
    std::optional<inference::Event> next() {
      if (at_ == 0 && !began_) {
        began_ = true;
        return inference::Event{
            .choice = 0, .body = inference::PromptDone{.prompt_tokens = 5, .cached_tokens = 0, .prompt_logprobs = {}}};
      }
      if (at_ < script_.text.size()) {
        inference::TextDelta delta{.text = script_.text[at_++], .logprobs = {}, .tokens = {}};
        if (logprobs_) {
          delta.logprobs.push_back(
              {.id = 0, .bytes = delta.text, .logprob = static_cast<float>(script_.logprob), .top = {}});
        }
        return inference::Event{.choice = 0, .body = std::move(delta)};
      }
      if (ended_) return std::nullopt;
      ended_ = true;
      if (script_.breaks) return inference::Event{.choice = 0, .body = inference::Failed{*script_.breaks}};
      inference::Finished done{
          .reason = inference::FinishReason::stop, .stop_sequence = {}, .usage = {}, .timings = {}};
      if (!script_.hides_usage)
        done.usage = {.prompt_tokens = 5,
                      .cached_tokens = 0,
                      .completion_tokens = static_cast<std::int64_t>(at_),
                      .reasoning_tokens = 0};
      return inference::Event{.choice = 0, .body = std::move(done)};
    }
    FakeTarget& target_;
    Script script_;
    bool logprobs_;
    Deadline deadline_;
    bool began_ = false;
    bool ended_ = false;
    std::size_t at_ = 0;
  };

  std::vector<Script> scripts_;
};

inline Script says(std::string text, double logprob = -0.05) { return {.text = {std::move(text)}, .logprob = logprob}; }
inline Script refuses(ErrorCode code, std::string message = "no") {
  return {.text = {}, .refusal = Error{.code = code, .message = std::move(message), .param = {}, .retry_after = {}}};
}

}  // namespace hearth::router::testing
