// SPDX-License-Identifier: Apache-2.0
#include "chat_stream_parser.hpp"

#include <algorithm>
#include <memory>
#include <set>
#include <variant>

#include "hearth/base/text.hpp"

namespace hearth::engine {
namespace {

constexpr char kProbe = '\x01';  // plain text accepts it, no literal of any format does

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

/// The offset at which brackets are nested deeper than kMaxOutputNesting; npos if they never are.
std::size_t find_too_deep(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] == '{' || text[i] == '[') && ++depth > kMaxOutputNesting) return i;
    if ((text[i] == '}' || text[i] == ']') && depth > 0) --depth;
  }
  return std::string_view::npos;
}

common_chat_msg to_message(common_chat_format format, const common_peg_ast_arena& ast,
                           const common_peg_parse_result& result) {
  common_chat_msg message;
  message.role = "assistant";
  if (format == COMMON_CHAT_FORMAT_PEG_GEMMA4) {
    common_chat_peg_gemma4_mapper{message}.from_ast(ast, result);
  } else if (format == COMMON_CHAT_FORMAT_PEG_MINIMAX_M3) {
    common_chat_peg_minimax_m3_mapper{message}.from_ast(ast, result);
  } else {
    common_chat_peg_mapper{message}.from_ast(ast, result);
  }
  return message;
}

std::vector<common_peg_parser_id> children_of(const common_peg_arena& arena, common_peg_parser_id id) {
  return std::visit(
      [&](const auto& parser) -> std::vector<common_peg_parser_id> {
        if constexpr (requires { parser.children; })
          return parser.children;
        else if constexpr (requires { parser.child; })
          return {parser.child};
        else if constexpr (std::is_same_v<std::decay_t<decltype(parser)>, common_peg_ref_parser>)
          return {arena.get_rule(parser.name)};
        else
          return {};
      },
      arena.get(id));
}

ChatRegion region_of(const common_peg_ast_node& node) {
  if (node.tag == common_chat_peg_builder::CONTENT) return ChatRegion::content;
  if (node.tag == common_chat_peg_builder::REASONING) return ChatRegion::reasoning;
  if (node.tag == common_chat_peg_builder::TOOL_ARG_STRING_VALUE) return ChatRegion::raw_text;
  // Arguments that are no JSON object are put together from Python or XML.
  if (node.tag == common_chat_peg_builder::TOOL_ARGS && node.text.starts_with('{')) return ChatRegion::json_text;
  return ChatRegion::structure;
}

const std::string& text_of(const common_chat_msg& message, ChatRegion region) {
  static const std::string none;
  if (region == ChatRegion::content) return message.content;
  if (region == ChatRegion::reasoning) return message.reasoning_content;
  return message.tool_calls.empty() ? none : message.tool_calls.back().arguments;
}

}  // namespace

std::string json_escaped(std::string_view text) {
  const std::string quoted = common_json(text::to_valid_utf8(text)).dump();
  return quoted.substr(1, quoted.size() - 2);
}

/// One run of llama.cpp's parser, and whether it ended inside a content or reasoning node.
struct ChatParser::Reading {
  common_peg_parse_result result;
  common_chat_msg message;
  ChatRegion tail = ChatRegion::structure;
  std::size_t tail_start = 0;
  bool tail_blank = true;
};

ChatParser::ChatParser(common_chat_format format, std::string generation_prompt, const std::string& saved,
                       bool is_continuation)
    : format_{format}, generation_prompt_{std::move(generation_prompt)}, is_continuation_{is_continuation} {
  if (saved.empty()) return;
  arena_.load(saved);
  passthrough_ = false;
  collect_markers();
  find_passthrough();
}

