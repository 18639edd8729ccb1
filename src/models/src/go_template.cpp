// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/go_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "go_template_expression.hpp"

namespace hearth::models {
namespace {

using namespace go;  // NOLINT(google-build-using-namespace): the translator's own parts, in this file only

using Names = std::set<std::string, std::less<>>;

void collect(const Expression& e, Names& names) {
  if (e.kind == Expression::Kind::field) names.insert(e.name);
  for (const auto& arg : e.args) collect(arg, names);
}

void collect(const std::vector<Node>& nodes, Names& names) {
  for (const auto& node : nodes) {
    collect(node.value, names);
    collect(node.body, names);
    collect(node.otherwise, names);
  }
}

// Ollama ends the last turn behind .Response: the model goes on from there. True once it was met.
bool cut_behind_response(std::vector<Node>& nodes) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    Names names;
    if (nodes[i].kind == Node::Kind::print) collect(nodes[i].value, names);
    bool met = names.contains("Response");
    if (!met && cut_behind_response(nodes[i].body)) {
      nodes[i].otherwise.clear();
      met = true;
    }
    if (!met) met = cut_behind_response(nodes[i].otherwise);
    if (!met) continue;
    nodes.resize(i + 1);
    return true;
  }
  return false;
}

/// Writes the body of a template. All text goes through string literals and all tags trim, so that Jinja's own rules
/// about blanks never matter. Variables live in one namespace object, because Jinja's `set` does not leave a loop.
class Writer {
 public:
  explicit Writer(std::map<std::string, Value, std::less<>> root) : scope_{std::move(root)} {}

  Result<std::string> run(const std::vector<Node>& nodes) {
    HEARTH_CHECKED(write(nodes));
    return std::move(out_);
  }

 private:
  Result<> write(const std::vector<Node>& nodes) {
    for (const auto& node : nodes) HEARTH_CHECKED(write(node));
    return {};
  }

  Result<> write(const Node& node) {
    switch (node.kind) {
      case Node::Kind::text: return print(literal(node.text));
      case Node::Kind::print: {
        HEARTH_TRY(const auto value, translate(node.value, scope_, node.line));
        HEARTH_TRY(const auto text, as_text(value, node.line));
        return print(text);
      }
      case Node::Kind::assign: return assign(node);
      case Node::Kind::when: return when(node);
      case Node::Kind::with: return with(node);
      case Node::Kind::range: return range(node);
      case Node::Kind::stop: return tag("break");
      case Node::Kind::skip: return tag("continue");
    }
    return {};
  }

  Result<> print(const std::string& code) {
    out_ += fmt::format("{{{{- {} -}}}}", code);
    return {};
  }
  Result<> tag(const std::string& code) {
    out_ += fmt::format("{{%- {} -%}}", code);
    return {};
  }

  // A new place in the namespace object, filled with `value`, and what reads it.
  Value store(const Value& value) {
    Value place{fmt::format("go.v{}", ++count_), value.type};
    static_cast<void>(tag(fmt::format("set {} = {}", place.code, value.code)));
    return place;
  }

