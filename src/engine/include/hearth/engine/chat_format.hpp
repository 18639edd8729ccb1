// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/inference/request.hpp"

struct llama_model;

namespace hearth::engine {

class ChatParser;  // src/chat_stream_parser.hpp; what a ChatStream needs to know about the model's output format

inline constexpr std::size_t kMaxTemplateBytes = 256UL << 10;  // the largest real template has about 30 KiB
inline constexpr std::size_t kMaxTemplateNesting = 200;        // brackets plus blocks: the Jinja parser recurses
inline constexpr std::size_t kMaxPromptBytes = 64UL << 20;     // of a rendered prompt
inline constexpr std::size_t kMaxChatTools = 256;
inline constexpr std::size_t kMaxJsonNesting = 64;     // of tool schemas, tool call arguments, template arguments
inline constexpr std::size_t kMaxCachedTemplates = 8;  // compiled per-request overrides a ChatFormat keeps

/// What starts a lazy grammar (the names are libllama's): the grammar is off until one of these has appeared.
struct GrammarTrigger {
  enum class Kind : std::uint8_t {
    word,          // a literal; the grammar is fed from its first character
    pattern,       // a regex found anywhere; fed from its first capture group, or its start
    pattern_full,  // a regex that the whole output so far must match
    token,
  };
  Kind kind = Kind::word;
  std::string value;
  inference::TokenId token = -1;
};

/// A chat turned into a prompt, with everything that generation and parsing need. A value; keep it as long as you like.
struct RenderedChat {
  std::string prompt;             // the template's text; tokenize with add_special = true, parse_special = true
  std::string generation_prompt;  // the end of `prompt` that already belongs to the answer ("<think>\n" and the like)

  std::string grammar;       // GBNF; empty: none
  std::string grammar_root;  // its start symbol
  bool grammar_lazy = false;
  bool grammar_prefill = false;  // the sampler must first accept the tokens of generation_prompt (only if not lazy)
  std::vector<GrammarTrigger> grammar_triggers;

  std::vector<std::string> preserved_tokens;  // special tokens that must reach the ChatStream as text
  std::vector<std::string> additional_stops;  // stop strings of the format, beside the request's own

  bool supports_thinking = false;
  bool thinking_open = false;  // the prompt ends inside a thinking block: count a budget from the first token
  std::string thinking_start_tag;
  std::vector<std::string> thinking_end_tags;  // the first one is to be forced when a budget is used up
  std::vector<std::string> degraded;           // what was asked for and the template cannot do, for x-hearth-degraded
  std::shared_ptr<const ChatParser> parser;    // for ChatStream; shared by all choices of the request
};

struct ChatCapabilities {
  bool tools = false;
  bool parallel_tools = false;
  bool thinking = false;
  bool system_role = false;
  bool reasoning_effort = false;
};

/// Says whether a JSON Schema can be enforced word for word; `pointer` names it in the request ("tools[0].…").
using SchemaCheck = std::function<Result<>(const std::string& schema_json, const std::string& pointer)>;

struct RenderOptions {
  /// Called for tools whose arguments are promised to match: `strict`, or tool_choice required or named. May be empty.
  SchemaCheck schema_check;
  /// GBNF with start symbol `root` that the answer must match; the thinking before it stays free. Empty: none.
  std::string constraint_gbnf;
};

struct ChatFormatOptions {
  bool plain_fallback = true;  // a model without a template: the prompt is the contents, line by line
};

/// The chat template of one loaded model: requests to prompts, and how to read the answers.
///
/// Owner: the loaded model; must not outlive the llama_model it was made from. Immutable after create(); every method
/// may be called from any thread. render() runs the template up to some dozens of times (llama.cpp finds the format by
/// comparing renderings) and takes milliseconds: not for an io thread. Renders are serialized in the process, because
/// llama.cpp's `common` uses std::localtime; one waits at most kRenderWait for another, then fails with `unavailable`.
///
/// Bounds: kMax… above. A template can loop for long (`range`) or recurse without end: llama.cpp's Jinja has no
/// limits of its own and offers no hook for one, so templates of strangers are bounded in size and nesting only.
class ChatFormat {
 public:
  /// `model` may be null if a template is given. `template_override` replaces the model's own when not empty.
  /// Fails with `invalid_request` if the template does not compile. A model without a template is a fallback
  /// (see is_fallback()), or fails with `unsupported` if options.plain_fallback is false.
  static Result<std::unique_ptr<ChatFormat>> create(const llama_model* model, std::string template_override,
                                                    ChatFormatOptions options = {});
  ~ChatFormat();
  ChatFormat(const ChatFormat&) = delete;
  ChatFormat& operator=(const ChatFormat&) = delete;

  /// Fails with `invalid_request` (what the template refuses, with its own message; bad roles, tools or arguments) or
  /// `unsupported` (images; a constraint together with tools). request.generation is not read.
  Result<RenderedChat> render(const inference::ChatRequest& request, const RenderOptions& options = {}) const;

  ChatCapabilities capabilities() const;
  const std::string& template_source() const;  // empty for the fallback
  /// There is no template and contents are just put together: report "no chat template" as degraded.
  bool is_fallback() const;

 private:
  struct Impl;
  explicit ChatFormat(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::engine
