// SPDX-License-Identifier: Apache-2.0
#include "go_template_expression.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nearest.hpp"

namespace hearth::models::go {
namespace {

constexpr std::string_view kCompactJson = "tojson(separators=(\",\", \":\"))";

class Translator {
 public:
  Translator(const Scope& scope, std::size_t line) : scope_{scope}, line_{line} {}

  Result<Value> run(const Expression& e) const {
    using Kind = Expression::Kind;
    switch (e.kind) {
      case Kind::dot: return scope_.dot();
      case Kind::text: return Value{literal(e.name), Type::text};
      case Kind::boolean: return Value{e.name, Type::boolean};
      case Kind::nil: return Value{"none", Type::any};
      case Kind::number:
        if (e.name.find_first_not_of("0123456789-") != std::string::npos)
          return unsupported(line_, fmt::format("the number {}", e.name));
        return Value{e.name, Type::integer};
      case Kind::variable: return variable(e);
      case Kind::field: return field(e);
      case Kind::call: return call(e);
    }
    return unsupported(line_, "an expression");
  }

 private:
  Result<Value> variable(const Expression& e) const {
    if (e.name.empty()) return Value{"", Type::root};
    if (const Value* found = scope_.variable(e.name)) return *found;
    return fail(ErrorCode::invalid_request,
                fmt::format("template line {}: the variable ${} is not declared", line_, printable(e.name)),
                "template");
  }

  Result<Value> field(const Expression& e) const {
    HEARTH_TRY(const Value owner, run(e.args.front()));
    if (owner.type == Type::root) {
      if (const Value* found = scope_.root_field(e.name)) return *found;
    } else {
      const auto* found =
          std::ranges::find_if(kFields, [&](const Field& f) { return f.owner == owner.type && f.name == e.name; });
      if (found != kFields.end()) return Value{fmt::format("{}.{}", owner.code, found->key), found->type};
    }
    return unsupported(line_, fmt::format("the field .{} of {}", printable(e.name), describe(owner.type)));
  }

  Result<Value> call(const Expression& e) const {
    std::vector<Value> args;
    for (const auto& arg : e.args) {
      HEARTH_TRY(auto value, run(arg));
      if (value.type == Type::root)
        return unsupported(line_, fmt::format("the whole data as an argument of '{}'", printable(e.name)));
      args.push_back(std::move(value));
    }
    if (e.name == "and" || e.name == "or") return junction(e.name, args);
    if (e.name == "not" && args.size() == 1) return Value{fmt::format("(not {})", args[0].code), Type::boolean};
    if (e.name == "eq" && args.size() >= 2) return equal_to_any(args);
    for (const auto& [name, sign] : {std::pair{"ne", "!="}, std::pair{"lt", "<"}, std::pair{"le", "<="},
                                     std::pair{"gt", ">"}, std::pair{"ge", ">="}}) {
      if (e.name == name && args.size() == 2)
        return Value{fmt::format("({} {} {})", args[0].code, sign, args[1].code), Type::boolean};
    }
    if (e.name == "len" && args.size() == 1) return Value{fmt::format("({} | length)", args[0].code), Type::integer};
    if (e.name == "index" && args.size() == 2)
      return Value{fmt::format("{}[{}]", args[0].code, args[1].code), element_of(args[0].type)};
    if (e.name == "slice" && (args.size() == 2 || args.size() == 3)) {
      return Value{fmt::format("{}[{}:{}]", args[0].code, args[1].code, args.size() == 3 ? args[2].code : ""),
                   args[0].type};
    }
    if (e.name == "json" && args.size() == 1)
      return Value{fmt::format("({} | {})", args[0].code, kCompactJson), Type::text};
    if (e.name == "currentDate" && args.empty()) return Value{"strftime_now(\"%Y-%m-%d\")", Type::text};
    if (e.name == "print") return print(args);
    if (e.name == "printf" && !args.empty() && e.args[0].kind == Expression::Kind::text)
      return printf(e.args[0].name, args);
    return unsupported(line_, fmt::format("the function '{}' with {} arguments", printable(e.name), args.size()));
  }

