// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "gemini_request.hpp"
#include "hearth/base/id.hpp"
#include "hearth/net/sse.hpp"
#include "protocol.hpp"
#include "upstream_error.hpp"
#include "verbatim_body.hpp"

namespace hearth::provider {
namespace {

using inference::Event;

std::unexpected<Error> cannot(std::string_view what) {
  return fail(ErrorCode::unsupported, fmt::format("Gemini's protocol cannot carry {}", what));
}

Error upstream(std::string message) {
  return {.code = ErrorCode::upstream_error, .message = std::move(message), .param = {}, .retry_after = {}};
}

ErrorCode code_of(std::string_view status, std::string_view message) {
  const auto says = [&](std::string_view words) { return message.find(words) != std::string_view::npos; };
  if (status == "RESOURCE_EXHAUSTED") return ErrorCode::rate_limited;
  if (status == "UNAVAILABLE" || status == "INTERNAL" || status == "DEADLINE_EXCEEDED") {
    return ErrorCode::upstream_unavailable;
  }
  if (says("exceeds the maximum number of tokens")) return ErrorCode::context_too_long;
  const bool asked_wrongly = status == "INVALID_ARGUMENT" || status == "OUT_OF_RANGE";
  if (asked_wrongly && !says("API key")) return ErrorCode::invalid_request;
  return ErrorCode::upstream_error;  // ours, not the client's: the key (a bad one is a 400 here), the bill, the region
}

/// google.rpc.RetryInfo, which Google sends in the place of Retry-After: "45.8s".
std::optional<std::chrono::seconds> retry_delay(const Json& error) {
  const Json& details = at(error, "details");
  if (!details.is_array()) return std::nullopt;
  for (const Json& detail : details) {
    const std::string text = text_at(detail, "retryDelay");
    double seconds = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (wrong != std::errc{} || !(seconds >= 0)) continue;
    constexpr double kLongestWait = 3600;
    return std::chrono::seconds{static_cast<std::int64_t>(std::ceil(std::min(seconds, kLongestWait)))};
  }
  return std::nullopt;
}

/// Members of a candidate that no native event says.
Event opaque(const Json& members) {
  return {.choice = 0, .body = inference::Opaque{.wire = inference::Wire::gemini, .json = dump(members)}};
}
Event opaque_part(Json part) {
  return opaque({{"content", {{"parts", Json::array({std::move(part)})}, {"role", "model"}}}});
}

/// Grounding, citations, ratings: what stands beside the content.
Json beside_content(const Json& candidate) {
  Json out = Json::object();
  if (!candidate.is_object()) return out;
  for (const auto& [name, value] : candidate.items()) {
    if (name != "content" && name != "finishReason" && name != "index" && !value.empty()) out[name] = value;
  }
  return out;
}

/// The stream of streamGenerateContent?alt=sse: whole responses, each with the next parts; one candidate.
class GeminiDecoder final : public AnswerDecoder {
 public:
  void feed(std::string_view bytes, std::vector<Event>& out) override {
    if (ended_) return;
    auto events = parser_.feed(bytes);
    if (!events) return end_with(std::move(events).error(), out);
    for (const net::SseEvent& event : *events) {
      if (!ended_) take(event.data, out);
    }
  }
  /// There is no last event: the reason comes with the last parts, usage perhaps after it.
  void finish(std::vector<Event>& out) override {
    if (ended_) return;
    if (!reason_) return end_with(upstream("the stream ended before the answer did"), out);
    ended_ = true;
    out.push_back(
        {.choice = 0,
         .body = inference::Finished{.reason = *reason_, .stop_sequence = {}, .usage = usage_, .timings = {}}});
  }
  Stage stage() const override {
    if (ended_) return Stage::ended;
    return reason_ ? Stage::complete : Stage::open;
  }
  std::string_view model() const override { return model_; }

