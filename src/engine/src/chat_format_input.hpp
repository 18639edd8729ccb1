// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chat.h>

#include <string>
#include <string_view>
#include <vector>

#include "hearth/engine/chat_format.hpp"

namespace hearth::engine {

/// Checks a request and turns it into the input of llama.cpp's templates. Pure.
Result<common_chat_templates_inputs> to_template_inputs(const inference::ChatRequest& request,
                                                        const RenderOptions& options,
                                                        const std::map<std::string, bool>& template_caps,
                                                        std::vector<std::string>& degraded);

/// The contents of all messages, line by line: the prompt for a model without a template.
Result<std::string> plain_prompt(const inference::ChatRequest& request);

/// Brackets, and for templates blocks, open at the deepest point.
std::size_t json_nesting(std::string_view text);
std::size_t template_nesting(std::string_view source);

}  // namespace hearth::engine
