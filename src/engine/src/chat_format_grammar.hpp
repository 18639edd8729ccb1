// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "chat_stream_parser.hpp"
#include "hearth/engine/chat_format.hpp"

namespace hearth::engine {

inline constexpr std::string_view kAnswerRoot = "hearth-answer";

/// Puts the thinking that `chat` allows before the grammar `gbnf` of the answer, so that only the answer is
/// constrained. Sets grammar and grammar_root. Fails with `unsupported` if the format wraps its answers in markers
/// that are not known here.
Result<> constrain_answer(RenderedChat& chat, const ChatParser& parser, const std::string& gbnf);

/// A tool grammar of `common` whose root lets free text stand before the calls, without that freedom: when a call is
/// demanded, a model that only talks would otherwise talk until its tokens are used up. Other grammars are unchanged.
std::string without_preamble(std::string gbnf);

/// GBNF rules, the first one `name`, for any text up to and with the first `end`. `end` must not be empty.
/// A Knuth-Morris-Pratt automaton, one rule a state.
std::string text_through(const std::string& name, std::string_view end);

}  // namespace hearth::engine
