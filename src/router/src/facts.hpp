// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hearth/inference/request.hpp"
#include "hearth/policy/policy.hpp"
#include "hearth/router/table.hpp"
#include "workload.hpp"

namespace hearth::router {

/// What routing needs to know about a request. Pure; microseconds for thousands of tokens.
struct Facts {
  Capabilities needs = 0;
  std::int64_t prompt_tokens = 0;  // estimated: 4 bytes of ASCII, or one other character, are a token
  std::int64_t longest = 0;        // of them, what has to fit into the context at once
  std::int64_t answer_tokens = 0;  // what it asks for, or kUsualAnswer
  std::int32_t turns = 0;          // messages of the user
  std::uint64_t conversation = 0;  // the same for all turns of one conversation; 0: none, it is the first turn
  std::uint64_t begins = 0;        // what `conversation` will be in the next turn
  TextTraits traits;               // of the last question
  std::optional<float> gain;       // what a strong model is expected to add; for `learned` and explanations
  policy::ContentDigest content;
  policy::Actions actions = policy::kChat;
  policy::Label found = policy::Label::public_;           // the label that the scan gives the content
  policy::Label found_redacted = policy::Label::public_;  // what is left of it where content is redacted
  inference::Wire wire = inference::Wire::none;           // the protocol of `beyond`
  std::optional<Error> beyond;  // what only servers of that protocol can do; nullopt: anyone may
};
inline constexpr std::int64_t kUsualAnswer = 256;

Facts facts_of(const inference::ChatRequest& request);
Facts facts_of(const inference::CompletionRequest& request);
Facts facts_of(const inference::EmbeddingRequest& request);
Facts facts_of(const inference::RerankRequest& request);

std::int64_t estimated_tokens(std::string_view text);
/// The words of the last message of the user, where features of a question are looked for.
std::string_view last_question(const inference::ChatRequest& request);

}  // namespace hearth::router
