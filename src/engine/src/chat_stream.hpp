// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "chat_stream_parser.hpp"
#include "chat_stream_scanner.hpp"
#include "hearth/inference/event.hpp"

namespace hearth::engine {

using ChatDelta = std::variant<inference::TextDelta, inference::ReasoningDelta, inference::ToolCallDelta>;

/// Splits one choice's output, as it arrives, into content, reasoning and tool calls.
///
/// Pure and sequential; one owner, no thread of its own. Text in which only a marker could end the present stretch of
/// content, of reasoning or of a long argument is handed on at once and never parsed; a parse happens around markers
/// and in the structure of tool calls, as often as a budget of kParseBudget characters per character received allows,
/// so that the work is linear in the length of the answer: at most kParseBudget + 1 times it, plus kParseGrant, plus
/// the generation prompt per parse. finish() reads the whole answer once more; that reading decides. Deltas are
/// append-only: what contradicts them later is not sent and sets malformed(). Nothing received is lost: what fits no
/// format is delivered as content.
///
/// Memory: three times the answer, none if the format is plain text (is_passthrough).
class ChatStream {
 public:
  static constexpr std::size_t kParseBudget = 6;
  static constexpr std::size_t kParseGrant = 4096;

  explicit ChatStream(std::shared_ptr<const ChatParser> parser);

  /// `text` is the output since the last call; it may end inside a UTF-8 character, the deltas never do.
  std::vector<ChatDelta> feed(std::string_view text);

  /// The rest. Call it once. `stopped_early`: by length or time, so that an unfinished tool call is no fault.
  std::vector<ChatDelta> finish(bool stopped_early);

  /// The output did not follow the template's format; some of it was delivered as content, or a call is unfinished.
  bool malformed() const { return malformed_; }
  bool has_tool_calls() const { return !calls_.empty() && calls_.front().announced; }
  /// Bytes delivered so far, for sharing out Usage::reasoning_tokens.
  std::size_t reasoning_bytes() const { return reasoning_bytes_; }
  std::size_t content_bytes() const { return content_bytes_; }
  /// Characters given to llama.cpp's parser so far: the cost of this stream.
  std::size_t parsed_for_test() const { return parsed_; }

 private:
  struct Call {
    bool announced = false;
    std::string id;
    std::string name;
    std::string arguments;  // sent so far
  };
  enum class Mode : std::uint8_t { parsing, verbatim, raw };

  void advance();
  bool pass_verbatim();
  void parse_pending();
  void apply(const ParsedChat& parsed);
  void enter_verbatim(const ParsedChat& parsed);
  void shorten_tail(const ParsedChat& parsed);
  void give_up(std::size_t failed_at);
  void send_changes(const common_chat_msg& before, const common_chat_msg& after, bool last);
  void send_call(std::size_t index, std::string_view before, const common_chat_tool_call& call, bool closed);
  void send_arguments(std::size_t index, std::string_view text);
  void send_text(ChatRegion region, std::string_view text);
  void finish_read(const common_chat_msg& message, bool stopped_early);
  void finish_abridged();
  void finish_failed(const ParsedChat& parsed);
  common_chat_msg sent() const;
  void check_last_call();
  ParsedChat parse(std::string_view text);

  std::shared_ptr<const ChatParser> parser_;
  MarkerScanner scanner_;
  Mode mode_ = Mode::parsing;

  std::string cut_character_;  // an incomplete UTF-8 sequence at the end of the input
  std::string received_;       // everything, for the last reading
  std::string pending_;        // received and neither parsed nor sent
  std::string work_;           // what is parsed: the answer without the stretches passed on word for word
  common_chat_msg known_;      // the last reading of work_
  std::size_t work_parsed_ = 0;

  // While verbatim, and after it until the region has really changed: where to fall back to.
  ChatRegion region_ = ChatRegion::structure;
  std::size_t region_start_ = 0;
  std::size_t region_work_ = 0;
  common_chat_msg region_known_;

  common_chat_msg initial_;  // of a continued message: what the prompt holds already
  std::string content_;      // sent
  std::string reasoning_;    // sent
  std::vector<Call> calls_;
  std::vector<ChatDelta> out_;
  std::size_t credit_ = kParseGrant;
  std::size_t parsed_ = 0;
  std::size_t content_bytes_ = 0;
  std::size_t reasoning_bytes_ = 0;
  bool malformed_ = false;
};

}  // namespace hearth::engine
