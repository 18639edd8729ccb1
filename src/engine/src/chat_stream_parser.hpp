// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chat-peg-parser.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::engine {

inline constexpr std::size_t kMaxOutputNesting = 200;  // open brackets in tool calls: the parser recurses per level

/// Where the end of a parsed text lies.
enum class ChatRegion : std::uint8_t {
  structure,  // markers, tool calls: what follows must be parsed
  content,    // text that is content word for word until one of the markers appears
  reasoning,  // the same for thinking
  json_text,  // inside a JSON string of a call's arguments: arguments word for word until the string ends
  raw_text,   // inside an argument that is plain text: its JSON escapes are arguments until a marker appears
};

struct ParsedChat {
  bool failed = false;        // no continuation of the text can match
  bool too_deep = false;      // failed, because of kMaxOutputNesting
  std::size_t failed_at = 0;  // offset in the text, if failed
  common_chat_msg message;    // as far as it is known; empty if failed
  ChatRegion tail = ChatRegion::structure;
  std::size_t tail_start = 0;  // where that stretch of text began, counted from the generation prompt's start
  std::size_t cost = 0;        // characters that llama.cpp's parser was given
};

/// `text` as it stands inside a JSON string.
std::string json_escaped(std::string_view text);

/// How one request's answers are to be read: llama.cpp's PEG parser with the text that the template already put
/// into the answer. Immutable; any thread; shared by all choices of a request.
class ChatParser {
 public:
  /// An answer that is content from its first to its last character.
  ChatParser() = default;
  /// `saved` is common_chat_params::parser; may throw what llama.cpp throws.
  ChatParser(common_chat_format format, std::string generation_prompt, const std::string& saved, bool is_continuation);

  /// Reads `text` as an answer that may go on. Never logs it, never throws for what it says.
  ParsedChat parse(std::string_view text) const;

  /// Strings that can end a stretch of plain text. Text without them needs no parsing while in such a stretch.
  const std::vector<std::string>& markers() const { return markers_; }
  bool is_passthrough() const { return passthrough_; }
  /// The template's calls carry ids of their own.
  bool has_tool_ids() const { return has_tool_ids_; }
  /// The answer continues a message of the caller: what the prompt holds of it is not part of the answer.
  bool is_continuation() const { return is_continuation_; }
  std::size_t base_cost() const { return generation_prompt_.size(); }

 private:
  struct Reading;
  void collect_markers();
  void find_passthrough();
  Reading read(std::string_view text) const;
  void parse_checked(std::string_view text, ParsedChat& parsed) const;

  common_chat_format format_ = COMMON_CHAT_FORMAT_CONTENT_ONLY;
  std::string generation_prompt_;
  common_peg_arena arena_;
  std::vector<std::string> markers_;
  bool verbatim_ = true;
  bool passthrough_ = true;
  bool has_tool_ids_ = false;
  bool is_continuation_ = false;
};

}  // namespace hearth::engine