  Result<Value> junction(const std::string& word, const std::vector<Value>& args) const {
    if (args.empty()) return unsupported(line_, fmt::format("'{}' without arguments", word));
    Value out{"(", args.front().type};
    for (std::size_t i = 0; i < args.size(); ++i) {
      out.code += (i == 0 ? "" : " " + word + " ") + args[i].code;
      if (args[i].type != out.type) out.type = Type::any;
    }
    out.code += ")";
    return out;
  }

  // Go's eq is true if the first equals any of the others.
  static Result<Value> equal_to_any(const std::vector<Value>& args) {
    std::string code = "(";
    for (std::size_t i = 1; i < args.size(); ++i) {
      code += fmt::format("{}{} == {}", i == 1 ? "" : " or ", args[0].code, args[i].code);
    }
    return Value{code + ")", Type::boolean};
  }

  // Go puts a space between neighbours of which neither is a string.
  Result<Value> print(const std::vector<Value>& args) const {
    std::string code = "(\"\"";
    for (std::size_t i = 0; i < args.size(); ++i) {
      HEARTH_TRY(const auto text, as_text(args[i], line_));
      if (i > 0 && args[i].type != Type::text && args[i - 1].type != Type::text) code += " ~ \" \"";
      code += " ~ " + text;
    }
    return Value{code + ")", Type::text};
  }

  Result<Value> printf(const std::string& format, const std::vector<Value>& args) const {
    std::string code = "(\"\"";
    std::string plain;
    std::size_t next = 1;
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') {
        plain += format[i];
        continue;
      }
      const char verb = ++i < format.size() ? format[i] : ' ';
      if (verb == '%') {
        plain += '%';
        continue;
      }
      if ((verb != 's' && verb != 'd' && verb != 'v') || next >= args.size()) {
        return unsupported(line_, fmt::format("printf \"{}\" with {} arguments", printable(format), args.size() - 1));
      }
      HEARTH_TRY(const auto text, as_text(args[next++], line_));
      code += fmt::format(" ~ {} ~ {}", literal(plain), text);
      plain.clear();
    }
    if (next != args.size()) return unsupported(line_, "printf with more arguments than verbs");
    return Value{fmt::format("{} ~ {})", code, literal(plain)), Type::text};
  }

  const Scope& scope_;
  std::size_t line_;
};

}  // namespace

std::string_view describe(Type type) {
  switch (type) {
    case Type::root: return "the data";
    case Type::message: return "a message";
    case Type::tool: return "a tool";
    case Type::function: return "a tool's function";
    case Type::parameters:
    case Type::properties:
    case Type::property: return "a tool's parameters";
    case Type::call:
    case Type::called: return "a tool call";
    case Type::messages:
    case Type::tools:
    case Type::calls:
    case Type::list: return "a list";
    case Type::text:
    case Type::boolean:
    case Type::integer: return "a plain value";
    case Type::any:
    case Type::object: break;
  }
  return "a value of unknown form";
}

const Value* Scope::variable(std::string_view name) const {
  for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
    if (const auto found = block->find(name); found != block->end()) return &found->second;
  }
  return nullptr;
}

const Value* Scope::root_field(std::string_view name) const {
  const auto found = root_.find(name);
  return found == root_.end() ? nullptr : &found->second;
}

Result<Value> translate(const Expression& expression, const Scope& scope, std::size_t line) {
  return Translator{scope, line}.run(expression);
}

Result<std::string> as_text(const Value& value, std::size_t line) {
  switch (value.type) {
    case Type::text:
    case Type::integer: return value.code;
    case Type::boolean: return fmt::format("(\"true\" if {} else \"false\")", value.code);
    case Type::any: return fmt::format("({0} if {0} is string else ({0} | {1}))", value.code, kCompactJson);
    case Type::root:
    case Type::message:
    case Type::messages: return unsupported(line, fmt::format("printing {} as a whole", describe(value.type)));
    default: return fmt::format("({} | {})", value.code, kCompactJson);
  }
}

std::string literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      default: out += c;
    }
  }
  return out + "\"";
}

}  // namespace hearth::models::go
