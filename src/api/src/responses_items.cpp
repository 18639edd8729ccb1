// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "openai_messages.hpp"
#include "responses_request.hpp"

namespace hearth::api::openai {
namespace {

using inference::Message;
using inference::TextPart;
using Kind = JsonValue::Kind;

/// Items to messages: an assistant's reasoning, text and calls are items of their own, but one message to a template.
class ItemReader {
 public:
  explicit ItemReader(std::vector<Message>& out) : out_{out} {}

  void item(const JsonValue& value) {
    value.object([&](JsonReader& r) {
      const std::string type = r.string("type").value_or("message");
      r.ignore({"id", "status", "phase"});
      if (type == "message") {
        message(r);
      } else if (type == "function_call") {
        function_call(r);
      } else if (type == "function_call_output") {
        function_output(r);
      } else if (type == "reasoning") {
        reasoning(r);
      } else {
        r.fail("type", fmt::format("'{}' is not supported", type), ErrorCode::unsupported);
      }
    });
  }

 private:
  static void content(const JsonValue& value, Message& message) {
    if (value.is(Kind::string)) {
      message.content.emplace_back(TextPart{value.string()});
    } else {
      value.each(kMaxParts, [&](const JsonValue& part) { read_content_part(part, message.content); });
    }
  }

  void message(JsonReader& r) {
    const auto role = r.one_of("role", {"system", "developer", "user", "assistant"});
    if (!role) r.fail("role", "is required");
    Message& message = role == "assistant" ? assistant(/*fresh=*/true) : out_.emplace_back();
    message.role = role == "developer" ? "system" : role.value_or("");
    const auto value = r.value("content");
    if (!value) return r.fail("content", "is required");
    content(*value, message);
  }

  void function_call(JsonReader& r) {
    Message& message = assistant(/*fresh=*/false);
    inference::ToolCall call;
    call.id = r.required_string("call_id");
    call.name = r.required_string("name");
    call.arguments = r.required_string("arguments");
    message.tool_calls.push_back(std::move(call));
  }

  void function_output(JsonReader& r) {
    Message& message = out_.emplace_back();
    message.role = "tool";
    message.tool_call_id = r.required_string("call_id");
    const auto value = r.value("output");
    if (!value) return r.fail("output", "is required");
    content(*value, message);
  }

  void reasoning(JsonReader& r) {
    r.ignore({"summary", "encrypted_content"});
    r.each("content", kMaxParts, [&](const JsonValue& part) {
      part.object([&](JsonReader& p) {
        p.one_of("type", {"reasoning_text"});
        reasoning_ += p.required_string("text");
      });
    });
  }

  /// The assistant message that the next piece belongs to; `fresh`: one without text yet.
  Message& assistant(bool fresh) {
    const bool last = !out_.empty() && out_.back().role == "assistant";
    const bool fits = last && reasoning_.empty() && (!fresh || out_.back().content.empty());
    Message& message = fits && !(fresh && !out_.back().tool_calls.empty()) ? out_.back() : out_.emplace_back();
    message.role = "assistant";
    if (!reasoning_.empty()) message.reasoning = std::exchange(reasoning_, {});
    return message;
  }

  std::vector<Message>& out_;
  std::string reasoning_;  // waits for the message it belongs to
};

}  // namespace

void read_items(JsonReader& r, std::vector<Message>& out) {
  const auto input = r.value("input");
  if (!input) return r.fail("input", "is required");
  if (input->is(Kind::string)) {
    Message message;
    message.role = "user";
    message.content.emplace_back(TextPart{input->string()});
    out.push_back(std::move(message));
    return;
  }
  if (!input->is(Kind::array)) return input->fail("must be a string or an array of items");
  ItemReader reader{out};
  input->each(kMaxItems, [&](const JsonValue& item) { reader.item(item); });
}

}  // namespace hearth::api::openai
