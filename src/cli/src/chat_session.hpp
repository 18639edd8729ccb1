// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::cli {

/// What the user typed at the prompt, understood.
struct ChatCommand {
  enum class Kind : std::uint8_t { say, set, show, save, load, clear, help, bye, nothing, wrong };
  Kind kind = Kind::nothing;
  std::string text;  // for say: the message; for wrong: what is wrong with it
  std::string name;  // for set: "parameter" | "system" | "format" | "think" | "verbose"; for show: what; for save,
                     // load: the model
  std::string value;
};

/// One complete input: a line, or several when they stood between """.
ChatCommand parse_chat_input(std::string_view input);

/// True while `text` has an opening """ without its closing one: the next line belongs to it.
bool needs_more_lines(std::string_view text);

/// A conversation with one model: messages and settings, as /api/chat takes them. Pure: it makes requests and reads
/// answers.
class ChatSession {
 public:
  explicit ChatSession(std::string model) : model_{std::move(model)} {}

  /// Applies /set; the answer says what was set, or an error what is wrong.
  Result<std::string> set(const ChatCommand& command);
  /// Adds the user's message and gives the body for POST /api/chat.
  std::string begin_turn(const std::string& message);
  struct Piece {
    std::string thinking;
    std::string text;
    bool done = false;
    std::string statistics;  // with done, when verbose
  };
  /// One NDJSON line of the answer.
  Result<Piece> read_line(std::string_view line);
  /// The answer is over, complete or interrupted; what was said stays in the conversation.
  void end_turn();
  /// The turn failed: the user's message is taken back.
  void cancel_turn();

  void clear() { messages_ = nlohmann::ordered_json::array(); }
  void load(std::string model);
  /// The body for POST /api/create that saves this conversation and its settings as a model.
  std::string save_request(const std::string& name) const;
  std::string settings() const;
  const std::string& model() const noexcept { return model_; }

 private:
  std::string model_;
  std::string system_;
  nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();
  nlohmann::ordered_json options_ = nlohmann::ordered_json::object();
  nlohmann::ordered_json format_;
  nlohmann::ordered_json think_;
  bool verbose_ = false;
  std::string answer_;
};

}  // namespace hearth::cli
