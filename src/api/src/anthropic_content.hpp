// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hearth/inference/request.hpp"
#include "json_reader.hpp"

namespace hearth::api::anthropic {

/// Reads `messages` one by one. A user message with tool results becomes several native ones: a "tool" message a
/// result, then the rest. Remembers the names of the calls, which Anthropic's results do not repeat.
class ContentReader {
 public:
  explicit ContentReader(std::vector<inference::Message>& out) : out_{out} {}
  void message(const JsonValue& value);
  /// `system`: a string or text blocks; becomes one message.
  void system(const JsonValue& value);
  /// All thinking came with a signature.
  bool sealed() const noexcept { return sealed_; }

 private:
  void blocks(const std::string& role, const JsonValue& content);
  void block(inference::Message& message, JsonReader& r);
  void image(inference::Message& message, JsonReader& r);
  void tool_use(inference::Message& message, JsonReader& r);
  void tool_result(JsonReader& r);
  static void text(inference::Message& message, JsonReader& r);

  std::vector<inference::Message>& out_;
  bool sealed_ = true;
  std::map<std::string, std::string> tool_names_;  // by tool_use id
};

}  // namespace hearth::api::anthropic
