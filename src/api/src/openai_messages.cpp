// SPDX-License-Identifier: Apache-2.0
#include "openai_messages.hpp"

#include <fmt/format.h>

#include "base64_decode.hpp"
#include "tool_results.hpp"

namespace hearth::api::openai {
namespace {

using inference::ImagePart;
using inference::Message;
using inference::TextPart;
using inference::ToolCall;
using Kind = JsonValue::Kind;

/// Arguments are text; some clients send the object itself.
void read_arguments(JsonReader& r, std::string& out) {
  const auto value = r.value("arguments");
  if (!value) return;
  out = value->is(Kind::object) ? value->raw() : value->string();
}

void read_tool_call(const JsonValue& value, Message& message) {
  value.object([&](JsonReader& r) {
    ToolCall call;
    call.id = r.string("id").value_or("");
    r.ignore({"index"});
    if (const auto type = r.string("type"); type && *type != "function") {
      return r.fail("type", "must be 'function'", ErrorCode::unsupported);
    }
    const bool given = r.object("function", [&](JsonReader& f) {
      call.name = f.required_string("name");
      read_arguments(f, call.arguments);
    });
    if (!given) r.fail("function", "is required");
    message.tool_calls.push_back(std::move(call));
  });
}

void read_content(JsonReader& r, Message& message) {
  const auto content = r.value("content");
  if (!content) return;
  if (content->is(Kind::string)) {
    message.content.emplace_back(TextPart{content->string()});
  } else if (content->is(Kind::array)) {
    content->each(kMaxParts, [&](const JsonValue& part) { read_content_part(part, message.content); });
  } else {
    content->fail("must be a string or an array of parts");
  }
}

/// What only an assistant message may have.
void read_assistant(JsonReader& r, Message& message, bool& continues) {
  for (const std::string_view name : {"reasoning_content", "reasoning"}) {
    if (auto text = r.string(name)) message.reasoning = *std::move(text);
  }
  r.each("tool_calls", kMaxToolCalls, [&](const JsonValue& call) { read_tool_call(call, message); });
  if (const auto refusal = r.string("refusal"); refusal && message.content.empty()) {
    message.content.emplace_back(TextPart{*refusal});
  }
  continues = r.boolean("prefix").value_or(false);
  r.ignore({"annotations"});
  r.refuse("audio", "is not supported");
  r.refuse("function_call", "is the old form; use tool_calls");
}

std::string native_role(JsonReader& r) {
  const auto role = r.one_of("role", {"system", "developer", "user", "assistant", "tool", "function"});
  if (!role) r.fail("role", "is required");
  if (role == "developer") return "system";
  if (role == "function") return "tool";
  return role.value_or("");
}

struct MessageView {
  bool continues = false;  // a beginning that the answer goes on from
  bool named = false;      // has a name that no template knows of
};

MessageView read_message(const JsonValue& value, Message& message) {
  MessageView view;
  value.object([&](JsonReader& r) {
    message.role = native_role(r);
    read_content(r, message);
    const std::string name = r.string("name").value_or("");
    if (message.role == "assistant") {
      read_assistant(r, message, view.continues);
      if (message.content.empty() && message.tool_calls.empty() && message.reasoning.empty() && !view.continues) {
        r.fail("content", "is required for an assistant message without tool_calls");
      }
    } else if (!r.value("content")) {
      r.fail("content", "is required");
    }
    if (message.role == "tool") {
      message.tool_call_id = r.string("tool_call_id").value_or("");
      message.tool_name = name;
      if (message.tool_call_id.empty() && name.empty()) r.fail("tool_call_id", "is required for a tool message");
    } else {
      view.named = !name.empty();
    }
  });
  return view;
}

}  // namespace

void read_image_url(const JsonValue& url, std::vector<inference::ContentPart>& out) {
  const std::string_view text = url.view();
  ImagePart image;
  if (text.starts_with("data:")) {
    const auto comma = text.find(',');
    const std::string_view head = text.substr(5, comma == std::string_view::npos ? 0 : comma - 5);
    auto bytes = comma == std::string_view::npos ? std::nullopt : base64_decode(text.substr(comma + 1));
    if (!head.ends_with(";base64") || !bytes) return url.fail("must be a data: URL in base64, or an http(s) URL");
    image.mime_type = std::string{head.substr(0, head.find(';'))};
    image.bytes = *std::move(bytes);
  } else if (text.starts_with("http://") || text.starts_with("https://")) {
    image.url = std::string{text};
  } else {
    return url.fail("must be a data: URL in base64, or an http(s) URL");
  }
  out.emplace_back(std::move(image));
}

void read_content_part(const JsonValue& value, std::vector<inference::ContentPart>& out) {
  value.object([&](JsonReader& r) {
    const std::string type = r.required_string("type");
    r.ignore({"cache_control"});
    if (type == "text" || type == "input_text" || type == "output_text") {
      r.ignore({"annotations", "logprobs"});
      out.emplace_back(TextPart{r.required_string("text")});
    } else if (type == "refusal") {
      out.emplace_back(TextPart{r.required_string("refusal")});
    } else if (type == "image_url" || type == "input_image") {
      r.ignore({"detail"});
      r.refuse("file_id", "is not supported; send the image as a data: URL");
      const auto url = r.value("image_url");
      if (!url) return r.fail("image_url", "is required");
      if (url->is(Kind::string)) return read_image_url(*url, out);
      url->object([&](JsonReader& i) {
        i.ignore({"detail"});
        const auto inner = i.value("url");
        if (!inner) return i.fail("url", "is required");
        read_image_url(*inner, out);
      });
    } else {
      r.fail("type", fmt::format("'{}' is not supported; use text or image_url", type), ErrorCode::unsupported);
    }
  });
}

bool read_messages(JsonReader& r, inference::ChatRequest& out) {
  bool continues = false;
  bool named = false;
  const bool given = r.each("messages", kMaxMessages, [&](const JsonValue& value) {
    if (continues) return value.fail("may not follow a message with prefix: true, which must be the last");
    const MessageView view = read_message(value, out.messages.emplace_back());
    continues = view.continues;
    named = named || view.named;
  });
  if (!given || (out.messages.empty() && !r.failed() && !r.passed_over()))
    r.fail("messages", "is required and must not be empty");
  if (continues) {
    out.continue_final_message = true;
    out.add_generation_prompt = false;
  }
  pair_tool_results(out.messages);
  return named;
}

}  // namespace hearth::api::openai
