// SPDX-License-Identifier: Apache-2.0
#include "facts.hpp"

#include <algorithm>
#include <array>

namespace hearth::models {
namespace {

// Encoders that old converters wrote without a pooling type.
constexpr std::array<std::string_view, 8> kEncoders{"bert",         "nomic-bert",  "nomic-bert-moe", "jina-bert-v2",
                                                    "jina-bert-v3", "modern-bert", "neo-bert",       "gemma-embedding"};
constexpr std::array<std::string_view, 4> kFillInKeys{
    "tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id", "tokenizer.ggml.fim_suf_token_id",
    "tokenizer.ggml.suffix_token_id"};

bool mentions(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](auto word) { return text.find(word) != std::string_view::npos; });
}

/// A pooling type that is really one: libllama saves "unspecified" (-1) as an unsigned number.
bool pools(const GgufInfo& info) {
  const std::int64_t type = info.hparam("pooling_type").value_or(0);
  return type > 0 && type < 0xFFFFFFFF;
}

}  // namespace

Facts facts_of(const GgufInfo& info) {
  Facts facts;
  facts.family = info.architecture();
  facts.parameter_size = human_parameters(info.parameter_count());
  facts.quantization = info.quantization();
  facts.chat_template = info.chat_template();
  facts.context_length = info.context_length();
  facts.embedding_length = info.embedding_length();
  facts.embeds = pools(info) || std::ranges::find(kEncoders, facts.family) != kEncoders.end();
  facts.fills_in = std::ranges::any_of(kFillInKeys, [&](auto key) { return info.has(key); });
  facts.sees = info.hparam("vision.block_count").value_or(0) > 0;
  return facts;
}

std::vector<std::string> capabilities(const Facts& facts, std::string_view template_text, bool projector) {
  if (facts.embeds) return {"embedding"};
  const std::string_view chat = template_text.empty() ? std::string_view{facts.chat_template} : template_text;
  std::vector<std::string> out{"completion"};
  if (mentions(chat, {"tools", ".Tools", "tool_calls"})) out.emplace_back("tools");
  if (facts.fills_in || mentions(chat, {".Suffix"})) out.emplace_back("insert");
  if (projector || facts.sees) out.emplace_back("vision");
  if (mentions(chat, {"<think>", "</think>", "enable_thinking", ".Thinking", "reasoning_content"})) {
    out.emplace_back("thinking");
  }
  return out;
}

}  // namespace hearth::models