  Result<> assign(const Node& node) {
    HEARTH_TRY(const auto value, translate(node.value, scope_, node.line));
    if (value.type == Type::root) return unsupported(node.line, "the whole data as a variable");
    const std::string& name = node.variables.front();
    if (node.declares) {
      scope_.declare(name, store(value));
      return {};
    }
    const Value* known = scope_.variable(name);
    if (known == nullptr) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("template line {}: the variable ${} is not declared", node.line, name), "template");
    }
    return tag(fmt::format("set {} = {}", known->code, value.code));
  }

  Result<> branches(const Node& node) {
    scope_.open();
    HEARTH_CHECKED(write(node.body));
    scope_.close();
    return {};
  }

  Result<> otherwise(const Node& node) {
    if (node.otherwise.empty()) return {};
    HEARTH_CHECKED(tag("else"));
    scope_.open();
    HEARTH_CHECKED(write(node.otherwise));
    scope_.close();
    return {};
  }

  Result<> when(const Node& node) {
    HEARTH_TRY(auto value, translate(node.value, scope_, node.line));
    if (value.type == Type::root) value.code = "true";
    scope_.open();
    if (!node.variables.empty()) {
      value = store(value);
      scope_.declare(node.variables.front(), value);
    }
    HEARTH_CHECKED(tag("if " + value.code));
    HEARTH_CHECKED(branches(node));
    HEARTH_CHECKED(otherwise(node));
    scope_.close();
    return tag("endif");
  }

  Result<> with(const Node& node) {
    HEARTH_TRY(auto value, translate(node.value, scope_, node.line));
    if (value.type == Type::root) return unsupported(node.line, "'with' of the whole data");
    value = store(value);
    scope_.open();
    if (!node.variables.empty()) scope_.declare(node.variables.front(), value);
    HEARTH_CHECKED(tag("if " + value.code));
    scope_.push_dot(value);
    HEARTH_CHECKED(branches(node));
    scope_.pop_dot();
    HEARTH_CHECKED(otherwise(node));
    scope_.close();
    return tag("endif");
  }

  Result<> range(const Node& node) {
    HEARTH_TRY(const auto value, translate(node.value, scope_, node.line));
    if (value.type == Type::root || value.type == Type::text || value.type == Type::boolean ||
        value.type == Type::integer) {
      return unsupported(node.line, fmt::format("'range' over {}", describe(value.type)));
    }
    const bool alternative = !node.otherwise.empty();
    if (alternative) HEARTH_CHECKED(tag("if " + value.code));
    const std::string item = fmt::format("go_item{}", ++count_);
    const bool map = is_map(value.type);
    HEARTH_CHECKED(tag(map ? fmt::format("for {0}_key, {0} in {1}.items()", item, value.code)
                           : fmt::format("for {} in {}", item, value.code)));
    scope_.open();
    const Value element{item, element_of(value.type)};
    if (node.variables.size() == 2) {
      const Value key = map ? Value{item + "_key", Type::text} : Value{"loop.index0", Type::integer};
      if (node.variables[0] != "_") scope_.declare(node.variables[0], store(key));
      if (node.variables[1] != "_") scope_.declare(node.variables[1], store(element));
    } else if (node.variables.size() == 1 && node.variables[0] != "_") {
      scope_.declare(node.variables[0], store(element));
    }
    scope_.push_dot(element);
    HEARTH_CHECKED(write(node.body));
    scope_.pop_dot();
    scope_.close();
    HEARTH_CHECKED(tag("endfor"));
    HEARTH_CHECKED(otherwise(node));
    return alternative ? tag("endif") : Result<>{};
  }

  Scope scope_;
  std::string out_;
  std::size_t count_ = 0;
};

// The keys of a collated message beside role and content, as far as the template looks at them: llama.cpp concludes
// from what is read whether a template knows tools and thinking.
std::string collated_extras(const Names& names, std::string_view from, bool collated) {
  struct Extra {
    std::string_view field, key, source, empty;
  };
  constexpr std::array kExtras{
      Extra{"Thinking", "thinking", "reasoning_content", "\"\""}, Extra{"ToolCalls", "tool_calls", "tool_calls", "[]"},
      Extra{"ToolName", "tool_name", "name", "\"\""}, Extra{"ToolCallID", "tool_call_id", "tool_call_id", "\"\""}};
  std::string out;
  for (const auto& e : kExtras) {
    if (names.contains(e.field))
      out += fmt::format(", \"{}\": {}.{} or {}", e.key, from, collated ? e.key : e.source, e.empty);
  }
  return out;
}

std::string collate(const Names& names) {
  std::string out = "{%- set go = namespace(system=\"\", messages=[], prompt=\"\", response=\"\") -%}";
  if (names.contains("Tools")) out += "{%- set go.tools = tools or [] -%}";
  out += "{%- for m in messages -%}{%- set content = m.content or \"\" -%}";
  out +=
      "{%- if m.role == \"system\" -%}{%- set go.system = (go.system + \"\\n\\n\" + content) if go.system else content "
      "-%}{%- endif -%}";
  out +=
      "{%- if go.messages and go.messages[-1].role == m.role and m.role != \"tool\" -%}{%- set last = go.messages[-1] "
      "-%}";
  out +=
      "{%- set go.messages = go.messages[:-1] + [{\"role\": last.role, \"content\": last.content + \"\\n\\n\" + "
      "content" +
      collated_extras(names, "last", /*collated=*/true) + "}] -%}";
  out += "{%- else -%}{%- set go.messages = go.messages + [{\"role\": m.role, \"content\": content" +
         collated_extras(names, "m", /*collated=*/false) + "}] -%}{%- endif -%}{%- endfor -%}";
  return out;
}

