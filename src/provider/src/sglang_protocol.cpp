// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "hearth/net/sse.hpp"
#include "json_view.hpp"
#include "openai_answer.hpp"
#include "openai_generation.hpp"
#include "protocol.hpp"
#include "sampling_fields.hpp"
#include "upstream_error.hpp"

/// SGLang speaks OpenAI's protocol, and for raw prompts its own, /generate, which tells more: tokens from the cache,
/// and the identity of each token. docs.sglang.io, "Sampling parameters" and "Native APIs".
namespace hearth::provider {
namespace {

using inference::Event;

std::unexpected<Error> cannot(std::string_view what) {
  return fail(ErrorCode::unsupported, fmt::format("SGLang's /generate cannot carry {}", what));
}

/// One choice. The server repeats the whole text with each event, so what came before is cut off here.
struct Choice {
  bool began = false;
  std::size_t text_sent = 0;
  std::size_t logprobs_sent = 0;
  double logprob_sum = 0;
  std::optional<inference::Finished> finished;
};

class GenerateDecoder final : public AnswerDecoder {
 public:
  explicit GenerateDecoder(std::int32_t n) : choices_(static_cast<std::size_t>(std::max(n, 1))) {}

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
  std::string_view model() const override { return {}; }  // it has one, and does not say which

 private:
  static Error upstream(std::string message) {
    return {.code = ErrorCode::upstream_error, .message = std::move(message), .param = {}, .retry_after = {}};
  }

  void take(const std::string& data, std::vector<Event>& out) {
    if (data == "[DONE]") return finish(out);  // before the last choice finished
    const JsonView json = line_.parse(data);
    if (!json.is_object()) return end_with(upstream("an event of the stream is no JSON object"), out);
    if (const JsonView error = at(json, "error"); !error.is_null()) {
      return end_with(openai_stream_error(parse_json(error.text())), out);
    }
    const auto index = static_cast<std::size_t>(count_at(json, "index"));
    if (index >= choices_.size() || choices_[index].finished) return;
    Choice& choice = choices_[index];
    const auto number = static_cast<std::int32_t>(index);
    const JsonView meta = at(json, "meta_info");
    if (!std::exchange(choice.began, true)) {
      out.push_back({.choice = number,
                     .body = inference::PromptDone{.prompt_tokens = count_at(meta, "prompt_tokens"),
                                                   .cached_tokens = count_at(meta, "cached_tokens"),
                                                   .prompt_logprobs = {}}});
    }
    add_text(json, meta, choice, number, out);
    if (const JsonView reason = at(meta, "finish_reason"); reason.is_object()) end(reason, meta, choice, number, out);
  }

  static void add_text(const JsonView& json, const JsonView& meta, Choice& choice, std::int32_t number,
                       std::vector<Event>& out) {
    inference::TextDelta delta{.text = text_at(json, "text"), .logprobs = new_logprobs(meta, choice), .tokens = {}};
    // Shorter than before when a stop string was found: what is out cannot come back.
    const std::size_t whole = delta.text.size();
    delta.text.erase(0, choice.text_sent);
    choice.text_sent = std::max(choice.text_sent, whole);
    if (!delta.text.empty() || !delta.logprobs.empty()) out.push_back({.choice = number, .body = std::move(delta)});
  }

  /// Entries are [logarithm, token, text or null]; `output_top_logprobs` has a list of such a token.
  static std::vector<inference::TokenLogprob> new_logprobs(const JsonView& meta, Choice& choice) {
    std::vector<inference::TokenLogprob> out;
    std::size_t i = 0;
    at(meta, "output_token_logprobs").each([&](const JsonView& entry) {
      if (i++ < choice.logprobs_sent) return;
      auto [id, bytes, logprob] = token_of(entry);
      choice.logprob_sum += logprob;
      out.push_back({.id = id, .bytes = std::move(bytes), .logprob = logprob, .top = {}});
    });
    std::size_t j = 0;
    at(meta, "output_top_logprobs").each([&](const JsonView& list) {
      const std::size_t at_token = j++;
      if (at_token < choice.logprobs_sent || at_token - choice.logprobs_sent >= out.size()) return;
      list.each([&](const JsonView& entry) { out[at_token - choice.logprobs_sent].top.push_back(token_of(entry)); });
    });
    choice.logprobs_sent = std::max(choice.logprobs_sent, i);
    return out;
  }

  static inference::TokenLogprob::Alternative token_of(const JsonView& entry) {
    inference::TokenLogprob::Alternative out{.id = -1, .bytes = {}, .logprob = 0};
    int member = 0;
    entry.each([&](const JsonView& value) {
      if (member == 0) out.logprob = static_cast<float>(value.number().value_or(0));
      if (member == 1) out.id = static_cast<inference::TokenId>(value.integer().value_or(-1));
      if (member == 2) out.bytes = value.string().value_or("");
      ++member;
    });
    return out;
  }

