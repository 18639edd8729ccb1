// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <utility>

#include "anthropic_blocks.hpp"
#include "anthropic_request.hpp"
#include "hearth/net/sse.hpp"
#include "protocol.hpp"
#include "upstream_error.hpp"
#include "verbatim_body.hpp"

namespace hearth::provider {
namespace {

using inference::Event;

inference::FinishReason reason_of(const std::string& name) {
  if (name == "max_tokens" || name == "model_context_window_exceeded") return inference::FinishReason::length;
  if (name == "stop_sequence") return inference::FinishReason::stop_sequence;
  if (name == "tool_use") return inference::FinishReason::tool_calls;
  if (name == "refusal") return inference::FinishReason::content_filter;
  if (name == "pause_turn") return inference::FinishReason::paused;
  return inference::FinishReason::stop;  // end_turn, and what later versions add
}

ErrorCode code_of(const std::string& type) {
  if (type == "overloaded_error" || type == "api_error" || type == "timeout_error") {
    return ErrorCode::upstream_unavailable;
  }
  if (type == "rate_limit_error") return ErrorCode::rate_limited;
  if (type == "request_too_large") return ErrorCode::payload_too_large;
  if (type == "invalid_request_error") return ErrorCode::invalid_request;
  return ErrorCode::upstream_error;  // authentication, permission, billing, not_found: ours, not the client's
}

bool is_overflow(std::string_view message) {
  return message.find("prompt is too long") != std::string_view::npos ||
         message.find("context limit") != std::string_view::npos;
}

/// The stream of /v1/messages: typed events, one choice.
class AnthropicDecoder final : public AnswerDecoder {
 public:
  void feed(std::string_view bytes, std::vector<Event>& out) override {
    if (ended_) return;
    auto events = parser_.feed(bytes);
    if (!events) return end_with(std::move(events).error(), out);
    for (const net::SseEvent& event : *events) {
      if (!ended_) take(event.data, out);
    }
  }
  void finish(std::vector<Event>& out) override {
    if (!ended_) end_with(upstream("the stream ended before the answer did"), out);
  }
  Stage stage() const override { return ended_ ? Stage::ended : Stage::open; }
  std::string_view model() const override { return model_; }

 private:
  static Error upstream(std::string message) {
    return {.code = ErrorCode::upstream_error, .message = std::move(message), .param = {}, .retry_after = {}};
  }

  void take(const std::string& data, std::vector<Event>& out) {
    const Json json = parse_json(data);
    if (!json.is_object()) return end_with(upstream("an event of the stream is no JSON object"), out);
    const std::string type = text_at(json, "type");
    if (type == "message_start") return start(at(json, "message"), out);
    if (type == "content_block_start") return blocks_.start(count_at(json, "index"), at(json, "content_block"), out);
    if (type == "content_block_delta") return blocks_.delta(count_at(json, "index"), at(json, "delta"), out);
    if (type == "content_block_stop") return blocks_.stop(count_at(json, "index"), out);
    if (type == "message_delta") {
      note_usage(at(json, "usage"));
      const Json& delta = at(json, "delta");
      if (const std::string reason = text_at(delta, "stop_reason"); !reason.empty()) reason_ = reason_of(reason);
      stop_sequence_ = text_at(delta, "stop_sequence");
    } else if (type == "message_stop") {
      end(out);
    } else if (type == "error") {
      const Json& error = at(json, "error");
      Error out_error = upstream(shortened(text_at(error, "message")));
      out_error.code = code_of(text_at(error, "type"));
      end_with(std::move(out_error), out);
    }  // ping, and what later versions add
  }

  void start(const Json& message, std::vector<Event>& out) {
    model_ = text_at(message, "model");
    note_usage(at(message, "usage"));
    out.push_back(
        {.choice = 0,
         .body = inference::PromptDone{
             .prompt_tokens = usage_.prompt_tokens, .cached_tokens = usage_.cached_tokens, .prompt_logprobs = {}}});
  }