 private:
  void take(const std::string& data, std::vector<Event>& out) {
    const Json json = parse_json(data);
    if (!json.is_object()) return end_with(upstream("an event of the stream is no JSON object"), out);
    if (const Json& error = at(json, "error"); error.is_object()) {
      const std::string message = text_at(error, "message");
      Error failed = upstream(shortened(message));
      failed.code = code_of(text_at(error, "status"), message);
      return end_with(std::move(failed), out);
    }
    if (model_.empty()) model_ = text_at(json, "modelVersion");
    note_usage(at(json, "usageMetadata"));
    if (const std::string why = text_at(at(json, "promptFeedback"), "blockReason"); !why.empty()) {
      return end_with(upstream(fmt::format("the server refused the prompt: {}", shortened(why))), out);
    }
    if (!std::exchange(began_, true)) {
      out.push_back(
          {.choice = 0,
           .body = inference::PromptDone{
               .prompt_tokens = usage_.prompt_tokens, .cached_tokens = usage_.cached_tokens, .prompt_logprobs = {}}});
    }
    const Json& candidates = at(json, "candidates");
    if (candidates.is_array() && !candidates.empty()) take_candidate(candidates.front(), out);
  }

  void take_candidate(const Json& candidate, std::vector<Event>& out) {
    if (const Json& parts = at(at(candidate, "content"), "parts"); parts.is_array()) {
      for (const Json& part : parts) take_part(part, out);
    }
    if (const Json rest = beside_content(candidate); !rest.empty()) out.push_back(opaque(rest));
    const std::string reason = text_at(candidate, "finishReason");
    if (reason.empty() || reason == "FINISH_REASON_UNSPECIFIED") return;
    if (reason == "STOP") {
      reason_ = calls_ > 0 ? inference::FinishReason::tool_calls : inference::FinishReason::stop;
    } else if (reason == "MAX_TOKENS") {
      reason_ = inference::FinishReason::length;
    } else {  // SAFETY, RECITATION, MALFORMED_FUNCTION_CALL, …: an answer that was taken away is no answer
      end_with(upstream(fmt::format("the server ended the answer: {}", shortened(reason))), out);
    }
  }

  void take_part(const Json& part, std::vector<Event>& out) {
    if (at(part, "functionCall").is_object()) return take_call(part, out);
    if (!at(part, "text").is_string()) {  // code and its results, images
      if (part.is_object() && !part.empty()) out.push_back(opaque_part(part));
      return;
    }
    if (std::string text = text_at(part, "text"); !text.empty()) {
      if (at(part, "thought") == true) {
        out.push_back({.choice = 0, .body = inference::ReasoningDelta{std::move(text)}});
      } else {
        out.push_back(
            {.choice = 0, .body = inference::TextDelta{.text = std::move(text), .logprobs = {}, .tokens = {}}});
      }
    }
    if (!part.contains("thoughtSignature")) return;
    Json seal = part;  // of what was said up to here: a part without words may carry it
    seal["text"] = "";
    out.push_back(opaque_part(std::move(seal)));
  }

  void take_call(const Json& part, std::vector<Event>& out) {
    const Json& call = at(part, "functionCall");
    std::string id = text_at(call, "id");
    if (id.empty()) id = random_id("call_");  // older models give none, and clients must tell calls apart
    const Json& arguments = at(call, "args");
    out.push_back({.choice = 0,
                   .body = inference::ToolCallDelta{.index = calls_++,
                                                    .id = std::move(id),
                                                    .name = text_at(call, "name"),
                                                    .arguments = arguments.is_object() ? dump(arguments) : "{}",
                                                    .signature = text_at(part, "thoughtSignature")}});
  }

  void note_usage(const Json& usage) {
    if (!usage.is_object()) return;
    usage_.prompt_tokens = count_at(usage, "promptTokenCount");
    usage_.cached_tokens = count_at(usage, "cachedContentTokenCount");
    usage_.reasoning_tokens = count_at(usage, "thoughtsTokenCount");
    usage_.completion_tokens = count_at(usage, "candidatesTokenCount") + usage_.reasoning_tokens;  // apart in the API
  }

