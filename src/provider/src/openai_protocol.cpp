// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "openai_answer.hpp"
#include "openai_request.hpp"
#include "protocol.hpp"
#include "verbatim_body.hpp"

namespace hearth::provider {
namespace {

HttpCall call(std::string path, const Json& body) {
  return {.path = std::move(path), .headers = {}, .body = dump(body), .rest = {}};
}

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::upstream_error, fmt::format("the server's answer is malformed: {}", what));
}

/// OpenAI takes no thoughts back; only a translation leaves them out.
bool has_thoughts(const inference::ChatRequest& request) {
  return std::ranges::any_of(request.messages, [](const auto& message) { return !message.reasoning.empty(); });
}

bool may_forward(Dialect dialect, const inference::ChatRequest& request) {
  if (!request.verbatim || request.verbatim->wire != inference::Wire::openai) return false;
  return request.verbatim->beyond || dialect != Dialect::openai || !has_thoughts(request);
}

HttpCall forwarded(Dialect dialect, const inference::ChatRequest& request) {
  std::vector<Edit> edits{
      {"model", dump(request.model)}, {"stream", "true"}, {"stream_options", R"({"include_usage":true})"}};
  if (dialect == Dialect::openai) {  // its newer models know the newer name only
    const std::string_view limit = raw_member(*request.verbatim->body, "max_tokens");
    if (!limit.empty()) {
      edits.push_back({"max_tokens", {}});
      edits.push_back({"max_completion_tokens", std::string{limit}});
    }
  }
  return edited_call("/v1/chat/completions", request.verbatim->body, edits);
}

/// mlx_lm.server drops what it does not know without a word, so a chat is translated and what would be lost refused.
/// Fields that Hearth does not know are its own, perhaps: they go along.
Result<HttpCall> mlx_chat(const inference::ChatRequest& request) {
  HEARTH_TRY(Json body, openai_chat_body(Dialect::mlx, request));
  const bool same_wire = request.verbatim && request.verbatim->wire == inference::Wire::openai;
  if (!same_wire || !request.verbatim->beyond) return call("/v1/chat/completions", body);
  if (request.verbatim->beyond->code != ErrorCode::invalid_request) return std::unexpected{*request.verbatim->beyond};
  const Json written = parse_json(*request.verbatim->body);
  for (const auto& [name, value] : written.items()) {
    if (!body.contains(name) && name != "tools") body[name] = value;
  }
  return call("/v1/chat/completions", body);
}

class OpenAiProtocol final : public Protocol {
 public:
  explicit OpenAiProtocol(Dialect dialect) : dialect_{dialect} {}

  Result<HttpCall> chat(const inference::ChatRequest& request) const override {
    if (dialect_ == Dialect::mlx) return mlx_chat(request);
    if (may_forward(dialect_, request)) return forwarded(dialect_, request);
    HEARTH_TRY(const Json body, openai_chat_body(dialect_, request));
    return call("/v1/chat/completions", body);
  }
  Result<HttpCall> complete(const inference::CompletionRequest& request) const override {
    HEARTH_TRY(const Json body, openai_completion_body(dialect_, request));
    return call("/v1/completions", body);
  }
  Result<HttpCall> embed(const inference::EmbeddingRequest& request) const override {
    HEARTH_TRY(const Json body, openai_embedding_body(dialect_, request));
    return call("/v1/embeddings", body);
  }
  Result<HttpCall> rerank(const inference::RerankRequest& request) const override {
    HEARTH_TRY(const Json body, openai_rerank_body(dialect_, request));
    return call("/v1/rerank", body);
  }
  std::unique_ptr<AnswerDecoder> chat_decoder(std::int32_t n) const override { return make_openai_decoder(true, n); }
  std::unique_ptr<AnswerDecoder> completion_decoder(std::int32_t n) const override {
    return make_openai_decoder(false, n);
  }

  Result<inference::Embeddings> embeddings(std::string_view body) const override {
    const Json json = parse_json(body);
    const Json& data = at(json, "data");
    if (!data.is_array()) return malformed("no data");
    inference::Embeddings out;
    out.vectors.resize(data.size());
    for (std::size_t i = 0; i < data.size(); ++i) {
      const Json& vector = at(data[i], "embedding");
      const std::size_t index =
          at(data[i], "index").is_number() ? static_cast<std::size_t>(count_at(data[i], "index")) : i;
      if (!vector.is_array() || index >= out.vectors.size()) return malformed("an embedding is no list of numbers");
      for (const Json& value : vector) {
        if (!value.is_number()) return malformed("an embedding has something else than numbers");
        out.vectors[index].push_back(value.get<float>());
      }
    }
    out.prompt_tokens = count_at(at(json, "usage"), "prompt_tokens");
    return out;
  }

  Result<inference::Ranking> ranking(std::string_view body) const override {
    const Json json = parse_json(body);
    const Json& results = at(json, "results");
    if (!results.is_array()) return malformed("no results");
    inference::Ranking out;
    out.scores.resize(results.size());
    for (const Json& result : results) {
      const auto index = static_cast<std::size_t>(count_at(result, "index"));
      const auto score = number_at(result, "relevance_score");
      if (index >= out.scores.size() || !score) return malformed("a result without index or relevance_score");
      out.scores[index] = static_cast<float>(*score);
    }
    out.prompt_tokens = count_at(at(json, "usage"), "prompt_tokens");
    return out;
  }

  std::pair<std::string, std::string> credential(const std::string& key) const override {
    return {"Authorization", "Bearer " + key};
  }
  Error error(int status, const net::Headers& headers, std::string_view body) const override {
    return openai_error(status, headers, body);
  }

 private:
  const Dialect dialect_;
};

}  // namespace

std::unique_ptr<Protocol> make_openai_protocol(Dialect dialect) { return std::make_unique<OpenAiProtocol>(dialect); }

}  // namespace hearth::provider