std::map<std::string, Value, std::less<>> root_fields(bool whole_chat) {
  const Value empty{"\"\"", Type::text};
  std::map<std::string, Value, std::less<>> root{
      {"System", {"go.system", Type::text}},
      {"Tools", {"go.tools", Type::tools}},
      {"Suffix", empty},
      {"Prompt", whole_chat ? empty : Value{"go.prompt", Type::text}},
      {"Response", whole_chat ? empty : Value{"go.response", Type::text}},
      {"Think", {"(enable_thinking is defined and enable_thinking)", Type::boolean}},
      {"IsThinkSet", {"(enable_thinking is defined)", Type::boolean}},
      {"ThinkLevel", {"(reasoning_effort or \"\")", Type::text}},
  };
  if (whole_chat) root.emplace("Messages", Value{"go.messages", Type::messages});
  return root;
}

// A template of one turn: written out whenever the next message begins a new one, and once more at the end.
Result<std::string> each_turn(const std::vector<Node>& nodes) {
  std::vector<Node> last = nodes;
  cut_behind_response(last);
  HEARTH_TRY(const auto turn, Writer{root_fields(/*whole_chat=*/false)}.run(nodes));
  HEARTH_TRY(const auto open_turn, Writer{root_fields(/*whole_chat=*/false)}.run(last));
  std::string out = "{%- set go.system = \"\" -%}{%- for m in go.messages -%}";
  out += "{%- if (m.role == \"system\" and (go.prompt or go.response)) or (m.role == \"user\" and go.response) -%}" +
         turn + "{%- set go.system = \"\" -%}{%- set go.prompt = \"\" -%}{%- set go.response = \"\" -%}{%- endif -%}";
  out +=
      "{%- if m.role == \"system\" -%}{%- set go.system = m.content -%}{%- elif m.role == \"user\" -%}{%- set "
      "go.prompt = m.content -%}";
  out += "{%- elif m.role == \"assistant\" -%}{%- set go.response = m.content -%}{%- endif -%}{%- endfor -%}";
  out += "{%- if go.response and not add_generation_prompt -%}" + turn + "{%- else -%}" + open_turn + "{%- endif -%}";
  return out;
}

}  // namespace

bool is_jinja(std::string_view text) noexcept {
  if (text.find("{%") != std::string_view::npos || text.find("{#") != std::string_view::npos) return true;
  for (auto at = text.find("{{"); at != std::string_view::npos; at = text.find("{{", at + 2)) {
    std::string_view inside = text.substr(at + 2);
    inside.remove_prefix(std::min(inside.find_first_not_of("- \t\r\n"), inside.size()));
    for (const auto* name : {"messages", "message", "bos_token", "eos_token", "tools"}) {
      if (inside.starts_with(name)) return true;
    }
  }
  return false;
}

Result<std::string> to_jinja(std::string_view text) {
  if (text.size() > kTemplateBytesMax) {
    return fail(ErrorCode::payload_too_large,
                fmt::format("the template has {} bytes; at most {} are allowed", text.size(), kTemplateBytesMax),
                "template");
  }
  if (text.empty() || is_jinja(text)) return std::string{text};
  HEARTH_TRY(auto nodes, parse(text));
  Names names;
  collect(nodes, names);
  if (names.contains("Messages")) {
    HEARTH_TRY(const auto body, Writer{root_fields(/*whole_chat=*/true)}.run(nodes));
    return collate(names) + body;
  }
  if (!names.contains("Response")) {
    Node response;
    response.kind = Node::Kind::print;
    response.value = {Expression::Kind::field, "Response", {Expression{}}};
    nodes.push_back(std::move(response));
  }
  HEARTH_TRY(const auto body, each_turn(nodes));
  return collate(names) + body;
}

}  // namespace hearth::models