  void note_usage(const Json& usage) {
    if (!usage.is_object()) return;
    if (usage.contains("input_tokens")) {
      usage_.cached_tokens = count_at(usage, "cache_read_input_tokens");
      usage_.prompt_tokens =
          count_at(usage, "input_tokens") + usage_.cached_tokens + count_at(usage, "cache_creation_input_tokens");
    }
    if (usage.contains("output_tokens")) usage_.completion_tokens = count_at(usage, "output_tokens");
  }

  void end(std::vector<Event>& out) {
    if (!reason_) return end_with(upstream("the answer ended without a reason"), out);
    ended_ = true;
    blocks_.stop_all(out);
    out.push_back({.choice = 0,
                   .body = inference::Finished{
                       .reason = *reason_, .stop_sequence = stop_sequence_, .usage = usage_, .timings = {}}});
  }
  void end_with(Error error, std::vector<Event>& out) {
    ended_ = true;
    out.push_back({.choice = 0, .body = inference::Failed{std::move(error)}});
  }

  net::SseParser parser_;
  std::string model_;
  inference::Usage usage_;
  std::optional<inference::FinishReason> reason_;
  std::string stop_sequence_;
  AnthropicBlocks blocks_;
  bool ended_ = false;
};

constexpr const char* kVersion = "2023-06-01";

HttpCall forwarded(const inference::ChatRequest& request) {
  const std::array edits{Edit{"model", dump(request.model)}, Edit{"stream", "true"}};
  HttpCall call = edited_call("/v1/messages", request.verbatim->body, edits);
  for (const auto& [name, value] : request.verbatim->headers) call.headers.add(name, value);
  if (!call.headers.get("anthropic-version")) call.headers.add("anthropic-version", kVersion);
  return call;
}

class AnthropicProtocol final : public Protocol {
 public:
  Result<HttpCall> chat(const inference::ChatRequest& request) const override {
    if (request.verbatim && request.verbatim->wire == inference::Wire::anthropic) return forwarded(request);
    HEARTH_TRY(const Json body, anthropic_body(request));
    HttpCall call{.path = "/v1/messages", .headers = {}, .body = dump(body), .rest = {}};
    call.headers.add("anthropic-version", kVersion);
    return call;
  }
  Result<HttpCall> complete(const inference::CompletionRequest&) const override { return cannot("a raw completion"); }
  Result<HttpCall> embed(const inference::EmbeddingRequest&) const override { return cannot("embeddings"); }
  Result<HttpCall> rerank(const inference::RerankRequest&) const override { return cannot("rerank"); }
  std::unique_ptr<AnswerDecoder> chat_decoder(std::int32_t) const override {
    return std::make_unique<AnthropicDecoder>();
  }
  std::unique_ptr<AnswerDecoder> completion_decoder(std::int32_t n) const override { return chat_decoder(n); }
  Result<inference::Embeddings> embeddings(std::string_view) const override { return cannot("embeddings"); }
  Result<inference::Ranking> ranking(std::string_view) const override { return cannot("rerank"); }
  std::pair<std::string, std::string> credential(const std::string& key) const override { return {"x-api-key", key}; }

  Error error(int status, const net::Headers& headers, std::string_view body) const override {
    const Json json = parse_json(body);
    const std::string message = text_at(at(json, "error"), "message");
    Error out = upstream_error(status, headers, message.empty() && !json.is_object() ? std::string{body} : message);
    if (out.code == ErrorCode::invalid_request && is_overflow(message)) out.code = ErrorCode::context_too_long;
    return out;
  }

 private:
  static std::unexpected<Error> cannot(std::string_view what) {
    return fail(ErrorCode::unsupported, fmt::format("Anthropic's protocol cannot carry {}", what));
  }
};

}  // namespace

std::unique_ptr<Protocol> make_anthropic_protocol() { return std::make_unique<AnthropicProtocol>(); }

}  // namespace hearth::provider
