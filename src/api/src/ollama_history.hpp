// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hearth/provider/provider.hpp"

namespace hearth::api::ollama {

using Tokens = std::vector<inference::TokenId>;

/// The conversation of a /api/generate as tokens: what came as `context`, then this prompt in the model's template,
/// then the answer. One tokenizer run over the prompt's and the answer's text, so that no border between them leaves a
/// mark.
struct History {
  std::string model;
  Tokens before;       // `context` of the request; empty at the start of a conversation
  std::string prompt;  // rendered
};

/// Passes `events` on, and before Finished fills `out` with the whole conversation. If the text cannot be tokenized
/// `out` stays empty: the answer then has no context, rather than a wrong one. `engine` must outlive the stream.
provider::EventStreamPtr with_history(provider::EventStreamPtr events, provider::Local& engine,
                                      provider::RequestContext context, History history, std::shared_ptr<Tokens> out);

/// The tokens of `text` behind those of `before`; only a beginning has the beginning-of-text token.
Task<Result<Tokens>> async_extend(provider::Local& engine, provider::RequestContext context, const History& history,
                                  std::string text);

}  // namespace hearth::api::ollama
