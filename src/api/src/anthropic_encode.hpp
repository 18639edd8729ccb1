// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "hearth/base/error.hpp"
#include "hearth/inference/event.hpp"
#include "hearth/models/store.hpp"
#include "stream_collect.hpp"
#include "stream_writer.hpp"

/// Native events to the Anthropic Messages API (docs.anthropic.com, "Streaming Messages"; npm @anthropic-ai/sdk 1.11).
/// Pure: events in, text out.
namespace hearth::api::anthropic {

/// What every answer repeats of its request.
struct Head {
  std::string id;          // "msg_…"
  std::string request_id;  // "req_…", in errors
  std::string model;       // as the client wrote it
  std::int64_t max_tokens = 0;
};

/// end_turn | stop_sequence | max_tokens | model_context_window_exceeded | tool_use | refusal | pause_turn. An answer
/// that ended by length before `max_tokens` met the end of the context.
std::string_view stop_reason(const inference::Finished& finished, std::int64_t max_tokens);

/// A silent stream is kept alive by Anthropic's own ping instead of a comment.
inline constexpr StreamFormat kStreamFormat{"text/event-stream; charset=utf-8",
                                            "event: ping\ndata: {\"type\":\"ping\"}\n\n"};

/// Server-sent events of one message, in Anthropic's order: a content block is closed before the next begins.
class MessageStream : public StreamEncoder {
 public:
  explicit MessageStream(Head head) : head_{std::move(head)} {}
  void event(const inference::Event& event, std::string& out) override;
  void failed(const Error& error, std::string& out) override;

 private:
  enum class Block : std::uint8_t { none, thinking, text, tool, opaque };

  void start(const inference::PromptDone& prompt, std::string& out);
  void text(const std::string& text, std::string& out);
  void thinking(const inference::ReasoningDelta& thought, std::string& out);
  void tool(const inference::ToolCallDelta& delta, std::string& out);
  void opaque(const inference::Opaque& opaque, std::string& out);
  void finish(const inference::Finished& finished, std::string& out);
  void open(Block kind, const nlohmann::json& block, std::string& out);
  void delta(std::string_view type, std::string_view field, std::string_view text, std::string& out) const;
  void close(std::string& out);

  Head head_;
  Block open_ = Block::none;
  std::int32_t index_ = -1;     // of the block that is open or was last
  std::size_t tool_index_ = 0;  // of the open tool block, in the native events
  std::string signature_;       // of the open thinking block
  bool started_ = false;
};

/// The same message as one JSON object.
std::string message_body(const Head& head, const CollectedChoice& choice);

/// The answer of GET /v1/models to a client that sends `anthropic-version`.
std::string model_list(const std::vector<models::Model>& models);
/// One entry of it: GET /v1/models/{id}.
std::string model_info(const models::Model& model);

}  // namespace hearth::api::anthropic
