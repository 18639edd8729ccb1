// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/chat_format.hpp"

#include <chat.h>
#include <fmt/format.h>

#include <chrono>
#include <list>
#include <mutex>
#include <utility>

#include "chat_format_grammar.hpp"
#include "chat_format_input.hpp"
#include "chat_stream_parser.hpp"

namespace hearth::engine {
namespace {

constexpr std::chrono::seconds kRenderWait{10};
constexpr std::size_t kMaxTemplateMessage = 300;

/// llama.cpp's `common` calls std::localtime for every render; two at once would be a data race.
std::timed_mutex& render_mutex() {
  static std::timed_mutex mutex;
  return mutex;
}

using RenderLock = std::unique_lock<std::timed_mutex>;

Result<RenderLock> lock_renders() {
  RenderLock lock{render_mutex(), kRenderWait};
  if (lock.owns_lock()) return lock;
  return fail(ErrorCode::unavailable, "the chat template of another request has not finished; try again later");
}

/// The sentence of a template's raise_exception, without llama.cpp's picture of the template's source.
std::string template_message(std::string_view what) {
  constexpr std::string_view mark = "Error: ";
  if (const std::size_t at = what.rfind(mark); at != std::string_view::npos) what.remove_prefix(at + mark.size());
  return std::string{what.substr(0, kMaxTemplateMessage)};
}

struct Compiled {
  std::string given;   // what the caller asked for; empty: the model's own
  std::string source;  // as llama.cpp runs it: it mends some known templates
  common_chat_templates_ptr templates;
  std::map<std::string, bool> caps;
  bool thinking = false;
};
using CompiledPtr = std::shared_ptr<const Compiled>;

Result<> check_template_size(std::string_view source) {
  if (source.size() > kMaxTemplateBytes) {
    return fail(ErrorCode::invalid_request, fmt::format("the chat template has {} bytes; at most {} are allowed",
                                                        source.size(), kMaxTemplateBytes));
  }
  if (template_nesting(source) > kMaxTemplateNesting) {
    return fail(ErrorCode::invalid_request,
                fmt::format("the chat template is nested deeper than {} levels", kMaxTemplateNesting));
  }
  return {};
}

/// llama.cpp loses the message of a template that does not compile: ask the parser again.
std::string compile_message(const std::string& source, const std::string& fallback) {
  try {
    const common_chat_template again{source, "", ""};
  } catch (const std::exception& e) {
    return template_message(e.what());
  }
  return fallback;
}

Result<CompiledPtr> compile(const llama_model* model, const std::string& source) {
  HEARTH_CHECKED(check_template_size(source));
  HEARTH_TRY(const RenderLock lock, lock_renders());
  auto compiled = std::make_shared<Compiled>();
  compiled->given = source;
  try {
    compiled->templates = common_chat_templates_init(model, source);
    compiled->source = common_chat_templates_source(compiled->templates.get());
    compiled->caps = common_chat_templates_get_caps(compiled->templates.get());
  } catch (const std::exception& e) {
    return fail(ErrorCode::invalid_request, "the chat template does not compile: " + compile_message(source, e.what()),
                "template");
  }
  try {
    compiled->thinking = common_chat_templates_support_enable_thinking(compiled->templates.get());
  } catch (const std::exception&) {
    compiled->thinking = false;  // a template that wants more than one user message; render() will say what
  }
  return compiled;
}

GrammarTrigger to_trigger(const common_grammar_trigger& trigger) {
  using Kind = GrammarTrigger::Kind;
  const auto kind = [&] {
    switch (trigger.type) {
      case COMMON_GRAMMAR_TRIGGER_TYPE_TOKEN: return Kind::token;
      case COMMON_GRAMMAR_TRIGGER_TYPE_PATTERN: return Kind::pattern;
      case COMMON_GRAMMAR_TRIGGER_TYPE_PATTERN_FULL: return Kind::pattern_full;
      case COMMON_GRAMMAR_TRIGGER_TYPE_WORD: break;
    }
    return Kind::word;
  };
  return {.kind = kind(), .value = trigger.value, .token = trigger.token};
}

bool ends_in_thinking(const common_chat_params& params) {
  if (params.thinking_end_tags.empty() || params.thinking_start_tag.empty()) return false;
  const std::size_t start = params.generation_prompt.rfind(params.thinking_start_tag);
  if (start == std::string::npos) return false;
  const std::size_t inside = start + params.thinking_start_tag.size();
  for (const std::string& tag : params.thinking_end_tags) {
    if (params.generation_prompt.find(tag, inside) != std::string::npos) return false;
  }
  return true;
}

RenderedChat to_rendered(common_chat_params params, bool is_continuation) {
  RenderedChat out;
  out.parser = std::make_shared<ChatParser>(params.format, params.generation_prompt, params.parser, is_continuation);
  out.thinking_open = ends_in_thinking(params);
  out.prompt = std::move(params.prompt);
  out.generation_prompt = std::move(params.generation_prompt);
  out.grammar = std::move(params.grammar);
  if (!out.grammar.empty()) out.grammar_root = "root";
  out.grammar_lazy = params.grammar_lazy;
  out.grammar_prefill = !out.grammar.empty() && !params.grammar_lazy;
  for (const auto& trigger : params.grammar_triggers) out.grammar_triggers.push_back(to_trigger(trigger));
  out.preserved_tokens = std::move(params.preserved_tokens);
  out.additional_stops = std::move(params.additional_stops);
  out.supports_thinking = params.supports_thinking;
  out.thinking_start_tag = std::move(params.thinking_start_tag);
  out.thinking_end_tags = std::move(params.thinking_end_tags);
  return out;
}

Result<RenderedChat> render_fallback(const inference::ChatRequest& request, const RenderOptions& options) {
  RenderedChat out;
  HEARTH_TRY(out.prompt, plain_prompt(request));
  out.parser = std::make_shared<ChatParser>();
  out.degraded.emplace_back("no chat template");
  if (!options.constraint_gbnf.empty()) {
    out.grammar = options.constraint_gbnf;
    out.grammar_root = "root";
  }
  return out;
}

Result<RenderedChat> render_with(const Compiled& compiled, const inference::ChatRequest& request,
                                 const RenderOptions& options) {
  std::vector<std::string> degraded;
  HEARTH_TRY(const auto inputs, to_template_inputs(request, options, compiled.caps, degraded));
  HEARTH_TRY(RenderLock lock, lock_renders());
  RenderedChat out;
  try {
    out = to_rendered(common_chat_templates_apply(compiled.templates.get(), inputs), request.continue_final_message);
  } catch (const std::exception& e) {
    return fail(ErrorCode::invalid_request,
                "the model's chat template refuses this chat: " + template_message(e.what()), "messages");
  }
  lock.unlock();
  if (inputs.tool_choice == COMMON_CHAT_TOOL_CHOICE_REQUIRED) out.grammar = without_preamble(std::move(out.grammar));
  if (out.prompt.size() > kMaxPromptBytes) {
    return fail(ErrorCode::payload_too_large,
                fmt::format("the chat template made a prompt of {} bytes; at most {} are allowed", out.prompt.size(),
                            kMaxPromptBytes));
  }
  out.degraded = std::move(degraded);
  if (!options.constraint_gbnf.empty()) HEARTH_CHECKED(constrain_answer(out, *out.parser, options.constraint_gbnf));
  return out;
}

}  // namespace

struct ChatFormat::Impl {
  const llama_model* model = nullptr;
  CompiledPtr own;  // null for the fallback
  std::string source;