  void end(const JsonView& reason, const JsonView& meta, Choice& choice, std::int32_t number, std::vector<Event>& out) {
    const std::string type = text_at(reason, "type");
    if (type == "abort") return end_with(upstream("the server gave up: " + shortened(text_at(reason, "message"))), out);
    inference::Finished done{.reason = inference::FinishReason::stop, .stop_sequence = {}, .usage = {}, .timings = {}};
    if (type == "length") done.reason = inference::FinishReason::length;
    if (at(reason, "matched").is_string()) {  // a number is the token that ends a turn
      done.reason = inference::FinishReason::stop_sequence;
      done.stop_sequence = text_at(reason, "matched");
    }
    done.usage = {.prompt_tokens = count_at(meta, "prompt_tokens"),
                  .cached_tokens = count_at(meta, "cached_tokens"),
                  .completion_tokens = count_at(meta, "completion_tokens"),
                  .reasoning_tokens = 0};
    if (choice.logprobs_sent > 0) done.mean_logprob = choice.logprob_sum / static_cast<double>(choice.logprobs_sent);
    choice.finished = done;
    out.push_back({.choice = number, .body = std::move(done)});
    ended_ = std::ranges::all_of(choices_, [](const Choice& c) { return c.finished.has_value(); });
  }

  void end_with(Error error, std::vector<Event>& out) {
    ended_ = true;
    out.push_back({.choice = 0, .body = inference::Failed{std::move(error)}});
  }

  net::SseParser parser_;
  JsonLine line_;
  std::vector<Choice> choices_;
  bool ended_ = false;
};

Result<> add_constraint(const inference::Constraint& constraint, Json& out) {
  using Kind = inference::Constraint::Kind;
  switch (constraint.kind) {
    case Kind::none: return {};
    case Kind::json_object: out["json_schema"] = R"({"type":"object"})"; return {};
    case Kind::json_schema: out["json_schema"] = constraint.text; return {};  // as text, not as JSON
    case Kind::regex: out["regex"] = constraint.text; return {};
    case Kind::choice: out["regex"] = regex_of(constraint.choices); return {};
    case Kind::gbnf: return cannot("a GBNF grammar");
  }
  return {};
}

Result<Json> sampling_params(const inference::Generation& generation) {
  static constexpr std::array<std::string_view, 9> kCarried{
      "temperature",      "top_p",      "top_k", "min_p", "repeat_penalty", "frequency_penalty",
      "presence_penalty", "ignore_eos", "seed"};
  const inference::Sampling& s = generation.sampling;
  if (const auto name = uncarried(s, kCarried)) return cannot(*name);
  if (generation.time_limit) return cannot("a time limit for the answer");
  Json out;
  // Absent would be 128; null is as much as fits.
  out["max_new_tokens"] = generation.max_tokens ? Json(*generation.max_tokens) : Json(nullptr);
  if (!generation.stop.empty()) out["stop"] = generation.stop;
  if (generation.n != 1) out["n"] = generation.n;
  const auto put = [&](const char* name, const auto& value) {
    if (value) out[name] = *value;
  };
  put("temperature", s.temperature);
  put("top_p", s.top_p);
  if (s.top_k.value_or(0) > 0) out["top_k"] = *s.top_k;
  put("min_p", s.min_p);
  put("repetition_penalty", s.repeat_penalty);
  put("frequency_penalty", s.frequency_penalty);
  put("presence_penalty", s.presence_penalty);
  put("ignore_eos", s.ignore_eos);
  put("sampling_seed", s.seed);
  HEARTH_CHECKED(add_constraint(generation.constraint, out));
  return out;
}

Result<Json> generate_body(const inference::CompletionRequest& request) {
  if (request.suffix) return cannot("a suffix to fill in before");
  if (!request.infill_files.empty()) return cannot("files as context for filling in");
  if (request.prompt_logprobs) return cannot("probabilities of the prompt's tokens");
  Json out;
  if (const auto* text = std::get_if<std::string>(&request.prompt)) {
    out["text"] = *text;
  } else {
    out["input_ids"] = std::get<std::vector<inference::TokenId>>(request.prompt);
  }
  HEARTH_TRY(Json parameters, sampling_params(request.generation));
  out["sampling_params"] = std::move(parameters);
  if (request.generation.logprobs) {
    out["return_logprob"] = true;
    out["return_text_in_logprobs"] = true;
    out["top_logprobs_num"] = *request.generation.logprobs;
  }
  out["stream"] = true;
  return out;
}

/// Everything but raw prompts goes the way of OpenAI's protocol.
class SglangProtocol final : public Protocol {
 public:
  Result<HttpCall> chat(const inference::ChatRequest& request) const override { return openai_->chat(request); }
  Result<HttpCall> complete(const inference::CompletionRequest& request) const override {
    HEARTH_TRY(const Json body, generate_body(request));
    return HttpCall{.path = "/generate", .headers = {}, .body = dump(body), .rest = {}};
  }
  Result<HttpCall> embed(const inference::EmbeddingRequest& request) const override { return openai_->embed(request); }
  Result<HttpCall> rerank(const inference::RerankRequest& request) const override { return openai_->rerank(request); }
  std::unique_ptr<AnswerDecoder> chat_decoder(std::int32_t n) const override { return openai_->chat_decoder(n); }
  std::unique_ptr<AnswerDecoder> completion_decoder(std::int32_t n) const override {
    return std::make_unique<GenerateDecoder>(n);
  }
  Result<inference::Embeddings> embeddings(std::string_view body) const override { return openai_->embeddings(body); }
  Result<inference::Ranking> ranking(std::string_view body) const override { return openai_->ranking(body); }
  std::pair<std::string, std::string> credential(const std::string& key) const override {
    return openai_->credential(key);
  }
  Error error(int status, const net::Headers& headers, std::string_view body) const override {
    return openai_->error(status, headers, body);
  }

 private:
  const std::unique_ptr<Protocol> openai_ = make_openai_protocol(Dialect::sglang);
};

}  // namespace

std::unique_ptr<Protocol> make_sglang_protocol() { return std::make_unique<SglangProtocol>(); }

}  // namespace hearth::provider
