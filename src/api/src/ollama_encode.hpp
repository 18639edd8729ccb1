// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "hearth/base/clock.hpp"
#include "hearth/inference/event.hpp"
#include "hearth/inference/request.hpp"
#include "hearth/models/store.hpp"
#include "stream_collect.hpp"
#include "stream_writer.hpp"

/// Native events to Ollama's JSON (docs/api.md and api/types.go of Ollama). Pure.
namespace hearth::api::ollama {

enum class Shape : std::uint8_t { generate, chat };

/// What all lines of one answer repeat or need.
struct AnswerHead {
  Shape shape = Shape::chat;
  std::string model;
  /// Ollama's deprecated token history of /api/generate, filled by the time the answer ends. None or empty: not sent.
  std::shared_ptr<const std::vector<inference::TokenId>> context;
  std::function<WallClock::time_point()> now = WallClock::now;
};

/// One answer as NDJSON. Ollama's tool calls carry their arguments as an object, so a call is held back until it is
/// whole.
class AnswerStream : public StreamEncoder {
 public:
  explicit AnswerStream(AnswerHead head) : head_{std::move(head)} {}
  void event(const inference::Event& event, std::string& out) override;
  void failed(const Error& error, std::string& out) override;
  void end(std::string& out) override;

 private:
  void text(const inference::TextDelta& delta, std::string& out);
  void tool(const inference::ToolCallDelta& delta, std::string& out);
  void flush_call(std::string& out);

  AnswerHead head_;
  std::optional<inference::ToolCall> call_;
  std::size_t call_index_ = 0;
  inference::Finished finished_;
};

/// The whole answer as one object (stream: false).
std::string answer_body(const AnswerHead& head, const CollectedChoice& choice);

/// The answers of /api/embed and of the older /api/embeddings.
std::string embed_body(const std::string& model, const inference::Embeddings& made, std::chrono::nanoseconds took);
std::string embedding_body(const inference::Embeddings& made);

/// The answer to an empty prompt: the model was loaded ("load") or put away ("unload").
std::string loaded_body(const AnswerHead& head, std::string_view reason);

/// One line of pull, push and create.
std::string progress_line(const models::Progress& progress);

/// "details" of tags, ps and show.
nlohmann::json details_json(const models::Model& model);
/// One entry of /api/tags.
nlohmann::json tag_json(const models::Model& model);
/// One entry of /api/ps. `model` is what the store knows about it, if anything.
nlohmann::json running_json(const provider::Running& running, const models::Model* model, WallClock::time_point now);
/// Text of one Modelfile PARAMETER block as /api/show has it: name, padding, value.
std::string parameters_text(const models::Parameters& parameters);

}  // namespace hearth::api::ollama
