// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::models {

inline constexpr std::size_t kTemplateBytesMax = 256U << 10;
inline constexpr std::size_t kTemplateDepthMax = 64;  // nested blocks, nested parentheses

/// Whether a template is Jinja already: it has "{%" or "{#", or prints one of Jinja's chat variables.
bool is_jinja(std::string_view template_text) noexcept;

/// Ollama's TEMPLATE (Go text/template) as Jinja for `messages`, `tools`, `add_generation_prompt`, `enable_thinking`,
/// `reasoning_effort`. Jinja passes unchanged. Messages are collated as Ollama does it: .System is all system messages
/// joined by a blank line, neighbours of one role become one message. A template without .Messages (.System, .Prompt,
/// .Response) is repeated for each turn, and what stands behind .Response is left out at the end, where the model goes
/// on. Differences: .Suffix is empty (fill in the middle does not go through chat templates); a template with .Messages
/// writes its own beginning of the answer, whatever add_generation_prompt says, as it does in Ollama.
/// unsupported names the construct that has no translation; invalid_request says where the syntax is broken. Pure.
Result<std::string> to_jinja(std::string_view template_text);

}  // namespace hearth::models
