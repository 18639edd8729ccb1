// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "hearth/engine/chat_format.hpp"
#include "hearth/inference/event.hpp"

namespace hearth::engine {

class ChatStream;
using ChatDelta = std::variant<inference::TextDelta, inference::ReasoningDelta, inference::ToolCallDelta>;

/// Splits the text of one choice into content, reasoning and tool calls as it arrives, in time linear in its length.
/// The public door of ChatStream, which has the details. One owner, any one thread at a time.
class ChatReader {
 public:
  explicit ChatReader(const RenderedChat& chat);
  ~ChatReader();
  ChatReader(ChatReader&&) noexcept;
  ChatReader& operator=(ChatReader&&) noexcept;

  std::vector<ChatDelta> feed(std::string_view text);
  /// What was held back. Once. `stopped_early`: by length, so that an unfinished tool call is no fault.
  std::vector<ChatDelta> finish(bool stopped_early);
  bool has_tool_calls() const;
  /// Of the answer so far, the share of its bytes that was reasoning, 0 to 1.
  double reasoning_share() const;

 private:
  std::unique_ptr<ChatStream> stream_;
};

}  // namespace hearth::engine
