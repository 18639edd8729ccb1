// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/inference/event.hpp"
#include "hearth/inference/request.hpp"
#include "hearth/net/client.hpp"
#include "hearth/net/http.hpp"

/// The wire protocols of remote servers as pure functions: native types to bytes and bytes to native events. No socket,
/// no clock; `remote` does the talking. One file pair a protocol: openai_protocol, anthropic_protocol, …
namespace hearth::provider {

/// A POST with a JSON body. `path` is put behind the provider's base URL: "/v1/chat/completions".
struct HttpCall {
  std::string path;
  net::Headers headers;  // beyond Content-Type and the credential
  std::string body;
  net::SharedPieces rest;  // of the body, behind `body`
};

/// How far an answer is.
enum class Stage : std::uint8_t {
  open,
  complete,  // every choice has its reason; usage may follow
  ended,     // with the protocol's own mark, or with Failed: what follows is no part of it
};

/// Turns the body of one answer with status 200 into events. One coroutine; pieces may be cut anywhere.
/// Order a choice: PromptDone (token counts may be 0 when the server tells them at the end), deltas, Finished with the
/// usage that the server reported. A server's own error inside the stream, malformed data, and an end before every
/// choice finished become Failed with upstream_error (or the code that the server's error stands for), never silence.
/// After Failed, or Finished of all choices, feed() ignores what comes.
class AnswerDecoder {
 public:
  virtual ~AnswerDecoder() = default;
  virtual void feed(std::string_view bytes, std::vector<inference::Event>& out) = 0;
  /// The body has ended.
  virtual void finish(std::vector<inference::Event>& out) = 0;
  virtual Stage stage() const = 0;
  /// The model that the server says it used; empty until it said so.
  virtual std::string_view model() const = 0;
};

/// Answers are always asked for as streams: a client that wants one piece gets it put together, and failing over works
/// the same for both. Stateless; any thread. Encoders fail with `unsupported`, naming the field in the words of the
/// native request
/// ("images", "constraint: regex", …), for what the protocol cannot carry: nothing is dropped silently.
/// `request.model` is the name to send.
class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual Result<HttpCall> chat(const inference::ChatRequest& request) const = 0;
  virtual Result<HttpCall> complete(const inference::CompletionRequest& request) const = 0;
  virtual Result<HttpCall> embed(const inference::EmbeddingRequest& request) const = 0;
  virtual Result<HttpCall> rerank(const inference::RerankRequest& request) const = 0;

  /// `n`: choices that were asked for.
  virtual std::unique_ptr<AnswerDecoder> chat_decoder(std::int32_t n) const = 0;
  virtual std::unique_ptr<AnswerDecoder> completion_decoder(std::int32_t n) const = 0;
  virtual Result<inference::Embeddings> embeddings(std::string_view body) const = 0;
  virtual Result<inference::Ranking> ranking(std::string_view body) const = 0;

  /// How the credential travels: ("Authorization", "Bearer …"), ("x-api-key", …).
  virtual std::pair<std::string, std::string> credential(const std::string& key) const = 0;
  /// The error behind a status other than 2xx. The message is the server's own, cut to 500 bytes, never the request's
  /// content; retry_after from the header or what the server has in its place. 400 and 422 are invalid_request, a
  /// context overflow context_too_long, 413 payload_too_large, 408 and 5xx upstream_unavailable, 429 rate_limited;
  /// other 4xx, and a 400 that asks for money, are upstream_error: our key, our bill, our name for the model, not the
  /// client's.
  virtual Error error(int status, const net::Headers& headers, std::string_view body) const = 0;
};

/// The kinds that speak OpenAI's protocol differ in fields only.
enum class Dialect : std::uint8_t { openai, vllm, sglang, llama_server, mlx, hearth, compatible };

std::unique_ptr<Protocol> make_openai_protocol(Dialect dialect);
std::unique_ptr<Protocol> make_sglang_protocol();
std::unique_ptr<Protocol> make_anthropic_protocol();
std::unique_ptr<Protocol> make_gemini_protocol();
/// What an Ollama does not know or tell of itself.
struct OllamaTraits {
  std::map<std::string, std::int32_t, std::less<>> contexts;  // of models, in tokens, where known
  bool may_relay = false;  // to a cloud; otherwise an answer that comes from there is Failed, before its content
};
std::unique_ptr<Protocol> make_ollama_protocol(OllamaTraits traits = {});

}  // namespace hearth::provider
