// SPDX-License-Identifier: Apache-2.0
#include "openai_chat_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "openai_messages.hpp"
#include "openai_tools.hpp"
#include "sampling_reader.hpp"

namespace hearth::api::openai {
namespace {

using inference::Constraint;
using inference::Generation;
using Kind = JsonValue::Kind;

constexpr std::size_t kMaxTemplateArguments = 64;
/// Other fields that are read are extensions of several servers, which do not agree on their names.
constexpr auto kStandardFields = std::to_array<std::string_view>({"audio",
                                                                  "frequency_penalty",
                                                                  "function_call",
                                                                  "functions",
                                                                  "logit_bias",
                                                                  "logprobs",
                                                                  "max_tokens",
                                                                  "max_completion_tokens",
                                                                  "messages",
                                                                  "metadata",
                                                                  "modalities",
                                                                  "model",
                                                                  "n",
                                                                  "parallel_tool_calls",
                                                                  "prediction",
                                                                  "presence_penalty",
                                                                  "prompt_cache_key",
                                                                  "prompt_cache_retention",
                                                                  "reasoning_effort",
                                                                  "response_format",
                                                                  "safety_identifier",
                                                                  "seed",
                                                                  "service_tier",
                                                                  "stop",
                                                                  "store",
                                                                  "stream",
                                                                  "stream_options",
                                                                  "temperature",
                                                                  "tool_choice",
                                                                  "tools",
                                                                  "top_logprobs",
                                                                  "top_p",
                                                                  "user",
                                                                  "verbosity",
                                                                  "web_search_options"});

/// max_completion_tokens, the older max_tokens, and llama-server's n_predict, which has -1 for no limit.
void read_max_tokens(JsonReader& r, Generation& out) {
  r.read("max_tokens", out.max_tokens, 1, kMaxTokens);
  r.read("max_completion_tokens", out.max_tokens, 1, kMaxTokens);
  if (const auto n = r.integer("n_predict", -1, kMaxTokens); n && *n >= 0)
    out.max_tokens = static_cast<std::int32_t>(*n);
}

void read_logprobs(JsonReader& r, Generation& out) {
  const bool wanted = r.boolean("logprobs").value_or(false);
  const auto top = r.integer("top_logprobs", 0, kMaxTopLogprobs);
  if (top && !wanted) r.fail("top_logprobs", "needs logprobs: true");
  if (wanted) out.logprobs = static_cast<std::int32_t>(top.value_or(0));
}

void read_response_format(JsonReader& r, Constraint& out) {
  r.object("response_format", [&](JsonReader& f) {
    const auto type = f.one_of("type", {"text", "json_object", "json_schema"});
    if (!type) f.fail("type", "is required");
    if (type == "json_object") {
      // llama-server's extension: a schema beside json_object.
      const auto schema = f.value("schema");
      const auto kind = schema ? Constraint::Kind::json_schema : Constraint::Kind::json_object;
      set_constraint(f, "type", out, {kind, schema ? schema->raw() : std::string{}, {}});
    } else if (type == "json_schema") {
      const bool given = f.object("json_schema", [&](JsonReader& s) { read_named_schema(s, "schema", out); });
      if (!given) f.fail("json_schema", "is required");
    }
  });
}

void read_reasoning(JsonReader& r, ChatCall& out) {
  inference::Reasoning& reasoning = out.request.reasoning;
  const auto effort = r.one_of("reasoning_effort", {"none", "minimal", "low", "medium", "high", "xhigh", "max"});
  if (effort) set_effort(*effort, reasoning, out.view);
  for (const std::string_view name : {"reasoning_budget_tokens", "thinking_budget_tokens", "reasoning_budget"}) {
    if (const auto n = r.integer(name, -1, kMaxTokens); n && *n >= 0) {
      reasoning.budget_tokens = static_cast<std::int32_t>(*n);
    }
  }
  if (const auto format = r.one_of("reasoning_format", {"none", "auto", "deepseek"})) {
    reasoning.separate = *format != "none";
  }
}

void read_template(JsonReader& r, inference::ChatRequest& out) {
  if (const auto arguments = r.value("chat_template_kwargs")) {
    arguments->each_field(kMaxTemplateArguments, [&](std::string_view key, const JsonValue& value) {
      out.template_arguments.insert_or_assign(std::string{key}, value.raw());
      if (key == "enable_thinking" && value.is(Kind::boolean)) out.reasoning.enabled = value.boolean();
    });
  }
  if (const auto v = r.boolean("continue_final_message")) {
    out.continue_final_message = *v;
    if (*v) out.add_generation_prompt = false;
  }
  if (const auto v = r.boolean("add_generation_prompt")) out.add_generation_prompt = *v;
  if (out.continue_final_message && out.add_generation_prompt) {
    r.fail("add_generation_prompt", "cannot be combined with continue_final_message");
  }
  if (out.continue_final_message && !out.messages.empty() && out.messages.back().role != "assistant") {
    r.fail("continue_final_message", "needs an assistant message at the end of messages");
  }
}

/// Fields of the API that would change the answer and that no local model can honour.
void refuse_unsupported(JsonReader& r) {
  r.each("modalities", 8, [](const JsonValue& v) {
    if (v.view() != "text") v.fail("must be text; nothing else is supported", ErrorCode::unsupported);
  });
  r.refuse("audio", "is not supported");
  r.refuse("web_search_options", "is not supported");
  r.refuse("functions", "is the old form; use tools");
  r.refuse("function_call", "is the old form; use tool_choice");
  if (const auto v = r.one_of("verbosity", {"low", "medium", "high"}); v && *v != "medium") {
    r.fail("verbosity", "is not supported; ask for it in the prompt", ErrorCode::unsupported);
  }
  if (r.boolean("store").value_or(false)) {
    r.fail("store", "is not supported: chat completions are not kept; use /v1/responses", ErrorCode::unsupported);
  }
}

void read_body(JsonReader& r, ChatCall& out) {
  inference::ChatRequest& request = out.request;
  Generation& generation = request.generation;
  request.model = r.string("model").value_or("");
  if (read_messages(r, request)) out.view.degraded.emplace_back("messages.name");
  read_tools(r, ToolShape::chat, request);
  read_max_tokens(r, generation);
  read_stop(r, "stop", generation.stop);
  if (const auto n = r.integer("n", 1, inference::kMaxChoices)) generation.n = static_cast<std::int32_t>(*n);
  read_logprobs(r, generation);
  read_sampling(r, generation.sampling);
  read_response_format(r, generation.constraint);
  read_constraint(r, generation.constraint);
  read_engine_fields(r, generation);
  read_reasoning(r, out);
  read_template(r, request);
  out.standard = std::ranges::all_of(r.names(), [](std::string_view name) {
    return std::ranges::find(kStandardFields, name) != kStandardFields.end();
  });
  read_view(r, out.view);
  ignore_account_fields(r);
  refuse_unsupported(r);
  if (generation.constraint.kind == Constraint::Kind::gbnf && !request.tools.empty()) {
    r.fail("grammar", "cannot be combined with tools");
  }
}

}  // namespace

void read_view(JsonReader& r, View& view) {
  view.stream = r.boolean("stream").value_or(false);
  const bool options = r.object("stream_options", [&](JsonReader& o) {
    view.include_usage = o.boolean("include_usage").value_or(false);
    o.ignore({"include_obfuscation"});
  });
  if (options && !view.stream) r.fail("stream_options", "needs stream: true");
}

void ignore_account_fields(JsonReader& r) {
  // About who pays, how it is counted and where prompts are cached; `prediction` is a hint for speed.
  r.ignore({"user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prediction"});
  r.one_of("service_tier", {"auto", "default", "flex", "priority", "scale"});
}

void set_effort(const std::string& effort, inference::Reasoning& out, View& view) {
  if (effort == "none") {
    out.enabled = false;
    return;
  }
  out.effort = effort == "minimal" ? "low" : effort == "xhigh" || effort == "max" ? "high" : effort;
  if (out.effort != effort) view.degraded.push_back(fmt::format("reasoning_effort={};asked={}", out.effort, effort));
}

Result<ChatCall> read_chat(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  ChatCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) { read_body(r, out); }));
  return out;
}

Result<ChatCall> read_chat_leniently(std::string_view body) {
  HEARTH_TRY(JsonDocument document, JsonDocument::parse(body));
  ChatCall out;
  HEARTH_TRY(out.beyond, document.read_leniently([&](JsonReader& r) { read_body(r, out); }));
  return out;
}

}  // namespace hearth::api::openai
