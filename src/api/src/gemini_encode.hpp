// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "hearth/inference/event.hpp"
#include "stream_collect.hpp"
#include "stream_writer.hpp"

/// Native events to Gemini's GenerateContentResponse. Pure.
namespace hearth::api::gemini {

/// What every response repeats.
struct Head {
  std::string id;
  std::string model;
  bool thoughts = false;  // the client wants to see the thinking
};

/// A response an event. Function calls come whole: their pieces are held back until the next call, or the end.
class ResponseStream : public StreamEncoder {
 public:
  /// `sse`: events; else the elements of one JSON array, as the API streams without alt=sse.
  ResponseStream(Head head, bool sse) : head_{std::move(head)}, sse_{sse} {}
  void event(const inference::Event& event, std::string& out) override;
  void failed(const Error& error, std::string& out) override;
  void end(std::string& out) override;

 private:
  struct Choice {
    inference::ToolCall call;
    bool open = false;  // `call` waits
    std::size_t index = 0;
  };
  void opaque(std::int32_t choice, const inference::Opaque& opaque, std::string& out);
  void flush_call(std::int32_t choice, std::string& out);
  void put(const std::string& response, std::string& out);

  Head head_;
  bool sse_;
  bool began_ = false;
  std::vector<Choice> choices_;
  inference::Usage usage_;
};

/// All choices as one response.
std::string response_body(const Head& head, const std::vector<CollectedChoice>& choices);

std::string embedding_body(const std::vector<std::vector<float>>& vectors, bool batch);

}  // namespace hearth::api::gemini
