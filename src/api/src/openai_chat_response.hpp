// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "openai_shape.hpp"
#include "stream_writer.hpp"

namespace hearth::api::openai {

/// The whole answer of a chat: "chat.completion". `logprobs`: the client asked for them.
std::string chat_body(const Head& head, const std::vector<CollectedChoice>& choices, bool logprobs);

/// The same as "chat.completion.chunk" events and a last "data: [DONE]". A chunk's constant parts are made once.
class ChatEncoder : public StreamEncoder {
 public:
  ChatEncoder(const Head& head, bool include_usage);
  void event(const inference::Event& event, std::string& out) override;
  void failed(const Error& error, std::string& out) override;
  void end(std::string& out) override;

 private:
  void open(std::int32_t choice, std::string& out) const;
  void close(std::string& out) const;
  void text(std::int32_t choice, const inference::TextDelta& delta, std::string& out) const;
  void tool(std::int32_t choice, const inference::ToolCallDelta& delta, std::string& out) const;
  void refusal(std::int32_t choice, const std::string& text, std::string& out);
  void opaque(std::int32_t choice, const inference::Opaque& opaque, std::string& out) const;
  void finish(std::int32_t choice, const inference::Finished& finished, std::string& out);

  std::string head_;  // data: {"id":…,"choices":[
  std::string tail_;  // …}\n\n
  bool include_usage_;
  inference::Usage usage_;
  std::vector<bool> refused_;  // by choice
};

}  // namespace hearth::api::openai
