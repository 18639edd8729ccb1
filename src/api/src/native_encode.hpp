// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "hearth/inference/event.hpp"
#include "hearth/inference/request.hpp"
#include "hearth/provider/provider.hpp"
#include "stream_collect.hpp"
#include "stream_writer.hpp"

/// Native events and values to the JSON of llama-server's own routes (tools/server/README.md of llama.cpp). Pure.
namespace hearth::api::native {

/// How a client of /completion wants to see its answer.
struct CompletionView {
  std::string model;
  std::vector<std::string> prompts;  // as given, one a prompt; empty for token ids
  std::int32_t choices = 1;          // of each prompt
  nlohmann::json settings;           // generation_settings: what the request asked for
  bool return_tokens = false;
  bool timings_per_token = false;
  bool return_progress = false;
  std::vector<std::string> response_fields;  // empty: all; "a/b" takes b out of a
};

/// Server-sent events of the answers to one or more prompts. llama-server ends this stream without "[DONE]".
class CompletionStream : public StreamEncoder {
 public:
  explicit CompletionStream(CompletionView view) : view_{std::move(view)} {}
  void event(const inference::Event& event, std::string& out) override;
  void failed(const Error& error, std::string& out) override;

 private:
  struct Progress {
    std::int64_t prompt_tokens = 0;
    std::int64_t predicted = 0;
    bool has_new_line = false;
  };
  void prompt(std::int32_t index, const inference::PromptDone& prompt, std::string& out) const;
  void partial(std::int32_t index, const Progress& progress, const inference::TextDelta& delta, std::string& out) const;

  CompletionView view_;
  std::vector<Progress> progress_;  // by choice
};

/// One choice as one object (stream: false).
nlohmann::json completion_json(const CompletionView& view, std::int32_t index, const CollectedChoice& choice);

nlohmann::json timings_json(const inference::Usage& usage, const inference::Timings& timings);
/// generation_settings: the fields the request set, under llama-server's names. What it left open is not there, since
/// it is the model's own default.
nlohmann::json settings_json(const inference::Generation& generation, bool stream);

nlohmann::json tokens_json(const std::vector<provider::Piece>& pieces, bool with_pieces);
nlohmann::json props_json(const std::string& model, const provider::ModelInfo& info, std::int32_t slots);
nlohmann::json slots_json(const std::vector<provider::Slot>& slots);
std::string embeddings_body(const inference::Embeddings& embeddings);

}  // namespace hearth::api::native
