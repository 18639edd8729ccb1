// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "openai_shape.hpp"

namespace hearth::api::openai {

/// One item of `output` as it is made: reasoning, a message or a function call.
struct OutputItem {
  enum class Kind : std::uint8_t { reasoning, message, function_call };
  Kind kind = Kind::message;
  std::string id;
  std::string text;      // or the call's arguments
  std::string logprobs;  // JSON entries, joined by commas
  std::string call_id;
  std::string name;
};

/// "in_progress" while it is made, then "completed" or "incomplete".
Json item_json(const OutputItem& item, std::string_view status);
/// The content part of a message or of reasoning.
Json part_json(const OutputItem& item);

/// The response object, from its first state to its last. Pure.
class ResponseObject {
 public:
  ResponseObject(Head head, Json echo) : head_{std::move(head)}, echo_{std::move(echo)} {}

  const std::string& id() const noexcept { return head_.id; }
  std::vector<OutputItem>& items() noexcept { return items_; }
  const std::vector<OutputItem>& items() const noexcept { return items_; }
  OutputItem& open(OutputItem::Kind kind);
  void finish(const inference::Finished& finished) { finished_ = finished; }
  void fail(const Error& error) { error_ = error; }
  /// "in_progress", "completed", "incomplete" or "failed".
  std::string_view status() const noexcept;
  /// Of an item that is done: the last one of a response that was cut is incomplete.
  std::string_view status_of(std::size_t index) const noexcept;
  Json json() const;
  /// The answer as the message that a later response continues from.
  inference::Message message() const;

 private:
  std::string_view incomplete_reason() const noexcept;

  Head head_;
  Json echo_;
  std::vector<OutputItem> items_;
  std::optional<inference::Finished> finished_;
  std::optional<Error> error_;
};

/// From a whole answer.
void add_choice(ResponseObject& response, const CollectedChoice& choice);

}  // namespace hearth::api::openai
