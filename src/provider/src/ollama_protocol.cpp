// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "hearth/base/id.hpp"
#include "hearth/net/ndjson.hpp"
#include "ollama_request.hpp"
#include "protocol.hpp"
#include "upstream_error.hpp"
#include "verbatim_body.hpp"

namespace hearth::provider {
namespace {

using inference::Event;

std::unexpected<Error> cannot(std::string_view what) {
  return fail(ErrorCode::unsupported, fmt::format("Ollama's protocol cannot carry {}", what));
}

/// Lines of /api/chat (`message`) and /api/generate (`response`); one choice.
class OllamaDecoder final : public AnswerDecoder {
 public:
  explicit OllamaDecoder(bool may_relay) : may_relay_{may_relay} {}

  void feed(std::string_view bytes, std::vector<Event>& out) override {
    if (ended_) return;
    const auto lines = splitter_.feed(bytes);
    if (!lines) return end_with(lines.error(), out);
    for (const std::string& line : *lines) {
      if (!ended_) take(line, out);
    }
  }
  void finish(std::vector<Event>& out) override {
    if (ended_) return;
    if (const auto line = splitter_.finish()) take(*line, out);
    if (!ended_) end_with(upstream("the stream ended before the answer did"), out);
  }
  Stage stage() const override { return ended_ ? Stage::ended : Stage::open; }
  std::string_view model() const override { return model_; }

 private:
  static Error upstream(std::string message) {
    return {.code = ErrorCode::upstream_error, .message = std::move(message), .param = {}, .retry_after = {}};
  }

  static Error told(const std::string& message) {
    Error error = upstream(shortened(message));
    if (tells_of_overflow(message)) error.code = ErrorCode::context_too_long;
    return error;
  }

  static bool is_relayed(const Json& json) {
    return !text_at(json, "remote_host").empty() || !text_at(json, "remote_model").empty();
  }
  static Error relayed(const Json& json) {
    return upstream(
        fmt::format("the server does not run {} itself but passes it on to {}: take it off the models of this "
                    "provider, or list it under a provider whose zone is cloud",
                    shortened(text_at(json, "model")), shortened(text_at(json, "remote_host"))));
  }

  void take(const std::string& line, std::vector<Event>& out) {
    const Json json = parse_json(line);
    if (!json.is_object()) return end_with(upstream("a line of the stream is no JSON object"), out);
    if (const std::string error = text_at(json, "error"); !error.empty()) return end_with(told(error), out);
    if (!may_relay_ && is_relayed(json)) return end_with(relayed(json), out);
    if (!std::exchange(began_, true)) out.push_back({.choice = 0, .body = inference::PromptDone{}});
    if (model_.empty()) model_ = text_at(json, "model");
    const Json& message = at(json, "message");
    const std::string thought = message.is_object() ? text_at(message, "thinking") : text_at(json, "thinking");
    if (!thought.empty()) out.push_back({.choice = 0, .body = inference::ReasoningDelta{thought}});
    std::string text = message.is_object() ? text_at(message, "content") : text_at(json, "response");
    if (!text.empty()) {
      out.push_back({.choice = 0, .body = inference::TextDelta{.text = std::move(text), .logprobs = {}, .tokens = {}}});
    }
    take_calls(at(message, "tool_calls"), out);
    if (at(json, "done") == true) end(json, out);
  }

  void take_calls(const Json& calls, std::vector<Event>& out) {
    if (!calls.is_array()) return;
    for (const Json& call : calls) {
      const Json& function = at(call, "function");
      const Json& arguments = at(function, "arguments");
      std::string id = text_at(call, "id");
      if (id.empty()) id = random_id("call_");
      out.push_back({.choice = 0,
                     .body = inference::ToolCallDelta{.index = calls_++,
                                                      .id = std::move(id),
                                                      .name = text_at(function, "name"),
                                                      .arguments = arguments.is_object() ? dump(arguments) : "{}"}});
    }
  }

  void end(const Json& json, std::vector<Event>& out) {
    ended_ = true;
    inference::Finished done{.reason = inference::FinishReason::stop, .stop_sequence = {}, .usage = {}, .timings = {}};
    if (text_at(json, "done_reason") == "length") done.reason = inference::FinishReason::length;
    if (calls_ > 0) done.reason = inference::FinishReason::tool_calls;
    done.usage = {.prompt_tokens = count_at(json, "prompt_eval_count"),
                  .cached_tokens = 0,
                  .completion_tokens = count_at(json, "eval_count"),
                  .reasoning_tokens = 0};
    using std::chrono::nanoseconds;
    done.timings = {.load = nanoseconds{count_at(json, "load_duration")},
                    .queue = {},
                    .prompt = nanoseconds{count_at(json, "prompt_eval_duration")},
                    .generation = nanoseconds{count_at(json, "eval_duration")}};
    out.push_back({.choice = 0, .body = std::move(done)});
  }
  void end_with(Error error, std::vector<Event>& out) {
    ended_ = true;
    out.push_back({.choice = 0, .body = inference::Failed{std::move(error)}});
  }

