// SPDX-License-Identifier: Apache-2.0
#include "anthropic_content.hpp"

#include <fmt/format.h>

#include "anthropic_decode.hpp"
#include "base64_decode.hpp"

namespace hearth::api::anthropic {
namespace {

using Kind = JsonValue::Kind;

constexpr std::string_view kNoBlock = "is a content block that this server cannot give to a model";

void add_text(inference::Message& message, std::string text) {
  message.content.emplace_back(inference::TextPart{std::move(text)});
}

bool has_content(const inference::Message& message) {
  return !message.content.empty() || !message.reasoning.empty() || !message.tool_calls.empty();
}

}  // namespace

void ContentReader::text(inference::Message& message, JsonReader& r) {
  r.ignore({"cache_control"});
  r.refuse("citations", "is not supported: answers have no citations");
  add_text(message, r.required_string("text"));
}

void ContentReader::system(const JsonValue& value) {
  inference::Message message;
  message.role = "system";
  if (value.is(Kind::array)) {
    value.each(kMaxBlocks, [&](const JsonValue& item) {
      item.object([&](JsonReader& r) {
        r.one_of("type", {"text"});
        text(message, r);
      });
    });
  } else {
    add_text(message, value.string());
  }
  if (has_content(message)) out_.push_back(std::move(message));
}

void ContentReader::message(const JsonValue& value) {
  value.object([&](JsonReader& r) {
    const std::string role = r.one_of("role", {"user", "assistant", "system"}).value_or("");
    if (role.empty()) r.fail("role", "is required: user or assistant");
    const auto content = r.value("content");
    if (!content) return r.fail("content", "is required and must be a string or an array of blocks");
    if (role == "system") return system(*content);
    if (content->is(Kind::array)) return blocks(role, *content);
    inference::Message message;
    message.role = role;
    add_text(message, content->string());
    out_.push_back(std::move(message));
  });
}

void ContentReader::blocks(const std::string& role, const JsonValue& content) {
  inference::Message message;
  message.role = role;
  if (content.size() == 0) content.fail("must not be empty");
  content.each(kMaxBlocks, [&](const JsonValue& item) { item.object([&](JsonReader& r) { block(message, r); }); });
  if (has_content(message)) out_.push_back(std::move(message));
}

void ContentReader::block(inference::Message& message, JsonReader& r) {
  const std::string type = r.required_string("type");
  const bool assistant = message.role == "assistant";
  if (type == "text") return text(message, r);
  if (type == "tool_use" && assistant) return tool_use(message, r);
  if (type == "tool_result" && !assistant) return tool_result(r);
  if (type == "thinking" && assistant) {
    r.ignore({"cache_control"});
    sealed_ = sealed_ && !r.string("signature").value_or("").empty();
    message.reasoning += r.required_string("thinking");
    return;
  }
  if (type == "image" && !assistant) return image(message, r);
  if (type == "tool_use" || type == "tool_result" || type == "thinking") {
    return r.fail("type", fmt::format("'{}' does not belong into a message of role {}", type, message.role));
  }
  r.fail("type", fmt::format("'{}' {}", type, kNoBlock), ErrorCode::unsupported);
}

void ContentReader::image(inference::Message& message, JsonReader& r) {
  r.ignore({"cache_control"});
  const bool given = r.object("source", [&](JsonReader& source) {
    inference::ImagePart image;
    const std::string type = source.required_string("type");
    if (type == "url") {
      image.url = source.required_string("url");
    } else if (type == "base64") {
      image.mime_type = source.required_string("media_type");
      auto bytes = base64_decode(source.required_string("data"));
      if (!bytes) return source.fail("data", "must be base64");
      image.bytes = *std::move(bytes);
    } else {
      return source.fail("type", fmt::format("'{}' is not supported; base64 and url are", type),
                         ErrorCode::unsupported);
    }
    message.content.emplace_back(std::move(image));
  });
  if (!given) r.fail("source", "is required");
}

void ContentReader::tool_use(inference::Message& message, JsonReader& r) {
  r.ignore({"cache_control", "caller"});
  inference::ToolCall call;
  call.id = r.required_string("id");
  call.name = r.required_string("name");
  const auto input = r.value("input");
  if (input && !input->is(Kind::object)) input->fail("must be an object");
  call.arguments = input ? input->raw() : "{}";
  tool_names_[call.id] = call.name;
  message.tool_calls.push_back(std::move(call));
}

void ContentReader::tool_result(JsonReader& r) {
  r.ignore({"cache_control"});
  inference::Message result;
  result.role = "tool";
  result.tool_call_id = r.required_string("tool_use_id");
  const auto name = tool_names_.find(result.tool_call_id);
  if (name == tool_names_.end()) {
    return r.fail("tool_use_id", "names no tool_use block of an earlier assistant message");
  }
  result.tool_name = name->second;
  // Templates know no failed result; the model is told in words, as it would read in a log.
  const bool failed = r.boolean("is_error").value_or(false);
  const auto content = r.value("content");
  if (failed) add_text(result, "Error: ");
  if (content && content->is(Kind::array)) {
    content->each(kMaxBlocks, [&](const JsonValue& item) {
      item.object([&](JsonReader& part) {
        const std::string type = part.required_string("type");
        if (type == "text") return text(result, part);
        part.fail("type", fmt::format("'{}' {}", type, kNoBlock), ErrorCode::unsupported);
      });
    });
  } else if (content) {
    add_text(result, content->string());
  }
  out_.push_back(std::move(result));
}

}  // namespace hearth::api::anthropic
