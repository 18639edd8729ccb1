// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "gguf_check.hpp"

namespace hearth::models::gguf {
namespace {

constexpr std::int64_t kVocabularyMax = 1 << 24;

// What libllama assumes for a tokenizer.ggml.model when the file does not say: the beginning, end and separator tokens
// (-1: none) and whether a beginning, an end, a separator is added to a prompt. It asserts that an added token exists.
struct Defaults {
  std::string_view model;
  std::int64_t bos, eos, sep;
  bool add_bos, add_eos, add_sep;
};
constexpr std::array kDefaults{
    Defaults{"llama", 1, 2, -1, true, false, false},    Defaults{"bert", 101, -1, 102, true, false, true},
    Defaults{"gpt2", 11, 11, -1, true, false, false},   Defaults{"t5", -1, 1, -1, false, true, false},
    Defaults{"rwkv", -1, -1, -1, false, false, false},  Defaults{"plamo2", 1, 2, -1, false, false, false},
    Defaults{"gemma4", -1, -1, -1, true, false, false},
};

std::uint64_t length_of(const GgufInfo& info, std::string_view key) {
  const GgufArray* list = info.array(key);
  return list == nullptr ? 0 : list->length;
}

// One entry a token, in one of two element types; libllama indexes it by token.
Result<> check_parallel(const GgufInfo& info, std::string_view key, GgufType first, GgufType second,
                        std::uint64_t tokens) {
  if (!info.has(key)) return {};
  const GgufArray* list = info.array(key);
  if (list == nullptr || (list->element != first && list->element != second)) {
    return corrupt(fmt::format("key '{}' must be an array of {}", key, type_name(first)));
  }
  if (list->length == tokens) return {};
  return corrupt(fmt::format("key '{}' has {} entries for {} tokens", key, list->length, tokens));
}

Result<> check_ids(const GgufInfo& info, std::int64_t tokens) {
  constexpr std::int64_t kNone = 0xFFFFFFFF;  // how some converters write "no such token"
  for (const auto* key : {"bos", "eos", "eot", "eom", "unknown"}) {
    const std::string full = fmt::format("tokenizer.ggml.{}_token_id", key);
    const GgufValue* value = info.find(full);
    if (value == nullptr) continue;
    const auto id = info.integer(full);
    if (value->type != GgufType::u32 || (*id != kNone && *id >= tokens)) {
      return corrupt(fmt::format("key '{}' is not a token of the vocabulary of {}", full, tokens));
    }
  }
  return {};
}

Result<> check_added(const GgufInfo& info, std::string_view what, std::int64_t standard, bool adds,
                     std::int64_t tokens) {
  // Read as libllama does: "seperator" is spelled so in the format.
  const std::string id_key = fmt::format("tokenizer.ggml.{}_token_id", what == "sep" ? "seperator" : what);
  const bool added = info.boolean(fmt::format("tokenizer.ggml.add_{}_token", what)).value_or(adds);
  const auto given = info.integer(id_key);
  const bool usable = (given && *given < tokens) || (standard >= 0 && standard < tokens);
  if (!added || usable) return {};
  return corrupt(fmt::format("a {} token is to be added to every prompt, but '{}' names none", what, id_key));
}

}  // namespace

Result<> check_vocabulary(const GgufInfo& info) {
  if (!info.has("tokenizer.ggml.model"))
    return corrupt("key 'tokenizer.ggml.model' is missing: the file has no tokenizer");
  const std::string_view model = info.text("tokenizer.ggml.model");
  if (model.empty()) return corrupt("key 'tokenizer.ggml.model' is not a name");
  const std::int64_t size = info.vocabulary_size();
  if (size < 0 || size > kVocabularyMax || info.hparam("vocab_size").value_or(0) > kVocabularyMax) {
    return corrupt(fmt::format("a vocabulary of {} tokens: at most {} are allowed", size, kVocabularyMax));
  }
  if (model == "none" || model == "no_vocab") return {};

  const GgufArray* tokens = info.array("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->element != GgufType::string || tokens->length == 0) {
    return corrupt("key 'tokenizer.ggml.tokens' must be an array of strings, and not empty");
  }
  if (tokens->repeated) {
    return corrupt(fmt::format("key 'tokenizer.ggml.tokens': entry {} repeats an earlier one", *tokens->repeated));
  }
  HEARTH_CHECKED(check_parallel(info, "tokenizer.ggml.scores", GgufType::f32, GgufType::i32, tokens->length));
  HEARTH_CHECKED(check_parallel(info, "tokenizer.ggml.token_type", GgufType::i32, GgufType::i32, tokens->length));
  if (info.has("tokenizer.ggml.merges")) {
    const GgufArray* merges = info.array("tokenizer.ggml.merges");
    if (merges == nullptr || merges->element != GgufType::string) {
      return corrupt("key 'tokenizer.ggml.merges' must be an array of strings");
    }
  }
  if (model == "gpt2" && length_of(info, "tokenizer.ggml.merges") == 0 &&
      info.text("tokenizer.ggml.pre") != "kimi-k2") {
    return corrupt("key 'tokenizer.ggml.merges' is missing, which a gpt2 tokenizer needs");
  }
  HEARTH_CHECKED(check_ids(info, size));
  const auto* found = std::ranges::find(kDefaults, model, &Defaults::model);
  const Defaults standard = found == kDefaults.end() ? Defaults{model, -1, -1, -1, false, false, false} : *found;
  HEARTH_CHECKED(check_added(info, "bos", standard.bos, standard.add_bos, size));
  HEARTH_CHECKED(check_added(info, "eos", standard.eos, standard.add_eos, size));
  return check_added(info, "sep", standard.sep, standard.add_sep, size);
}

}  // namespace hearth::models::gguf
