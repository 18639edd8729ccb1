// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstring>

#include "hearth/base/text.hpp"
#include "json_write.hpp"
#include "openai_chat_request.hpp"
#include "openai_embeddings.hpp"
#include "openai_input.hpp"
#include "openai_routes.hpp"
#include "openai_shape.hpp"

namespace hearth::api::openai {
namespace {

/// Little-endian float32, as OpenAI's clients decode it.
std::string packed(const std::vector<float>& vector) {
  static_assert(std::endian::native == std::endian::little, "vectors are sent as they lie in memory");
  std::string bytes(vector.size() * sizeof(float), '\0');
  if (!vector.empty()) std::memcpy(bytes.data(), vector.data(), bytes.size());
  return text::base64_encode(bytes);
}

void append_vector(std::string& out, const std::vector<float>& vector, bool base64) {
  if (base64) return append_json_string(out, packed(vector));
  append_json_floats(out, vector);
}

}  // namespace

Result<EmbeddingCall> read_embedding(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  EmbeddingCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    out.request.model = r.string("model").value_or("");
    // llama-server's clients say `content`.
    out.request.inputs = read_inputs(r, r.has("content") && !r.has("input") ? "content" : "input", kMaxEmbeddingInputs);
    out.base64 = r.one_of("encoding_format", {"float", "base64"}) == "base64";
    r.read("dimensions", out.request.dimensions, 1, kMaxDimensions);
    if (const auto norm = r.integer("embd_normalize", -1, 2)) {
      out.request.normalize = *norm == 2;
      if (*norm == 0 || *norm == 1)
        r.fail("embd_normalize", "must be -1 (none) or 2 (Euclidean)", ErrorCode::unsupported);
    }
    ignore_account_fields(r);
  }));
  return out;
}

std::string embedding_body(const std::string& model, const inference::Embeddings& embeddings, bool base64) {
  std::string out = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < embeddings.vectors.size(); ++i) {
    if (i > 0) out += ',';
    out += R"({"object":"embedding","index":)" + std::to_string(i) + R"(,"embedding":)";
    append_vector(out, embeddings.vectors[i], base64);
    out += '}';
  }
  out += R"(],"model":)";
  append_json_string(out, model);
  const std::string tokens = std::to_string(embeddings.prompt_tokens);
  return out += R"(,"usage":{"prompt_tokens":)" + tokens + R"(,"total_tokens":)" + tokens + "}}";
}

Task<Result<>> async_embeddings(Call& call) {
  HEARTH_CO_TRY(EmbeddingCall wanted, read_embedding(call.request().body));
  HEARTH_CO_TRY(wanted.request.model, call.choose_model(wanted.request.model));
  const std::string model = wanted.request.model;
  provider::RequestContext context = call.context();
  HEARTH_CO_TRY(const auto embeddings,
                co_await call.inference().async_embed(std::move(context), std::move(wanted.request)));
  call.record().usage.prompt_tokens = embeddings.prompt_tokens;
  co_return co_await call.async_send_json(embedding_body(model, embeddings, wanted.base64));
}

}  // namespace hearth::api::openai
