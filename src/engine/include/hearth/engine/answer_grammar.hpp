// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace hearth::engine {

/// A model may bring the grammar of its answers (GGUF key `hearth.answer_grammar`, GBNF), which holds where a request
/// demands no other form. Its rule `user-words` is ours to define for each request: whole words of the user's message
/// as they stand there, one or several in a row. A small model that picks words cannot misspell them then. Pure.
std::string answer_grammar(std::string_view grammar, std::string_view message);

}  // namespace hearth::engine
