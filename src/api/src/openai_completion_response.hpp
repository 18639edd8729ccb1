// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "openai_shape.hpp"
#include "stream_writer.hpp"

namespace hearth::api::openai {

/// How the answers to the prompts of one request are shown.
struct CompletionView {
  std::vector<std::string> echoes;  // one a prompt: its text, put in front of the answers; empty without echo
  std::size_t per_prompt = 1;       // choices generated for each prompt (best_of)
  std::size_t shown = 1;            // of them, the best by mean logprob (n)
  bool echo = false;
  bool logprobs = false;
};

/// The legacy logprobs object {tokens, token_logprobs, top_logprobs, text_offset} of tokens that follow each other.
class LegacyLogprobs {
 public:
  explicit LegacyLogprobs(std::size_t offset) : offset_{offset} {}
  /// `unknown`: the first token of a prompt has no probability; it is null.
  void add(const inference::TokenLogprob& token, bool unknown = false);
  Json take();
  std::size_t offset() const noexcept { return offset_; }  // in characters, of the next token

 private:
  std::size_t offset_;
  Json tokens_ = Json::array();
  Json logprobs_ = Json::array();
  Json top_ = Json::array();
  Json offsets_ = Json::array();
};

/// "text_completion", whole.
std::string completion_body(const Head& head, const std::vector<CollectedChoice>& choices, const CompletionView& view);

/// The same as events. best_of is not streamed, so per_prompt equals shown.
class CompletionEncoder : public StreamEncoder {
 public:
  CompletionEncoder(const Head& head, CompletionView view, std::size_t choices, bool include_usage);
  void event(const inference::Event& event, std::string& out) override;
  void failed(const Error& error, std::string& out) override;
  void end(std::string& out) override;

 private:
  void chunk(std::size_t choice, std::string_view text, const Json& logprobs, std::string_view finish,
             std::string& out) const;
  void count(std::size_t choice, const inference::Usage& usage);

  std::string head_;
  std::string tail_;
  CompletionView view_;
  bool include_usage_;
  std::vector<LegacyLogprobs> logprobs_;  // one a choice
  inference::Usage usage_;
};

}  // namespace hearth::api::openai