void ChatParser::collect_markers() {
  std::set<std::string> markers;
  std::vector<std::pair<common_peg_parser_id, bool>> open{{arena_.root(), false}};
  std::set<std::pair<common_peg_parser_id, bool>> seen;
  while (!open.empty()) {
    const auto [id, in_text] = open.back();
    open.pop_back();
    if (!seen.emplace(id, in_text).second) continue;
    const auto& parser = arena_.get(id);
    bool text = in_text;
    if (const auto* until = std::get_if<common_peg_until_parser>(&parser)) {
      markers.insert(until->delimiters.begin(), until->delimiters.end());
    } else if (const auto* tag = std::get_if<common_peg_tag_parser>(&parser)) {
      text = tag->tag == common_chat_peg_builder::CONTENT || tag->tag == common_chat_peg_builder::REASONING;
      has_tool_ids_ = has_tool_ids_ || tag->tag == common_chat_peg_builder::TOOL_ID;
    } else if (in_text && (std::holds_alternative<common_peg_chars_parser>(parser) ||
                           std::holds_alternative<common_peg_string_parser>(parser))) {
      verbatim_ = false;  // ends at characters that are no marker; every stretch is parsed then
    }
    for (const common_peg_parser_id child : children_of(arena_, id)) open.emplace_back(child, text);
  }
  markers.erase("");
  markers_.assign(markers.begin(), markers.end());
}

void ChatParser::find_passthrough() {
  if (!markers_.empty() || !verbatim_ || is_continuation_) return;
  constexpr std::string_view sample = " \nx";
  const ParsedChat parsed = parse(sample);
  passthrough_ = !parsed.failed && parsed.tail == ChatRegion::content && parsed.message.content == sample;
}

ChatParser::Reading ChatParser::read(std::string_view text) const {
  Reading reading;
  common_peg_parse_context context{generation_prompt_ + std::string{text}, COMMON_PEG_PARSE_FLAG_LENIENT};
  reading.result = arena_.parse(context);
  if (reading.result.fail()) return reading;
  reading.message = to_message(format_, context.ast, reading.result);
  if (!reading.result.need_more_input() || !verbatim_) return reading;
  const auto* nodes = &reading.result.nodes;
  while (!nodes->empty()) {
    const common_peg_ast_node& node = context.ast.get(nodes->back());
    if (!node.is_partial || node.end != context.input.size()) break;
    if (const ChatRegion region = region_of(node); region != ChatRegion::structure) {
      reading.tail = region;
      reading.tail_start = node.start;
      reading.tail_blank = is_blank(node.text);
    }
    nodes = &node.children;
  }
  return reading;
}

ParsedChat ChatParser::parse(std::string_view text) const {
  ParsedChat parsed;
  parsed.cost = base_cost() + text.size();
  if (arena_.empty()) {
    parsed.message.role = "assistant";
    parsed.message.content = text;
    parsed.tail = ChatRegion::content;
    return parsed;
  }
  if (const std::size_t deep = find_too_deep(text); deep != std::string_view::npos) {
    parsed.failed = parsed.too_deep = true;
    parsed.failed_at = deep;
    return parsed;
  }
  try {
    parse_checked(text, parsed);
  } catch (const std::exception&) {  // invalid UTF-8 in an argument
    parsed = {.failed = true, .too_deep = false, .failed_at = 0, .message = {}, .cost = parsed.cost};
  }
  return parsed;
}

void ChatParser::parse_checked(std::string_view text, ParsedChat& parsed) const {
  Reading reading = read(text);
  parsed.failed = reading.result.fail();
  if (parsed.failed) {
    parsed.failed_at = std::min(text.size(), std::max(reading.result.end, base_cost()) - base_cost());
    return;
  }
  parsed.message = std::move(reading.message);
  // Blanks alone may still be dropped by the format: not yet word for word.
  if (reading.tail == ChatRegion::structure || reading.tail_blank) return;
  const Reading probe = read(std::string{text} + kProbe);
  parsed.cost += base_cost() + text.size() + 1;
  const std::string grown = reading.tail == ChatRegion::raw_text ? json_escaped({&kProbe, 1}) : std::string{kProbe};
  if (probe.tail == reading.tail && probe.tail_start == reading.tail_start &&
      probe.message.tool_calls.size() == parsed.message.tool_calls.size() &&
      text_of(probe.message, reading.tail) == text_of(parsed.message, reading.tail) + grown) {
    parsed.tail = reading.tail;
    parsed.tail_start = reading.tail_start;
  }
}

}  // namespace hearth::engine
