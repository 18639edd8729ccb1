// SPDX-License-Identifier: Apache-2.0
#include "openai_completion_response.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <iterator>
#include <numeric>

#include "hearth/base/text.hpp"
#include "json_write.hpp"

namespace hearth::api::openai {
namespace {

using namespace inference;

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

void add_prompt(LegacyLogprobs& out, const std::vector<TokenLogprob>& prompt) {
  for (std::size_t i = 0; i < prompt.size(); ++i) out.add(prompt[i], i == 0);
}

Json choice_json(std::size_t index, const CollectedChoice& choice, const std::string& echo,
                 const CompletionView& view) {
  Json logprobs;
  if (view.logprobs) {
    LegacyLogprobs legacy{0};
    if (view.echo) add_prompt(legacy, choice.prompt.prompt_logprobs);
    for (const TokenLogprob& token : choice.logprobs) legacy.add(token);
    logprobs = legacy.take();
  }
  return Json{{"text", echo + choice.text},
              {"index", index},
              {"logprobs", std::move(logprobs)},
              {"finish_reason", finish_word(choice.finished.reason)}};
}

/// Positions of the `shown` best of [first, first + count), best first; in their own order when all are shown.
std::vector<std::size_t> best(const std::vector<CollectedChoice>& choices, std::size_t first,
                              const CompletionView& view) {
  const std::size_t count = std::min(view.per_prompt, choices.size() - first);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), first);
  if (view.shown >= count) return order;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const auto compared = std::strong_order(choices[a].finished.mean_logprob, choices[b].finished.mean_logprob);
    return compared != 0 ? compared > 0 : a < b;
  });
  order.resize(view.shown);
  return order;
}

}  // namespace

void LegacyLogprobs::add(const TokenLogprob& token, bool unknown) {
  const std::string shown = text::to_valid_utf8(token.bytes);
  tokens_.push_back(shown);
  logprobs_.push_back(unknown ? Json{} : Json(token.logprob));
  Json top = Json::object();
  for (const auto& other : token.top) top.emplace(text::to_valid_utf8(other.bytes), other.logprob);
  top_.push_back(unknown ? Json{} : std::move(top));
  offsets_.push_back(offset_);
  offset_ += characters(token.bytes);
}

Json LegacyLogprobs::take() {
  Json out{{"tokens", std::exchange(tokens_, Json::array())},
           {"token_logprobs", std::exchange(logprobs_, Json::array())},
           {"top_logprobs", std::exchange(top_, Json::array())},
           {"text_offset", std::exchange(offsets_, Json::array())}};
  return out;
}

std::string completion_body(const Head& head, const std::vector<CollectedChoice>& choices, const CompletionView& view) {
  Json list = Json::array();
  for (std::size_t first = 0; first < choices.size(); first += view.per_prompt) {
    const std::string echo = view.echo ? view.echoes[first / view.per_prompt] : std::string{};
    for (const std::size_t i : best(choices, first, view))
      list.push_back(choice_json(list.size(), choices[i], echo, view));
  }
  std::string out = R"({"id":)";
  append_json_string(out, head.id);
  fmt::format_to(std::back_inserter(out), R"(,"object":"text_completion","created":{},"model":)", head.created);
  append_json_string(out, head.model);
  out += R"(,"choices":)";
  out += dump(list);
  out += R"(,"usage":)";
  append_usage(out, total_usage(choices, view.per_prompt));
  out += R"(,"system_fingerprint":)";
  append_json_string(out, head.fingerprint);
  out += '}';
  return out;
}

CompletionEncoder::CompletionEncoder(const Head& head, CompletionView view, std::size_t choices, bool include_usage)
    : view_{std::move(view)}, include_usage_{include_usage}, logprobs_(choices, LegacyLogprobs{0}) {
  head_ = R"(data: {"id":)";
  append_json_string(head_, head.id);
  head_ += fmt::format(R"(,"object":"text_completion","created":{},"model":)", head.created);
  append_json_string(head_, head.model);
  head_ += R"(,"system_fingerprint":)";
  append_json_string(head_, head.fingerprint);
  head_ += R"(,"choices":[)";
  tail_ = include_usage ? R"(],"usage":null})" : "]}";
  tail_ += "\n\n";
}

void CompletionEncoder::chunk(std::size_t choice, std::string_view text, const Json& logprobs, std::string_view finish,
                              std::string& out) const {
  out += head_;
  out += R"({"text":)";
  append_json_string(out, text);
  fmt::format_to(std::back_inserter(out), R"(,"index":{},"logprobs":{},"finish_reason":)", choice,
                 logprobs.is_null() ? std::string{"null"} : dump(logprobs));
  if (finish.empty()) {
    out += "null";
  } else {
    append_json_string(out, finish);
  }
  out += '}';
  out += tail_;
}

void CompletionEncoder::event(const Event& event, std::string& out) {
  const auto choice = static_cast<std::size_t>(event.choice);
  LegacyLogprobs& legacy = logprobs_[choice];
  if (const auto* prompt = std::get_if<PromptDone>(&event.body); prompt != nullptr && view_.echo) {
    add_prompt(legacy, prompt->prompt_logprobs);
    const Json logprobs = view_.logprobs ? legacy.take() : Json{};
    chunk(choice, view_.echoes[choice / view_.per_prompt], logprobs, {}, out);
  } else if (const auto* delta = std::get_if<TextDelta>(&event.body)) {
    for (const TokenLogprob& token : delta->logprobs) legacy.add(token);
    const Json logprobs = view_.logprobs && !delta->logprobs.empty() ? legacy.take() : Json{};
    if (!delta->text.empty() || !logprobs.is_null()) chunk(choice, delta->text, logprobs, {}, out);
  } else if (const auto* finished = std::get_if<Finished>(&event.body)) {
    chunk(choice, {}, {}, finish_word(finished->reason), out);
    count(choice, finished->usage);
  }
}

void CompletionEncoder::count(std::size_t choice, const Usage& usage) {
  if (choice % view_.per_prompt == 0) {
    usage_.prompt_tokens += usage.prompt_tokens;
    usage_.cached_tokens += usage.cached_tokens;
  }
  usage_.completion_tokens += usage.completion_tokens;
  usage_.reasoning_tokens += usage.reasoning_tokens;
  if (usage.cost_usd) usage_.cost_usd = usage_.cost_usd.value_or(0) + *usage.cost_usd;
}

void CompletionEncoder::failed(const Error& error, std::string& out) {
  out += "data: ";
  out += error_body(Family::openai, error, {});
  out += "\n\n";
}

void CompletionEncoder::end(std::string& out) {
  if (include_usage_) {
    out += head_;
    out += R"(],"usage":)";
    append_usage(out, usage_);
    out += "}\n\n";
  }
  out += "data: [DONE]\n\n";
}

}  // namespace hearth::api::openai