  mutable std::mutex mutex;
  mutable std::list<CompiledPtr> overrides;  // most recently used first

  Result<CompiledPtr> find_override(const std::string& text) const {
    {
      const std::lock_guard lock{mutex};
      for (auto it = overrides.begin(); it != overrides.end(); ++it) {
        if ((*it)->given != text) continue;
        overrides.splice(overrides.begin(), overrides, it);
        return overrides.front();
      }
    }
    HEARTH_TRY(auto compiled, compile(model, text));
    const std::lock_guard lock{mutex};
    overrides.push_front(compiled);
    if (overrides.size() > kMaxCachedTemplates) overrides.pop_back();
    return compiled;
  }
};

ChatFormat::ChatFormat(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
ChatFormat::~ChatFormat() = default;

Result<std::unique_ptr<ChatFormat>> ChatFormat::create(const llama_model* model, std::string template_override,
                                                       ChatFormatOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->model = model;
  const char* embedded = model == nullptr ? nullptr : llama_model_chat_template(model, nullptr);
  if (template_override.empty() && embedded != nullptr) HEARTH_CHECKED(check_template_size(embedded));
  if (template_override.empty() && embedded == nullptr) {
    if (!options.plain_fallback) {
      return fail(ErrorCode::unsupported,
                  "the model has no chat template; use /v1/completions, or give it a TEMPLATE in a Modelfile", "model");
    }
  } else {
    HEARTH_TRY(impl->own, compile(model, template_override));
    impl->source = impl->own->source;
  }
  return std::unique_ptr<ChatFormat>{new ChatFormat{std::move(impl)}};
}

Result<RenderedChat> ChatFormat::render(const inference::ChatRequest& request, const RenderOptions& options) const {
  CompiledPtr compiled = impl_->own;
  if (!request.template_override.empty()) {
    HEARTH_TRY(compiled, impl_->find_override(request.template_override));
  }
  if (!compiled) return render_fallback(request, options);
  return render_with(*compiled, request, options);
}

ChatCapabilities ChatFormat::capabilities() const {
  ChatCapabilities out;
  if (!impl_->own) return out;
  const auto& caps = impl_->own->caps;
  out.tools = caps.at("supports_tools") || caps.at("supports_tool_calls");
  out.parallel_tools = out.tools && caps.at("supports_parallel_tool_calls");
  out.thinking = impl_->own->thinking;
  out.system_role = caps.at("supports_system_role");
  out.reasoning_effort = caps.at("supports_reasoning_effort");
  return out;
}

const std::string& ChatFormat::template_source() const { return impl_->source; }
bool ChatFormat::is_fallback() const { return impl_->own == nullptr; }

}  // namespace hearth::engine
