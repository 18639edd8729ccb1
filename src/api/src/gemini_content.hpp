// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "hearth/inference/request.hpp"
#include "json_reader.hpp"

namespace hearth::api::gemini {

inline constexpr std::size_t kMaxContents = 8192;
inline constexpr std::size_t kMaxParts = 1024;

/// Contents to native messages: a content with results of functions becomes one message a result.
class ContentReader {
 public:
  explicit ContentReader(std::vector<inference::Message>& out) : out_{out} {}
  void content(const JsonValue& value);
  /// A content, or a string as some clients send it.
  void system(const JsonValue& value);

 private:
  void part(inference::Message& message, JsonReader& r);
  void inline_data(inference::Message& message, JsonReader& data);
  void call(inference::Message& message, JsonReader& function);
  void result(JsonReader& function);

  std::vector<inference::Message>& out_;
  std::set<std::string> called_;  // names of functions
};

/// The text of a content, for what takes text alone.
std::string text_of(const JsonValue& content);

}  // namespace hearth::api::gemini
