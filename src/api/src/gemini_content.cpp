// SPDX-License-Identifier: Apache-2.0
#include "gemini_content.hpp"

#include <fmt/format.h>

#include "base64_decode.hpp"

namespace hearth::api::gemini {
namespace {

using Kind = JsonValue::Kind;

/// The protocol wants an object; one with nothing but a text in it was made for that, and models read the text better.
std::string words_of(const JsonValue& response) {
  std::string words = response.raw();
  if (response.size() != 1) return words;
  response.each_field(1, [&](std::string_view key, const JsonValue& value) {
    if ((key == "result" || key == "output") && value.is(Kind::string)) words = value.string();
  });
  return words;
}

bool has_content(const inference::Message& message) {
  return !message.content.empty() || !message.reasoning.empty() || !message.tool_calls.empty();
}

}  // namespace

void ContentReader::inline_data(inference::Message& message, JsonReader& data) {
  const std::string type = data.required_string("mimeType");
  data.ignore({"displayName"});
  auto bytes = base64_decode(data.required_string("data"));
  if (!type.starts_with("image/")) {
    return data.fail("mimeType", fmt::format("'{}' is not supported; images are", type), ErrorCode::unsupported);
  }
  if (!bytes) return data.fail("data", "must be base64");
  message.content.emplace_back(inference::ImagePart{.mime_type = type, .bytes = *std::move(bytes), .url = {}});
}

void ContentReader::call(inference::Message& message, JsonReader& function) {
  inference::ToolCall call;
  call.name = function.required_string("name");
  call.id = function.string("id").value_or("");
  const auto arguments = function.value("args");
  if (arguments && !arguments->is(Kind::object)) arguments->fail("must be an object");
  call.arguments = arguments ? arguments->raw() : "{}";
  called_.insert(call.name);
  message.tool_calls.push_back(std::move(call));
}

void ContentReader::result(JsonReader& function) {
  inference::Message result;
  result.role = "tool";
  result.tool_name = function.required_string("name");
  result.tool_call_id = function.string("id").value_or("");
  if (result.tool_call_id.empty() && !called_.contains(result.tool_name)) {
    return function.fail("name", "is the name of no functionCall before it");
  }
  function.ignore({"willContinue", "scheduling"});
  function.refuse("parts", "is not supported; put the result into response");
  const auto response = function.value("response");
  if (!response || !response->is(Kind::object)) return function.fail("response", "is required and must be an object");
  result.content.emplace_back(inference::TextPart{words_of(*response)});
  out_.push_back(std::move(result));
}

void ContentReader::part(inference::Message& message, JsonReader& r) {
  r.ignore({"partMetadata", "mediaResolution"});
  const std::string signature = r.string("thoughtSignature").value_or("");  // only that of a call is kept
  const bool thought = r.boolean("thought").value_or(false);
  if (auto text = r.string("text")) {
    if (thought) {
      message.reasoning += *text;
    } else if (!text->empty()) {
      message.content.emplace_back(inference::TextPart{*std::move(text)});
    }
    return;
  }
  for (const std::string_view done : {"executableCode", "codeExecutionResult"}) {
    if (r.has(done)) return r.refuse(done, "comes from a server tool, and this server runs none");
  }
  const bool known = r.object("inlineData", [&](JsonReader& data) {
    inline_data(message, data);
  }) || r.object("fileData", [&](JsonReader& file) {
    inference::ImagePart image;
    image.mime_type = file.string("mimeType").value_or("");
    image.url = file.required_string("fileUri");
    message.content.emplace_back(std::move(image));
  }) || r.object("functionCall", [&](JsonReader& function) {
    call(message, function);
    message.tool_calls.back().signature = signature;
  }) || r.object("functionResponse", [&](JsonReader& function) { result(function); });
  if (!known) r.fail("text", "is required, or inlineData, fileData, functionCall or functionResponse");
}

void ContentReader::content(const JsonValue& value) {
  value.object([&](JsonReader& r) {
    const std::string role = r.one_of("role", {"user", "model", "function", "system"}).value_or("user");
    inference::Message message;
    message.role = role == "model" ? "assistant" : role == "system" ? "system" : "user";
    if (!r.each("parts", kMaxParts,
                [&](const JsonValue& item) { item.object([&](JsonReader& p) { part(message, p); }); })) {
      r.fail("parts", "is required");
    }
    if (has_content(message)) out_.push_back(std::move(message));
  });
}

void ContentReader::system(const JsonValue& value) {
  const std::string text = value.is(Kind::string) ? value.string() : text_of(value);
  if (!text.empty()) {
    inference::Message message;
    message.role = "system";
    message.content.emplace_back(inference::TextPart{text});
    out_.push_back(std::move(message));
  }
}

std::string text_of(const JsonValue& content) {
  std::string text;
  content.object([&](JsonReader& r) {
    r.ignore({"role"});
    r.each("parts", kMaxParts, [&](const JsonValue& item) {
      item.object([&](JsonReader& part) { text += part.required_string("text"); });
    });
  });
  return text;
}

}  // namespace hearth::api::gemini
