// SPDX-License-Identifier: Apache-2.0
#include "openai_answer.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "hearth/base/id.hpp"
#include "hearth/net/sse.hpp"
#include "json_view.hpp"

namespace hearth::provider {
namespace {

using inference::Event;

constexpr std::size_t kToolCallsMax = 128;

inference::FinishReason reason_of(const std::string& name) {
  if (name == "length" || name == "max_tokens") return inference::FinishReason::length;
  if (name == "tool_calls" || name == "function_call") return inference::FinishReason::tool_calls;
  if (name == "content_filter") return inference::FinishReason::content_filter;
  return inference::FinishReason::stop;  // "stop", and what only one server knows
}

inference::Usage usage_of(const JsonView& usage) {
  return {.prompt_tokens = count_at(usage, "prompt_tokens"),
          .cached_tokens = count_at(at(usage, "prompt_tokens_details"), "cached_tokens"),
          .completion_tokens = count_at(usage, "completion_tokens"),
          .reasoning_tokens = count_at(at(usage, "completion_tokens_details"), "reasoning_tokens")};
}

std::string bytes_of(const JsonView& token) {
  const JsonView bytes = at(token, "bytes");
  if (!bytes.is_array()) return text_at(token, "token");
  std::string out;
  bytes.each([&](const JsonView& byte) {
    if (const auto value = byte.integer()) out += static_cast<char>(*value & 0xFF);
  });
  return out;
}

std::vector<inference::TokenLogprob> chat_logprobs(const JsonView& logprobs) {
  std::vector<inference::TokenLogprob> out;
  at(logprobs, "content").each([&](const JsonView& token) {
    inference::TokenLogprob entry{.id = -1,
                                  .bytes = bytes_of(token),
                                  .logprob = static_cast<float>(number_at(token, "logprob").value_or(0)),
                                  .top = {}};
    at(token, "top_logprobs").each([&](const JsonView& other) {
      entry.top.push_back(
          {.id = -1, .bytes = bytes_of(other), .logprob = static_cast<float>(number_at(other, "logprob").value_or(0))});
    });
    out.push_back(std::move(entry));
  });
  return out;
}

std::vector<inference::TokenLogprob> text_logprobs(const JsonView& logprobs) {
  if (at(logprobs, "content").is_array()) return chat_logprobs(logprobs);  // llama-server's way, here too
  std::vector<std::string> tokens;
  std::vector<std::optional<double>> values;
  at(logprobs, "tokens").each([&](const JsonView& token) { tokens.push_back(token.string().value_or("")); });
  at(logprobs, "token_logprobs").each([&](const JsonView& value) { values.push_back(value.number()); });
  std::vector<inference::TokenLogprob> out;
  for (std::size_t i = 0; i < std::min(tokens.size(), values.size()); ++i) {
    if (!values[i] || tokens[i].empty()) continue;
    out.push_back({.id = -1, .bytes = std::move(tokens[i]), .logprob = static_cast<float>(*values[i]), .top = {}});
  }
  return out;
}

/// A tool call as its server tells it.
struct Call {
  std::optional<std::int64_t> index;
  std::string id;
};

/// Which call a piece belongs to; calls.size() for a new one. Some servers give every call the index 0: another id and
/// a name begin another call. Others make up an id for each piece: without a name it is the same call.
std::size_t call_of(const std::vector<Call>& calls, std::optional<std::int64_t> index, const std::string& id,
                    bool named) {
  if (!index) return calls.size();
  std::size_t latest = calls.size();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].index != index) continue;
    if (!id.empty() && calls[i].id == id) return i;
    latest = i;
  }
  return id.empty() || !named ? latest : calls.size();
}

/// What a delta has that no native event says: audio, annotations, the older function_call, what other servers add.
std::string unsaid(const JsonView& delta) {
  constexpr std::array<std::string_view, 6> kSaid{"content",           "role",      "refusal",
                                                  "reasoning_content", "reasoning", "tool_calls"};
  std::string out;
  delta.each_member([&](std::string_view name, const JsonView& value) {
    if (std::ranges::find(kSaid, name) != kSaid.end() || value.is_null()) return;
    const std::string text = value.text();
    if (text == "[]" || text == "{}" || text == R"("")") return;
    out += (out.empty() ? "{" : ",") + dump(Json(name)) + ":" + text;
  });
  return out.empty() ? out : out + "}";
}

/// One choice of the answer, on its way.
struct Choice {
  bool began = false;
  std::optional<inference::FinishReason> reason;
  std::string stop_sequence;
  bool refused = false;
  std::vector<Call> calls;  // by our index
  double logprob_sum = 0;
  std::int64_t logprobs = 0;
};

class OpenAiDecoder final : public AnswerDecoder {
 public:
  OpenAiDecoder(bool chat, std::int32_t n) : chat_{chat}, choices_(static_cast<std::size_t>(std::max(n, 1))) {}

  void feed(std::string_view bytes, std::vector<Event>& out) override {
    if (ended_) return;
    auto events = parser_.feed(bytes);
    if (!events) return end_with(std::move(events).error(), out);
    for (const net::SseEvent& event : *events) {
      if (ended_) return;
      take(event.data, out);
    }
  }

  void finish(std::vector<Event>& out) override {
    if (!ended_) end(out);
  }
  Stage stage() const override {
    if (ended_) return Stage::ended;
    return is_whole() ? Stage::complete : Stage::open;
  }
  std::string_view model() const override { return model_; }

 private:
  bool is_whole() const {
    return std::ranges::all_of(choices_, [](const Choice& c) { return c.reason.has_value(); });
  }

