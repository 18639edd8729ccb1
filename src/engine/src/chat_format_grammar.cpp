// SPDX-License-Identifier: Apache-2.0
#include "chat_format_grammar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <vector>

namespace hearth::engine {
namespace {

constexpr std::string_view kBlanks = "hearth-blanks ::= [ \\t\\r\\n]{0,4}\n";

std::vector<std::string> characters(std::string_view text) {
  std::vector<std::string> out;
  for (const char c : text) {
    if (out.empty() || (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) out.emplace_back();
    out.back() += c;
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      if (std::string_view{"\"\\[]-^"}.find(c) != std::string_view::npos) {
        out += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
      } else {
        out += c;
      }
    }
  }
  return out;
}

std::string literal(std::string_view text) { return "\"" + escaped(text) + "\""; }

/// next[i][k]: the state after state i reads the k-th distinct character.
struct Automaton {
  std::vector<std::string> alphabet;
  std::vector<std::vector<std::size_t>> next;
};

Automaton build_automaton(const std::vector<std::string>& end) {
  Automaton automaton{.alphabet = end, .next = {}};
  std::ranges::sort(automaton.alphabet);
  const auto repeated = std::ranges::unique(automaton.alphabet);
  automaton.alphabet.erase(repeated.begin(), repeated.end());
  std::size_t fallback = 0;  // the state after end[1..i)
  for (std::size_t i = 0; i < end.size(); ++i) {
    std::vector<std::size_t> row;
    for (std::size_t k = 0; k < automaton.alphabet.size(); ++k) {
      if (automaton.alphabet[k] == end[i])
        row.push_back(i + 1);
      else
        row.push_back(i == 0 ? 0 : automaton.next[fallback][k]);
    }
    automaton.next.push_back(row);
    if (i > 0) {
      const auto at = std::ranges::lower_bound(automaton.alphabet, end[i]) - automaton.alphabet.begin();
      fallback = automaton.next[fallback][static_cast<std::size_t>(at)];
    }
  }
  return automaton;
}

bool is_thinking_open(const RenderedChat& chat) {
  if (chat.thinking_end_tags.empty()) return false;
  if (chat.thinking_start_tag.empty()) return true;
  const std::size_t start = chat.generation_prompt.rfind(chat.thinking_start_tag);
  if (start == std::string::npos) return false;
  return std::ranges::none_of(chat.thinking_end_tags, [&](const std::string& tag) {
    return chat.generation_prompt.find(tag, start + chat.thinking_start_tag.size()) != std::string::npos;
  });
}

/// gpt-oss speaks in channels: any number of analyses, then the final message.
bool has_channels(const RenderedChat& chat) { return chat.thinking_start_tag == "<|channel|>analysis<|message|>"; }

std::string channel_grammar(const RenderedChat& chat) {
  return fmt::format("{} ::= ({} hearth-thinking {})* {} root\n", kAnswerRoot, literal(chat.thinking_start_tag),
                     literal("<|start|>assistant"), literal("<|channel|>final<|message|>"));
}

}  // namespace

std::string without_preamble(std::string gbnf) {
  std::size_t line = gbnf.starts_with("root ::=") ? 0 : gbnf.find("\nroot ::=");
  if (line == std::string::npos) return gbnf;
  const std::size_t end = std::min(gbnf.find('\n', line + 1), gbnf.size());
  static const std::regex kPreamble{R"( until-[0-9]+\? (?=tool-calls))"};
  const std::string root = std::regex_replace(gbnf.substr(line, end - line), kPreamble, " ");
  return gbnf.replace(line, end - line, root);
}

std::string text_through(const std::string& name, std::string_view end) {
  const std::vector<std::string> chars = characters(end);
  const Automaton automaton = build_automaton(chars);
  std::string others;
  for (const std::string& c : automaton.alphabet) others += escaped(c);
  const auto state = [&](std::size_t i) { return i == 0 ? name : fmt::format("{}-{}", name, i); };
  std::string rules;
  for (std::size_t i = 0; i < chars.size(); ++i) {
    rules += fmt::format("{} ::= [^{}] {}", state(i), others, state(0));
    for (std::size_t k = 0; k < automaton.alphabet.size(); ++k) {
      const std::size_t to = automaton.next[i][k];
      rules += fmt::format(" | {}{}", literal(automaton.alphabet[k]), to == chars.size() ? "" : " " + state(to));
    }
    rules += '\n';
  }
  return rules;
}

Result<> constrain_answer(RenderedChat& chat, const ChatParser& parser, const std::string& gbnf) {
  chat.grammar_root = kAnswerRoot;
  const std::string end = chat.thinking_end_tags.empty() ? "" : chat.thinking_end_tags.front();
  const std::string thinking = end.empty() ? "" : text_through("hearth-thinking", end) + std::string{kBlanks};
  if (has_channels(chat)) {
    chat.grammar = channel_grammar(chat) + thinking + gbnf;
    return {};
  }
  const bool open = is_thinking_open(chat);
  const ParsedChat answer = parser.parse(open ? end + "x" : "x");
  if (answer.failed || !answer.message.content.ends_with("x")) {
    return fail(ErrorCode::unsupported,
                "the model's chat format wraps its answers in markers, which response_format cannot be combined with",
                "response_format");
  }
  const bool optional = !end.empty() && !open && chat.generation_prompt.find(end) == std::string::npos;
  const std::string start = literal(chat.thinking_start_tag);
  const std::string before = open       ? "hearth-thinking hearth-blanks "
                             : optional ? fmt::format("({} hearth-thinking hearth-blanks)? ", start)
                                        : "";
  chat.grammar = fmt::format("{} ::= {}root\n", kAnswerRoot, before) + (before.empty() ? "" : thinking) + gbnf;
  return {};
}

}  // namespace hearth::engine
