// SPDX-License-Identifier: Apache-2.0
#include "openai_rerank.hpp"

#include <algorithm>
#include <compare>
#include <numeric>

#include "openai_chat_request.hpp"
#include "openai_routes.hpp"
#include "openai_shape.hpp"

namespace hearth::api::openai {
namespace {

/// A document is a string or {text}.
std::string read_document(const JsonValue& value) {
  if (!value.is(JsonValue::Kind::object)) return value.string();
  std::string text;
  value.object([&](JsonReader& r) { text = r.required_string("text"); });
  return text;
}

void read_body(JsonReader& r, RerankCall& out) {
  out.request.model = r.string("model").value_or("");
  out.request.query = r.required_string("query");
  out.tei = r.has("texts");
  if (out.tei && r.has("documents")) r.fail("texts", "cannot be combined with documents");
  const std::string_view field = out.tei ? "texts" : "documents";
  r.each(field, kMaxRerankDocuments,
         [&](const JsonValue& item) { out.request.documents.push_back(read_document(item)); });
  if (out.request.documents.empty() && !r.failed()) r.fail(field, "is required and must not be empty");
  if (const auto n = r.integer("top_n", 1, kMaxRerankDocuments)) out.top_n = static_cast<std::size_t>(*n);
  const bool jina = r.boolean("return_documents").value_or(false);
  out.return_text = r.boolean("return_text").value_or(jina);
  if (r.boolean("truncate").value_or(false)) r.fail("truncate", "is not supported", ErrorCode::unsupported);
  r.refuse("raw_scores", "is not supported; scores are the model's own");
  ignore_account_fields(r);
}

}  // namespace

Result<RerankCall> read_rerank(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  RerankCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) { read_body(r, out); }));
  return out;
}

std::string rerank_body(const RerankCall& call, const inference::Ranking& ranking) {
  std::vector<std::size_t> order(ranking.scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const auto compared = std::strong_order(ranking.scores[a], ranking.scores[b]);
    return compared != 0 ? compared > 0 : a < b;
  });
  if (call.top_n > 0 && call.top_n < order.size()) order.resize(call.top_n);

  Json results = Json::array();
  for (const std::size_t i : order) {
    Json result{{"index", i}, {call.tei ? "score" : "relevance_score", ranking.scores[i]}};
    const std::string& text = call.request.documents[i];
    if (call.return_text && call.tei) result["text"] = text;
    if (call.return_text && !call.tei) result["document"] = Json{{"text", text}};
    results.push_back(std::move(result));
  }
  if (call.tei) return dump(results);
  return dump(Json{{"model", call.request.model},
                   {"object", "list"},
                   {"usage", Json{{"prompt_tokens", ranking.prompt_tokens}, {"total_tokens", ranking.prompt_tokens}}},
                   {"results", std::move(results)}});
}

Task<Result<>> async_rerank(Call& call) {
  HEARTH_CO_TRY(RerankCall wanted, read_rerank(call.request().body));
  HEARTH_CO_TRY(wanted.request.model, call.choose_model(wanted.request.model));
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const auto ranking, co_await call.inference().async_rerank(std::move(context), wanted.request));
  if (ranking.scores.size() != wanted.request.documents.size()) {
    co_return hearth::fail(ErrorCode::internal, "the model did not score every document");
  }
  call.record().usage.prompt_tokens = ranking.prompt_tokens;
  co_return co_await call.async_send_json(rerank_body(wanted, ranking));
}

}  // namespace hearth::api::openai