  void take(const std::string& data, std::vector<Event>& out) {
    if (data == "[DONE]") return end(out);
    const JsonView chunk = line_.parse(data);
    if (!chunk.is_object()) {
      return end_with({.code = ErrorCode::upstream_error,
                       .message = "an event of the stream is no JSON object",
                       .param = {},
                       .retry_after = {}},
                      out);
    }
    if (const JsonView error = at(chunk, "error"); !error.is_null()) {
      return end_with(openai_stream_error(parse_json(error.text())), out);
    }
    if (model_.empty()) model_ = text_at(chunk, "model");
    if (const JsonView usage = at(chunk, "usage"); usage.is_object()) usage_ = usage_of(usage);
    at(chunk, "choices").each([&](const JsonView& choice) { take_choice(choice, out); });
  }

  void take_choice(const JsonView& json, std::vector<Event>& out) {
    const auto index = static_cast<std::size_t>(count_at(json, "index"));
    if (index >= choices_.size() || choices_[index].reason) return;  // more than was asked for, or after its end
    Choice& choice = choices_[index];
    const auto number = static_cast<std::int32_t>(index);
    if (!std::exchange(choice.began, true)) out.push_back({.choice = number, .body = inference::PromptDone{}});
    const JsonView delta = at(json, "delta");
    const std::string thought =
        at(delta, "reasoning_content").is_string() ? text_at(delta, "reasoning_content") : text_at(delta, "reasoning");
    if (!thought.empty()) out.push_back({.choice = number, .body = inference::ReasoningDelta{thought}});
    inference::TextDelta text{
        .text = chat_ ? text_at(delta, "content") : text_at(json, "text"), .logprobs = {}, .tokens = {}};
    const JsonView logprobs = at(json, "logprobs");
    if (logprobs.is_object()) text.logprobs = chat_ ? chat_logprobs(logprobs) : text_logprobs(logprobs);
    for (const auto& token : text.logprobs) {
      choice.logprob_sum += token.logprob;
      ++choice.logprobs;
    }
    if (!text.text.empty() || !text.logprobs.empty()) out.push_back({.choice = number, .body = std::move(text)});
    take_calls(at(delta, "tool_calls"), choice, number, out);
    if (chat_) take_rest(delta, choice, number, out);
    if (const std::string reason = text_at(json, "finish_reason"); !reason.empty()) choice.reason = reason_of(reason);
    choice.stop_sequence = text_at(json, "stop_reason");  // vLLM: which of ours it was
    if (choice.stop_sequence.empty()) choice.stop_sequence = text_at(json, "matched_stop");  // SGLang; or a token's id
  }

  static void take_rest(const JsonView& delta, Choice& choice, std::int32_t number, std::vector<Event>& out) {
    if (std::string why = text_at(delta, "refusal"); !why.empty()) {
      choice.refused = true;
      out.push_back(
          {.choice = number,
           .body = inference::TextDelta{.text = std::move(why), .logprobs = {}, .tokens = {}, .refusal = true}});
    }
    if (std::string rest = unsaid(delta); !rest.empty()) {
      out.push_back(
          {.choice = number, .body = inference::Opaque{.wire = inference::Wire::openai, .json = std::move(rest)}});
    }
  }

  static void take_calls(const JsonView& calls, Choice& choice, std::int32_t number, std::vector<Event>& out) {
    calls.each([&](const JsonView& json) {
      const JsonView function = at(json, "function");
      std::string id = text_at(json, "id");
      std::string name = text_at(function, "name");
      const std::size_t index = call_of(choice.calls, at(json, "index").integer(), id, !name.empty());
      if (index >= kToolCallsMax) return;
      inference::ToolCallDelta delta{.index = index, .id = {}, .name = {}, .arguments = text_at(function, "arguments")};
      if (index == choice.calls.size()) {
        choice.calls.push_back({.index = at(json, "index").integer(), .id = id});
        // Of all turns only this call has it: the client sends it back, perhaps to a server that wants them unique.
        delta.id = id.empty() ? random_id("call_") : std::move(id);
        delta.name = std::move(name);
      }
      out.push_back({.choice = number, .body = std::move(delta)});
    });
  }

  /// The stream has ended as far as the server is concerned: usage comes after the last choice's end, so here is where
  /// choices finish.
  void end(std::vector<Event>& out) {
    if (!is_whole()) {
      return end_with({.code = ErrorCode::upstream_error,
                       .message = "the stream ended before the answer did",
                       .param = {},
                       .retry_after = {}},
                      out);
    }
    ended_ = true;
    for (std::size_t i = 0; i < choices_.size(); ++i) {
      Choice& choice = choices_[i];
      inference::Finished finished{.reason = *choice.reason, .stop_sequence = {}, .usage = {}, .timings = {}};
      if (!choice.stop_sequence.empty() && finished.reason == inference::FinishReason::stop) {
        finished.reason = inference::FinishReason::stop_sequence;
        finished.stop_sequence = std::move(choice.stop_sequence);
      }
      if (choice.refused && finished.reason == inference::FinishReason::stop) {
        finished.reason = inference::FinishReason::content_filter;
      }
      // The server counts all choices together.
      if (i == 0) finished.usage = usage_;
      if (choice.logprobs > 0) finished.mean_logprob = choice.logprob_sum / static_cast<double>(choice.logprobs);
      out.push_back({.choice = static_cast<std::int32_t>(i), .body = std::move(finished)});
    }
  }

  void end_with(Error error, std::vector<Event>& out) {
    ended_ = true;
    out.push_back({.choice = 0, .body = inference::Failed{std::move(error)}});
  }

  const bool chat_;
  net::SseParser parser_;
  JsonLine line_;
  std::vector<Choice> choices_;
  inference::Usage usage_;
  std::string model_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<AnswerDecoder> make_openai_decoder(bool chat, std::int32_t n) {
  return std::make_unique<OpenAiDecoder>(chat, n);
}

}  // namespace hearth::provider
