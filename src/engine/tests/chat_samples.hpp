// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chat_stream.hpp"
#include "hearth/engine/chat_format.hpp"

namespace hearth::engine::chat_test {

inline std::string template_text(const std::string& name) {
  std::ifstream file{std::string{HEARTH_LLAMA_SOURCE_DIR} + "/models/templates/" + name + ".jinja"};
  return {std::istreambuf_iterator<char>{file}, {}};
}

inline std::unique_ptr<ChatFormat> format_of(const std::string& name) {
  auto format = ChatFormat::create(nullptr, template_text(name));
  return format ? std::move(*format) : nullptr;
}

inline inference::Message message(std::string role, std::string text) {
  inference::Message out;
  out.role = std::move(role);
  out.content.emplace_back(inference::TextPart{std::move(text)});
  return out;
}

inline inference::ChatRequest hello() {
  inference::ChatRequest request;
  request.messages.push_back(message("user", "Hello"));
  return request;
}

inline inference::Tool weather_tool() {
  return {.name = "get_weather",
          .description = "The weather of a city",
          .parameters = R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})"};
}

inline inference::Tool clock_tool() {
  return {.name = "get_time", .description = "The time", .parameters = R"({"type":"object","properties":{}})"};
}

inline inference::ChatRequest hello_with_tools() {
  inference::ChatRequest request = hello();
  request.tools = {weather_tool(), clock_tool()};
  request.parallel_tool_calls = true;
  return request;
}

/// What a client ends up with.
struct Collected {
  std::string content;
  std::string reasoning;
  std::vector<inference::ToolCall> calls;
  std::size_t deltas = 0;
  std::string complaint;  // of the order of deltas

  void add(const std::vector<ChatDelta>& more) {
    for (const ChatDelta& delta : more) add(delta);
  }

 private:
  void add(const ChatDelta& delta) {
    ++deltas;
    if (const auto* text = std::get_if<inference::TextDelta>(&delta)) content += text->text;
    if (const auto* thought = std::get_if<inference::ReasoningDelta>(&delta)) reasoning += thought->text;
    const auto* call = std::get_if<inference::ToolCallDelta>(&delta);
    if (call == nullptr) return;
    if (call->index > calls.size()) complaint = "an index was left out";
    if (call->index == calls.size()) {
      if (call->id.empty() || call->name.empty()) complaint = "a call opened without id or name";
      calls.push_back({call->id, call->name, {}});
    } else if (!call->id.empty() || !call->name.empty()) {
      complaint = "id or name twice";
    }
    calls.at(call->index).arguments += call->arguments;
  }
};

}  // namespace hearth::engine::chat_test
