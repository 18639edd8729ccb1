// SPDX-License-Identifier: Apache-2.0
#include "facts.hpp"

#include <algorithm>

#include "hearth/base/checksum.hpp"
#include "hearth/base/text.hpp"

namespace hearth::router {
namespace {

constexpr std::int64_t kTokensAMessage = 4;   // the template's marks around it
constexpr std::int64_t kTokensAnImage = 765;  // OpenAI's price of a middling picture; others are of that order

void add_generation(const inference::Generation& generation, Facts& facts) {
  using Kind = inference::Constraint::Kind;
  switch (generation.constraint.kind) {
    case Kind::none: break;
    case Kind::json_schema:
    case Kind::json_object: facts.needs |= kJson; break;
    default: facts.needs |= kGrammar; break;
  }
  if (generation.logprobs) facts.needs |= kLogprobs;
  facts.answer_tokens = generation.max_tokens.value_or(kUsualAnswer) * std::int64_t{generation.n};
}

std::int64_t tokens_of(const std::variant<std::string, std::vector<inference::TokenId>>& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return estimated_tokens(*text);
  return static_cast<std::int64_t>(std::get<std::vector<inference::TokenId>>(input).size());
}

std::uint64_t text_hash(const inference::Message& message) {
  std::uint64_t hash = hash_of(message.role);
  for (const inference::ContentPart& part : message.content) {
    if (const auto* text = std::get_if<inference::TextPart>(&part)) {
      hash = hash_of(text->text, hash);
    }
  }
  return hash | 1;  // 0 means none
}

/// A conversation is known by its first message of the user; system prompts are shared by many.
void add_conversation(const inference::ChatRequest& request, Facts& facts) {
  for (const inference::Message& message : request.messages) {
    if (message.role != "user") continue;
    if (facts.turns++ == 0) facts.begins = text_hash(message);
  }
  if (facts.turns > 1) facts.conversation = facts.begins;
}

}  // namespace

std::int64_t estimated_tokens(std::string_view text) {
  auto ascii = static_cast<std::int64_t>(text::ascii_prefix(text));
  std::int64_t others = 0;
  for (const char c : text.substr(static_cast<std::size_t>(ascii))) {
    const auto byte = static_cast<unsigned char>(c);
    ascii += byte < 0x80 ? 1 : 0;
    others += byte >= 0xC0 ? 1 : 0;  // the first byte of a character
  }
  return (ascii + 3) / 4 + others;
}

std::string_view last_question(const inference::ChatRequest& request) {
  for (auto message = request.messages.rbegin(); message != request.messages.rend(); ++message) {
    if (message->role != "user") continue;
    for (const inference::ContentPart& part : message->content) {
      if (const auto* text = std::get_if<inference::TextPart>(&part)) return text->text;
    }
  }
  return {};
}

Facts facts_of(const inference::ChatRequest& request) {
  Facts facts{.needs = kChat, .content = policy::ContentDigest::of(request)};
  for (const inference::Message& message : request.messages) {
    facts.prompt_tokens += kTokensAMessage + estimated_tokens(message.reasoning);
    for (const inference::ContentPart& part : message.content) {
      if (const auto* text = std::get_if<inference::TextPart>(&part)) {
        facts.prompt_tokens += estimated_tokens(text->text);
      } else {
        facts.prompt_tokens += kTokensAnImage;
        facts.needs |= kVision;
      }
    }
    for (const inference::ToolCall& call : message.tool_calls) facts.prompt_tokens += estimated_tokens(call.arguments);
    if (!message.tool_calls.empty()) facts.needs |= kTools;
  }
  for (const inference::Tool& tool : request.tools) {
    facts.prompt_tokens += estimated_tokens(tool.description) + estimated_tokens(tool.parameters);
  }
  if (!request.tools.empty()) facts.needs |= kTools;
  if ((facts.needs & kTools) != 0) facts.actions |= policy::kTools;
  if (request.reasoning.enabled.value_or(false)) facts.needs |= kReasoning;
  facts.longest = facts.prompt_tokens;
  add_generation(request.generation, facts);
  add_conversation(request, facts);
  facts.traits = traits_of(last_question(request));
  if (request.verbatim) {
    facts.wire = request.verbatim->wire;
    facts.beyond = request.verbatim->beyond;
  }
  return facts;
}

Facts facts_of(const inference::CompletionRequest& request) {
  Facts facts{.needs = kCompletion, .content = policy::ContentDigest::of(request), .actions = policy::kComplete};
  facts.prompt_tokens = tokens_of(request.prompt) + estimated_tokens(request.suffix.value_or(""));
  facts.longest = facts.prompt_tokens;
  add_generation(request.generation, facts);
  if (const auto* text = std::get_if<std::string>(&request.prompt)) facts.traits = traits_of(*text);
  return facts;
}

Facts facts_of(const inference::EmbeddingRequest& request) {
  Facts facts{.needs = kEmbedding, .content = policy::ContentDigest::of(request), .actions = policy::kEmbed};
  for (const auto& input : request.inputs) {
    const std::int64_t tokens = tokens_of(input);
    facts.longest = std::max(facts.longest, tokens);
    facts.prompt_tokens += tokens;
  }
  return facts;
}

Facts facts_of(const inference::RerankRequest& request) {
  Facts facts{.needs = kRerank, .content = policy::ContentDigest::of(request), .actions = policy::kRerank};
  const std::int64_t query = estimated_tokens(request.query);
  for (const std::string& document : request.documents) {
    const std::int64_t tokens = query + estimated_tokens(document);
    facts.longest = std::max(facts.longest, tokens);
    facts.prompt_tokens += tokens;
  }
  return facts;
}

}  // namespace hearth::router