  net::NdjsonSplitter splitter_;
  std::string model_;
  std::size_t calls_ = 0;
  const bool may_relay_;
  bool began_ = false;
  bool ended_ = false;
};

bool is_absent(std::string_view member) { return member.empty() || member == "null"; }

/// The options as the client wrote them, and the context before them unless it chose one.
std::string with_context(std::string_view options, std::int32_t context) {
  if (is_absent(options)) return fmt::format(R"({{"num_ctx":{}}})", context);
  const Json json = parse_json(options);
  if (!json.is_object() || json.contains("num_ctx")) return std::string{options};
  return fmt::format(R"({{"num_ctx":{}{}{})", context, json.empty() ? "" : ",", options.substr(1));
}

HttpCall forwarded(const inference::ChatRequest& request, std::int32_t context) {
  std::vector<Edit> edits{{"model", dump(request.model)}, {"stream", "true"}};
  const std::string_view body = *request.verbatim->body;
  for (const std::string_view cut : {"truncate", "shift"}) {  // by default both are true
    if (is_absent(raw_member(body, cut))) edits.push_back({cut, "false"});
  }
  if (context > 0) edits.push_back({"options", with_context(raw_member(body, "options"), context)});
  return edited_call("/api/chat", request.verbatim->body, edits);
}

class OllamaProtocol final : public Protocol {
 public:
  explicit OllamaProtocol(OllamaTraits traits) : traits_{std::move(traits)} {}

  Result<HttpCall> chat(const inference::ChatRequest& request) const override {
    if (request.verbatim && request.verbatim->wire == inference::Wire::ollama) {
      return forwarded(request, context_of(request.model));
    }
    HEARTH_TRY(const Json body, ollama_chat_body(request, context_of(request.model)));
    return HttpCall{.path = "/api/chat", .headers = {}, .body = dump(body), .rest = {}};
  }
  Result<HttpCall> complete(const inference::CompletionRequest& request) const override {
    HEARTH_TRY(const Json body, ollama_generate_body(request, context_of(request.model)));
    return HttpCall{.path = "/api/generate", .headers = {}, .body = dump(body), .rest = {}};
  }
  Result<HttpCall> embed(const inference::EmbeddingRequest& request) const override {
    HEARTH_TRY(const Json body, ollama_embed_body(request));
    return HttpCall{.path = "/api/embed", .headers = {}, .body = dump(body), .rest = {}};
  }
  Result<HttpCall> rerank(const inference::RerankRequest&) const override { return cannot("rerank"); }
  std::unique_ptr<AnswerDecoder> chat_decoder(std::int32_t) const override {
    return std::make_unique<OllamaDecoder>(traits_.may_relay);
  }
  std::unique_ptr<AnswerDecoder> completion_decoder(std::int32_t n) const override { return chat_decoder(n); }

  Result<inference::Embeddings> embeddings(std::string_view body) const override {
    const Json json = parse_json(body);
    const Json& vectors = at(json, "embeddings");
    if (!vectors.is_array()) return fail(ErrorCode::upstream_error, "the server's answer has no embeddings");
    inference::Embeddings out;
    for (const Json& vector : vectors) {
      auto& numbers = out.vectors.emplace_back();
      if (!vector.is_array()) return fail(ErrorCode::upstream_error, "an embedding is no list of numbers");
      for (const Json& value : vector) {
        if (!value.is_number()) return fail(ErrorCode::upstream_error, "an embedding is no list of numbers");
        numbers.push_back(value.get<float>());
      }
    }
    out.prompt_tokens = count_at(json, "prompt_eval_count");
    return out;
  }
  Result<inference::Ranking> ranking(std::string_view) const override { return cannot("rerank"); }
  std::pair<std::string, std::string> credential(const std::string& key) const override {
    return {"Authorization", "Bearer " + key};
  }
  Error error(int status, const net::Headers& headers, std::string_view body) const override {
    const Json json = parse_json(body);
    Error error = upstream_error(status, headers, json.is_object() ? text_at(json, "error") : std::string{body});
    // 400, 413 or 500, depending on its version and on who noticed.
    if (tells_of_overflow(error.message)) error.code = ErrorCode::context_too_long;
    return error;
  }

 private:
  std::int32_t context_of(const std::string& model) const {
    const auto found = traits_.contexts.find(model);
    return found == traits_.contexts.end() ? 0 : found->second;
  }

  const OllamaTraits traits_;
};

}  // namespace

std::unique_ptr<Protocol> make_ollama_protocol(OllamaTraits traits) {
  return std::make_unique<OllamaProtocol>(std::move(traits));
}

}  // namespace hearth::provider
