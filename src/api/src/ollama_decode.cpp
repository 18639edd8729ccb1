// SPDX-License-Identifier: Apache-2.0
#include "ollama_decode.hpp"

#include <fmt/format.h>

#include <limits>

#include "hearth/models/go_template.hpp"
#include "ollama_fields.hpp"
#include "tool_results.hpp"

namespace hearth::api::ollama {
namespace {

using Kind = JsonValue::Kind;
using inference::Message;

void read_tool_call(JsonReader& r, Message& message) {
  inference::ToolCall call;
  call.id = r.string("id").value_or("");
  r.one_of("type", {"function"});
  const bool found = r.object("function", [&](JsonReader& function) {
    function.ignore({"index"});
    call.name = function.required_string("name");
    const auto arguments = function.value("arguments");
    if (arguments && !arguments->is(Kind::object)) arguments->fail("must be an object, not text");
    call.arguments = arguments ? arguments->raw() : "{}";
  });
  if (!found) r.fail("function", "is required");
  message.tool_calls.push_back(std::move(call));
}

void read_message(const JsonValue& value, std::vector<Message>& out) {
  value.object([&](JsonReader& r) {
    Message message;
    message.role = r.one_of("role", {"system", "user", "assistant", "tool"}).value_or("");
    if (message.role.empty()) r.fail("role", "is required: system, user, assistant or tool");
    if (auto content = r.string("content")) message.content.emplace_back(inference::TextPart{std::move(*content)});
    message.reasoning = r.string("thinking").value_or("");
    message.tool_name = r.string("tool_name").value_or("");
    message.tool_call_id = r.string("tool_call_id").value_or("");
    read_images(r, message);
    r.each("tool_calls", kMaxToolCalls,
           [&](const JsonValue& item) { item.object([&](JsonReader& call) { read_tool_call(call, message); }); });
    out.push_back(std::move(message));
  });
}

/// Go's templates alone, as Ollama takes them. Jinja has macros that call themselves and ranges without end, and is
/// bounded in neither stack nor memory: it comes with models only, from who may manage them.
void read_template(JsonReader& r, inference::ChatRequest& chat) {
  const auto value = r.value("template");
  if (!value) return;
  if (models::is_jinja(value->view())) {
    return value->fail("can only be Go's here; create a model with this template", ErrorCode::unsupported);
  }
  Result<std::string> jinja = models::to_jinja(value->view());
  if (!jinja) return value->fail(fmt::format("cannot be used: {}", jinja.error().message), jinja.error().code);
  chat.template_override = *std::move(jinja);
}

void add_message(inference::ChatRequest& chat, const char* role, std::string text) {
  Message message;
  message.role = role;
  message.content.emplace_back(inference::TextPart{std::move(text)});
  chat.messages.push_back(std::move(message));
}

void read_history(JsonReader& r, std::vector<inference::TokenId>& out) {
  r.each("context", kMaxHistory, [&](const JsonValue& token) {
    out.push_back(static_cast<inference::TokenId>(token.integer(0, std::numeric_limits<inference::TokenId>::max())));
  });
}

/// Which fields exclude each other.
void check_generate(JsonReader& r, const GenerateCall& call, bool raw, bool suffix) {
  const bool thinks = call.chat.reasoning.enabled.value_or(false);
  if (raw && (r.has("system") || r.has("template") || r.has("context"))) {
    r.fail("raw", "does not go with system, template or context");
  }
  if (suffix && (!call.chat.messages.empty() || r.has("template") || r.has("context"))) {
    r.fail("suffix", "does not go with system, template or context");
  }
  if ((raw || suffix) && thinks) r.fail("think", "needs the model's template: leave out raw and suffix");
  if (!call.history.empty() && thinks) r.fail("think", "does not go with context; use /api/chat");
}

void read_generate(JsonReader& r, GenerateCall& out) {
  inference::ChatRequest& chat = out.chat;
  read_common(r, out.common, chat.generation);
  read_output(r, chat.generation);
  read_think(r, chat.reasoning);
  read_template(r, chat);
  read_history(r, out.history);
  refuse_cutting(r);
  for (const std::string_view name : {"width", "height", "steps"}) {
    r.refuse(name, "is for models that make images; none is served here");
  }
  out.stream = r.boolean("stream").value_or(true);
  const bool raw = r.boolean("raw").value_or(false);
  std::string prompt = r.string("prompt").value_or("");
  std::optional<std::string> suffix = r.string("suffix");
  if (suffix && suffix->empty()) suffix.reset();
  if (auto system = r.string("system"); system && !system->empty()) add_message(chat, "system", std::move(*system));
  check_generate(r, out, raw, suffix.has_value());
  out.load_only = prompt.empty() && !suffix;
  chat.model = out.common.model;
  if (raw || suffix) {
    out.completion.emplace();
    out.completion->model = chat.model;
    out.completion->prompt = std::move(prompt);
    out.completion->suffix = std::move(suffix);
    out.completion->generation = std::move(chat.generation);
  } else {
    add_message(chat, "user", std::move(prompt));
    if (out.history.empty()) read_images(r, chat.messages.back());
  }
  if ((out.completion || !out.history.empty()) && r.has("images")) {
    r.fail("images", "does not go with raw, suffix or context", ErrorCode::unsupported);
  }
}

}  // namespace

Result<ChatCall> decode_chat(std::string_view body) {
  HEARTH_TRY(JsonDocument document, JsonDocument::parse(body));
  ChatCall out;
  HEARTH_TRY(out.beyond, document.read_leniently([&](JsonReader& r) {
    inference::ChatRequest& chat = out.chat;
    read_common(r, out.common, chat.generation);
    read_output(r, chat.generation);
    read_think(r, chat.reasoning);
    refuse_cutting(r);
    r.each("messages", kMaxMessages, [&](const JsonValue& item) { read_message(item, chat.messages); });
    pair_tool_results(chat.messages);
    read_tools(r, chat.tools);
    out.stream = r.boolean("stream").value_or(true);
    out.load_only = chat.messages.empty() && !r.passed_over();
    chat.model = out.common.model;
    if (!chat.messages.empty() && chat.messages.back().role == "assistant") {
      chat.continue_final_message = true;
      chat.add_generation_prompt = false;
    }
  }));
  return out;
}

Result<GenerateCall> decode_generate(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  GenerateCall out;
  HEARTH_CHECKED(document.read([&](JsonReader& r) { read_generate(r, out); }));
  return out;
}

Result<EmbedCall> decode_embed(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  EmbedCall out;
  inference::Generation unused;  // sampling options mean nothing to an embedding
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    read_common(r, out.common, unused);
    out.may_truncate = r.boolean("truncate").value_or(false);
    r.read("dimensions", out.request.dimensions, 1, 1 << 20);
    for (std::string& text : r.strings("input", kMaxInputs).value_or(std::vector<std::string>{})) {
      out.request.inputs.emplace_back(std::move(text));
    }
    out.request.model = out.common.model;
  }));
  return out;
}

Result<EmbedCall> decode_embeddings(std::string_view body) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  EmbedCall out;
  inference::Generation unused;
  HEARTH_CHECKED(document.read([&](JsonReader& r) {
    read_common(r, out.common, unused);
    if (auto prompt = r.string("prompt"); prompt && !prompt->empty()) {
      out.request.inputs.emplace_back(std::move(*prompt));
    }
    out.request.model = out.common.model;
    out.request.normalize = false;
  }));
  return out;
}

}  // namespace hearth::api::ollama
