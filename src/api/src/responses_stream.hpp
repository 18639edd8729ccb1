// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "responses_object.hpp"
#include "stream_writer.hpp"

namespace hearth::api::openai {

/// The semantic events of /v1/responses (npm openai, resources/responses): every event carries `type` and a
/// `sequence_number` that counts from 0. An item is closed before the next one begins.
class ResponsesEncoder : public StreamEncoder {
 public:
  /// `on_done` is called once, before the last event is written, so that a follow-up finds the stored response.
  using OnDone = std::function<void(const ResponseObject& response)>;
  ResponsesEncoder(ResponseObject response, OnDone on_done)
      : response_{std::move(response)}, on_done_{std::move(on_done)} {}

  void begin(std::string& out) override;
  void event(const inference::Event& event, std::string& out) override;
  void failed(const Error& error, std::string& out) override;

 private:
  void emit(std::string_view type, Json fields, std::string& out);
  void emit_response(std::string_view type, std::string& out);
  void emit_delta(std::string_view type, std::string_view delta, std::string_view logprobs, std::string& out);
  OutputItem& item(OutputItem::Kind kind, std::string& out);
  void text(const inference::TextDelta& delta, std::string& out);
  void tool(const inference::ToolCallDelta& delta, std::string& out);
  void announce(std::string& out);
  void close(std::string& out);
  void close_text(const OutputItem& item, std::string& out);
  Json place() const;

  ResponseObject response_;
  OnDone on_done_;
  bool open_ = false;           // the last item is not closed yet
  std::size_t tool_index_ = 0;  // of the open function call, in the native events
  std::int64_t sequence_ = 0;
};

}  // namespace hearth::api::openai