  void end_with(Error error, std::vector<Event>& out) {
    ended_ = true;
    out.push_back({.choice = 0, .body = inference::Failed{std::move(error)}});
  }

  net::SseParser parser_;
  std::string model_;
  inference::Usage usage_;
  std::optional<inference::FinishReason> reason_;
  std::size_t calls_ = 0;
  bool began_ = false;
  bool ended_ = false;
};

class GeminiProtocol final : public Protocol {
 public:
  Result<HttpCall> chat(const inference::ChatRequest& request) const override {
    std::string path = fmt::format("/v1beta/models/{}:streamGenerateContent?alt=sse", request.model);
    if (request.verbatim && request.verbatim->wire == inference::Wire::gemini) {
      return edited_call(std::move(path), request.verbatim->body, {});
    }
    HEARTH_TRY(const Json body, gemini_body(request));
    return HttpCall{.path = std::move(path), .headers = {}, .body = dump(body), .rest = {}};
  }
  Result<HttpCall> complete(const inference::CompletionRequest&) const override { return cannot("a raw completion"); }
  Result<HttpCall> embed(const inference::EmbeddingRequest& request) const override {
    HEARTH_TRY(const Json body, gemini_embed_body(request));
    return HttpCall{.path = fmt::format("/v1beta/models/{}:batchEmbedContents", request.model),
                    .headers = {},
                    .body = dump(body),
                    .rest = {}};
  }
  Result<HttpCall> rerank(const inference::RerankRequest&) const override { return cannot("rerank"); }
  std::unique_ptr<AnswerDecoder> chat_decoder(std::int32_t) const override { return std::make_unique<GeminiDecoder>(); }
  std::unique_ptr<AnswerDecoder> completion_decoder(std::int32_t n) const override { return chat_decoder(n); }

  Result<inference::Embeddings> embeddings(std::string_view body) const override {
    const Json json = parse_json(body);
    inference::Embeddings out;
    const Json& list = at(json, "embeddings");
    if (!list.is_array()) return fail(ErrorCode::upstream_error, "the answer has no embeddings");
    for (const Json& one : list) {
      std::vector<float>& vector = out.vectors.emplace_back();
      double length = 0;
      for (const Json& value : at(one, "values")) {
        if (!value.is_number()) return fail(ErrorCode::upstream_error, "an embedding has something that is no number");
        vector.push_back(value.get<float>());
        length += static_cast<double>(vector.back()) * static_cast<double>(vector.back());
      }
      if (vector.empty()) return fail(ErrorCode::upstream_error, "an embedding is empty");
      // Vectors cut to fewer dimensions come as they are; ours have length 1.
      if (length > 0) {
        for (float& value : vector) value /= static_cast<float>(std::sqrt(length));
      }
    }
    return out;
  }
  Result<inference::Ranking> ranking(std::string_view) const override { return cannot("rerank"); }
  std::pair<std::string, std::string> credential(const std::string& key) const override {
    return {"x-goog-api-key", key};
  }

  Error error(int status, const net::Headers& headers, std::string_view body) const override {
    const Json json = parse_json(body);
    const Json& error = at(json.is_array() && !json.empty() ? json.front() : json, "error");
    const std::string message = text_at(error, "message");
    Error out = upstream_error(status, headers, message.empty() && !json.is_object() ? std::string{body} : message);
    const std::string name = text_at(error, "status");
    if (status >= 400 && status < 500 && !name.empty()) out.code = code_of(name, message);
    const bool may_wait = out.code == ErrorCode::rate_limited || out.code == ErrorCode::upstream_unavailable;
    if (may_wait && !out.retry_after) out.retry_after = retry_delay(error);
    return out;
  }
};

}  // namespace

std::unique_ptr<Protocol> make_gemini_protocol() { return std::make_unique<GeminiProtocol>(); }

}  // namespace hearth::provider
