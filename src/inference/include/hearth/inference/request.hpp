// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "hearth/inference/constraint.hpp"
#include "hearth/inference/sampling.hpp"
#include "hearth/inference/verbatim.hpp"

/// The native vocabulary. Every client API is translated to these types at its edge, once; below `api` and
/// `provider` nothing knows JSON. The few `std::string … JSON text` fields are opaque data to most code.
namespace hearth::inference {

using TokenId = std::int32_t;

/// What is common to everything that generates.
struct Generation {
  std::optional<std::int32_t> max_tokens;  // absent: until the model stops or the context is full
  std::vector<std::string> stop;           // at most kMaxStops, matched across token borders, not returned
  Sampling sampling;
  Constraint constraint;
  std::int32_t n = 1;                    // independent answers to one prompt: 1 … kMaxChoices
  std::optional<std::int32_t> logprobs;  // report the chosen token's and this many alternatives' (0 … 20)
  bool cache_prompt = true;              // may reuse and leave cached prefixes
  std::string cache_salt;                // prefixes are shared only between equal salts
  std::int32_t priority = 0;             // higher first
  std::optional<std::chrono::milliseconds> time_limit;  // of generation after the prompt; then finish `length`
};
inline constexpr std::size_t kMaxStops = 64;
inline constexpr std::int32_t kMaxChoices = 64;

struct TextPart {
  std::string text;
};
struct ImagePart {
  std::string mime_type;
  std::string bytes;  // decoded
  std::string url;    // when not inline
};
using ContentPart = std::variant<TextPart, ImagePart>;

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;    // JSON text of an object
  std::string signature{};  // Gemini's, to be handed back unchanged
};

struct Message {
  std::string role;  // "system", "user", "assistant", "tool"; others are passed to the template as they are
  std::vector<ContentPart> content;
  std::string reasoning;
  std::vector<ToolCall> tool_calls;  // of an assistant message
  std::string tool_call_id;          // of a tool message
  std::string tool_name;
};

struct Tool {
  std::string name;
  std::string description;
  std::string parameters;  // JSON Schema text; "{}" means no arguments
  bool strict = false;
};

struct ToolChoice {
  enum class Mode : std::uint8_t { automatic, none, required, named };
  Mode mode = Mode::automatic;
  std::string name;  // for named
};

/// Thinking, for models that do. Absent: the template's own default.
struct Reasoning {
  std::optional<bool> enabled;
  std::optional<std::int32_t> budget_tokens;
  std::string effort;    // "low" | "medium" | "high", for templates that know it
  bool separate = true;  // false: leave the thinking inside the content
};

struct ChatRequest {
  std::string model;
  std::vector<Message> messages;
  std::vector<Tool> tools;
  ToolChoice tool_choice;
  std::optional<bool> parallel_tool_calls;
  Reasoning reasoning;
  std::map<std::string, std::string> template_arguments;  // name to JSON text, for the Jinja template
  bool add_generation_prompt = true;
  bool continue_final_message = false;  // the last assistant message is a beginning to go on from
  std::string template_override;        // Jinja; empty: the model's own
  std::string system_default;           // used when no message has role system (Ollama's SYSTEM)
  Generation generation;
  VerbatimPtr verbatim;  // null: there is none, or what is above was changed since
};

/// A raw prompt: no template.
struct CompletionRequest {
  std::string model;
  std::variant<std::string, std::vector<TokenId>> prompt;
  bool add_special = true;            // put the beginning-of-text token in front if the model wants one
  bool parse_special = true;          // "<|im_start|>" in the prompt is one token, not text
  std::optional<std::string> suffix;  // fill in the middle: the answer goes between prompt and suffix
  std::vector<std::pair<std::string, std::string>> infill_files;  // file name and text, as context for infill
  bool prompt_logprobs = false;                                   // report logprobs of the prompt's own tokens too
  Generation generation;
};

enum class Pooling : std::uint8_t { model_default, mean, cls, last, none };

struct EmbeddingRequest {
  std::string model;
  std::vector<std::variant<std::string, std::vector<TokenId>>> inputs;
  std::optional<std::int32_t> dimensions;  // cut to the first so many, then normalized again
  bool normalize = true;                   // Euclidean length 1
  bool truncate = false;                   // cut inputs to the context instead of refusing them
  Pooling pooling = Pooling::model_default;
};
struct Embeddings {
  std::vector<std::vector<float>> vectors;  // one an input
  std::int64_t prompt_tokens = 0;
};

struct RerankRequest {
  std::string model;
  std::string query;
  std::vector<std::string> documents;
};
struct Ranking {
  std::vector<float> scores;  // one a document, in the order given
  std::int64_t prompt_tokens = 0;
};

}  // namespace hearth::inference
