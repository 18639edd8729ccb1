// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/models/gguf.hpp"

namespace hearth::models {

/// What a GGUF header says about its model, without the bulk of the header.
struct Facts {
  std::string family;
  std::string parameter_size;
  std::string quantization;
  std::string chat_template;
  std::int64_t context_length = 0;
  std::int64_t embedding_length = 0;
  bool embeds = false;    // gives vectors, not text
  bool fills_in = false;  // has fill-in-the-middle tokens
  bool sees = false;      // has a vision tower of its own
};
Facts facts_of(const GgufInfo& info);

/// Ollama's words, in Ollama's order. `template_text` is the image's own template; empty: the GGUF's counts.
std::vector<std::string> capabilities(const Facts& facts, std::string_view template_text, bool projector);

}  // namespace hearth::models
