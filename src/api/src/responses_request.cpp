// SPDX-License-Identifier: Apache-2.0
#include "responses_request.hpp"

#include "openai_tools.hpp"
#include "sampling_reader.hpp"

namespace hearth::api::openai {
namespace {

using inference::Constraint;

constexpr std::size_t kMaxIncludes = 16;

/// A field as the client sent it, for the response object.
Json echoed(JsonReader& r, std::string_view name, Json otherwise) {
  const auto value = r.value(name);
  return value ? Json::parse(value->raw()) : std::move(otherwise);
}

void read_format(JsonReader& text, Constraint& out) {
  text.object("format", [&](JsonReader& f) {
    const auto type = f.one_of("type", {"text", "json_object", "json_schema"});
    if (!type) f.fail("type", "is required");
    if (type == "json_object") set_constraint(f, "type", out, {Constraint::Kind::json_object, {}, {}});
    if (type == "json_schema") read_named_schema(f, "schema", out);
  });
}

void read_text(JsonReader& r, Constraint& out) {
  r.object("text", [&](JsonReader& t) {
    read_format(t, out);
    if (const auto v = t.one_of("verbosity", {"low", "medium", "high"}); v && *v != "medium") {
      t.fail("verbosity", "is not supported; ask for it in the prompt", ErrorCode::unsupported);
    }
  });
}

void read_reasoning(JsonReader& r, ResponsesCall& out) {
  r.object("reasoning", [&](JsonReader& o) {
    const auto effort = o.one_of("effort", {"none", "minimal", "low", "medium", "high", "xhigh", "max"});
    if (effort) set_effort(*effort, out.request.reasoning, out.view);
    // Open models show their reasoning itself; a summary of it is made by nobody here.
    for (const std::string_view name : {"summary", "generate_summary"}) {
      if (const auto v = o.one_of(name, {"auto", "concise", "detailed"}); v && *v != "auto") {
        o.fail(name, "is not supported; the reasoning itself is returned", ErrorCode::unsupported);
      }
    }
  });
}

void read_logprobs(JsonReader& r, ResponsesCall& out) {
  const auto top = r.integer("top_logprobs", 0, kMaxTopLogprobs);
  r.each("include", kMaxIncludes, [&](const JsonValue& item) {
    if (item.view() == "message.output_text.logprobs") {
      out.logprobs = true;
    } else if (item.view() != "reasoning.encrypted_content") {  // of models that hide it; here nothing is hidden
      item.fail("is not supported", ErrorCode::unsupported);
    }
  });
  out.logprobs = out.logprobs || top.value_or(0) > 0;
  if (out.logprobs) out.request.generation.logprobs = static_cast<std::int32_t>(top.value_or(0));
}

void refuse_unsupported(JsonReader& r) {
  if (r.boolean("background").value_or(false)) {
    r.fail("background", "is not supported; stream the response instead", ErrorCode::unsupported);
  }
  if (const auto v = r.one_of("truncation", {"disabled", "auto"}); v == "auto") {
    r.fail("truncation", "auto is not supported: nothing is cut silently; shorten the input", ErrorCode::unsupported);
  }
  r.refuse("conversation", "is not supported; use previous_response_id");
  r.refuse("prompt", "is not supported; send instructions and input");
  r.refuse("context_management", "is not supported");
  r.ignore({"max_tool_calls"});  // counts calls of built-in tools, of which there are none
}

/// In the order of OpenAI's own objects.
Json make_echo(JsonReader& r, const ResponsesCall& call) {
  const auto optional = [](const auto& v) { return v ? Json(*v) : Json{}; };
  const inference::Generation& g = call.request.generation;
  return Json{{"instructions", call.instructions.empty() ? Json{} : Json(call.instructions)},
              {"max_output_tokens", optional(g.max_tokens)},
              {"max_tool_calls", nullptr},
              {"metadata", echoed(r, "metadata", Json::object())},
              {"parallel_tool_calls", call.request.parallel_tool_calls.value_or(true)},
              {"previous_response_id", call.previous_response_id.empty() ? Json{} : Json(call.previous_response_id)},
              {"reasoning", echoed(r, "reasoning", Json{{"effort", nullptr}, {"summary", nullptr}})},
              {"service_tier", "default"},
              {"store", call.store},
              {"temperature", optional(g.sampling.temperature)},
              {"text", echoed(r, "text", Json{{"format", Json{{"type", "text"}}}})},
              {"tool_choice", echoed(r, "tool_choice", "auto")},
              {"tools", echoed(r, "tools", Json::array())},
              {"top_logprobs", g.logprobs.value_or(0)},
              {"top_p", optional(g.sampling.top_p)},
              {"truncation", "disabled"},
              {"user", echoed(r, "user", nullptr)}};
}

void read_body(JsonReader& r, ResponsesCall& out) {
  inference::Generation& generation = out.request.generation;
  out.request.model = r.string("model").value_or("");
  out.instructions = r.string("instructions").value_or("");
  out.previous_response_id = r.string("previous_response_id").value_or("");
  out.store = r.boolean("store").value_or(true);
  read_items(r, out.request.messages);
  read_tools(r, ToolShape::responses, out.request);
  r.read("max_output_tokens", generation.max_tokens, 1, kMaxTokens);
  read_stop(r, "stop", generation.stop);
  read_sampling(r, generation.sampling);
  read_logprobs(r, out);
  read_text(r, generation.constraint);
  read_constraint(r, generation.constraint);
  read_engine_fields(r, generation);
  read_reasoning(r, out);
  read_view(r, out.view);
  ignore_account_fields(r);
  refuse_unsupported(r);
  if (!r.failed()) out.echo = make_echo(r, out);
}

}  // namespace

Result<ResponsesCall> read_responses(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  ResponsesCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) { read_body(r, out); }));
  return out;
}

}  // namespace hearth::api::openai
