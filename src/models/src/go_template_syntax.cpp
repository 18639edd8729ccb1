// SPDX-License-Identifier: Apache-2.0
#include "go_template_syntax.hpp"

#include <fmt/format.h>

#include "go_template_lexer.hpp"
#include "hearth/models/go_template.hpp"
#include "nearest.hpp"

namespace hearth::models::go {
namespace {

using Kind = Expression::Kind;

Expression literal(Kind kind, std::string value) { return {kind, std::move(value), {}}; }

Expression field_of(Expression owner, std::string name) {
  Expression out{Kind::field, std::move(name), {}};
  out.args.push_back(std::move(owner));
  return out;
}

/// One action's tokens as expressions.
class ActionParser {
 public:
  ActionParser(std::vector<Token> tokens, std::size_t line) : tokens_{std::move(tokens)}, line_{line} {}

  const Token& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool is_word(std::string_view text) const { return peek().kind == Token::Kind::word && peek().text == text; }
  bool is_sign(std::string_view text, std::size_t ahead = 0) const {
    return peek(ahead).kind == Token::Kind::sign && peek(ahead).text == text;
  }
  bool done() const { return peek().kind == Token::Kind::end; }
  void skip() { ++at_; }

  /// "$a :=", "$a =", "$a, $b :=" in front of a pipeline, if there.
  void variables(Node& node) {
    std::size_t n = 0;
    if (peek().kind != Token::Kind::variable) return;
    if (is_sign(",", 1) && peek(2).kind == Token::Kind::variable) n = 2;
    const bool declares = is_sign(":=", n + 1);
    if (!declares && !is_sign("=", n + 1)) return;
    node.declares = declares;
    node.variables.push_back(peek().text);
    if (n == 2) node.variables.push_back(peek(2).text);
    at_ += n + 2;
  }

  Result<Expression> whole_pipeline() {
    HEARTH_TRY(auto out, pipeline(0));
    if (!done()) return broken(line_, fmt::format("'{}' is not expected here", printable(peek().text)));
    return out;
  }

 private:
  Result<Expression> pipeline(std::size_t depth) {
    if (depth > kTemplateDepthMax)
      return broken(line_, fmt::format("more than {} nested parentheses", kTemplateDepthMax));
    HEARTH_TRY(auto out, command(depth));
    while (is_sign("|")) {
      skip();
      HEARTH_TRY(auto next, command(depth));
      if (next.kind != Kind::call) return broken(line_, "what follows | is not a function");
      next.args.push_back(std::move(out));
      out = std::move(next);
    }
    return out;
  }

  Result<Expression> command(std::size_t depth) {
    const bool function =
        peek().kind == Token::Kind::word && peek().text != "true" && peek().text != "false" && peek().text != "nil";
    HEARTH_TRY(auto out, operand(depth));
    while (!done() && !is_sign(")") && !is_sign("|")) {
      if (!function)
        return broken(line_,
                      fmt::format("'{}' is not expected here: only functions take arguments", printable(peek().text)));
      HEARTH_TRY(auto arg, operand(depth));
      out.args.push_back(std::move(arg));
    }
    return out;
  }

  Result<Expression> operand(std::size_t depth) {
    HEARTH_TRY(auto out, primary(depth));
    while (peek().kind == Token::Kind::field && peek().glued) {
      out = field_of(std::move(out), peek().text);
      skip();
    }
    return out;
  }

  Result<Expression> primary(std::size_t depth) {
    const Token token = peek();
    skip();
    switch (token.kind) {
      case Token::Kind::dot: return Expression{};
      case Token::Kind::field: return field_of(Expression{}, token.text);
      case Token::Kind::variable: return literal(Kind::variable, token.text);
      case Token::Kind::text: return literal(Kind::text, token.text);
      case Token::Kind::number: return literal(Kind::number, token.text);
      case Token::Kind::word:
        if (token.text == "true" || token.text == "false") return literal(Kind::boolean, token.text);
        if (token.text == "nil") return literal(Kind::nil, token.text);
        return literal(Kind::call, token.text);
      case Token::Kind::sign:
        if (token.text == "(") {
          HEARTH_TRY(auto out, pipeline(depth + 1));
          if (!is_sign(")")) return broken(line_, "( is not closed by )");
          skip();
          return out;
        }
        break;
      case Token::Kind::end: return broken(line_, "an expression is missing");
    }
    return broken(line_, fmt::format("'{}' is not expected here", printable(token.text)));
  }

  std::vector<Token> tokens_;
  std::size_t line_;
  std::size_t at_ = 0;
};

/// Segments as nested nodes.
class BlockParser {
 public:
  explicit BlockParser(std::vector<Segment> segments) : segments_{std::move(segments)} {}

  Result<std::vector<Node>> run() {
    HEARTH_TRY(auto nodes, list(0));
    if (at_ < segments_.size()) return broken(segments_[at_].line, "else or end without a block");
    return nodes;
  }

 private:
  // Nodes up to "end", "else" or the end of the template; the closing action is left for the caller.
  Result<std::vector<Node>> list(std::size_t depth) {
    std::vector<Node> out;
    for (; at_ < segments_.size(); ++at_) {
      const Segment& segment = segments_[at_];
      Node node;
      node.line = segment.line;
      if (!segment.action) {
        node.text = segment.text;
        out.push_back(std::move(node));
        continue;
      }
      HEARTH_TRY(auto all, tokens(segment));
      ActionParser action{std::move(all), segment.line};
      if (action.done() || action.is_word("end") || action.is_word("else")) {
        if (action.done()) return broken(segment.line, "an action is empty");
        return out;
      }
      HEARTH_TRY(auto parsed, statement(action, std::move(node), depth));
      out.push_back(std::move(parsed));
    }
    return out;
  }

  Result<Node> statement(ActionParser& action, Node node, std::size_t depth) {
    for (const auto* word : {"define", "template", "block"}) {
      if (action.is_word(word)) return unsupported(node.line, fmt::format("'{}'", word));
    }
    if (action.is_word("break") || action.is_word("continue")) {
      node.kind = action.is_word("break") ? Node::Kind::stop : Node::Kind::skip;
      return node;
    }
    for (const auto& [word, kind] : {std::pair{"if", Node::Kind::when}, std::pair{"with", Node::Kind::with},
                                     std::pair{"range", Node::Kind::range}}) {
      if (!action.is_word(word)) continue;
      action.skip();
      node.kind = kind;
      return block(action, std::move(node), depth);
    }
    action.variables(node);
    node.kind = node.variables.empty() ? Node::Kind::print : Node::Kind::assign;
    if (node.variables.size() > 1) return broken(node.line, "two variables are possible in range only");
    HEARTH_TRY(node.value, action.whole_pipeline());
    return node;
  }

  // The action at at_ opened the block; on return at_ is its "end".
  Result<Node> block(ActionParser& action, Node node, std::size_t depth) {
    if (depth > kTemplateDepthMax)
      return broken(node.line, fmt::format("more than {} nested blocks", kTemplateDepthMax));
    action.variables(node);
    if (node.variables.size() > 1 && node.kind != Node::Kind::range)
      return broken(node.line, "two variables are possible in range only");
    HEARTH_TRY(node.value, action.whole_pipeline());
    ++at_;
    HEARTH_TRY(node.body, list(depth + 1));
    if (at_ >= segments_.size()) return broken(node.line, "a block is not closed by end");
    HEARTH_TRY(auto all, tokens(segments_[at_]));
    ActionParser closing{std::move(all), segments_[at_].line};
    if (closing.is_word("end")) return node;
    closing.skip();  // else
    if (closing.done()) {
      ++at_;
      HEARTH_TRY(node.otherwise, list(depth + 1));
      if (at_ >= segments_.size()) return broken(node.line, "a block is not closed by end");
      return node;
    }
    // "else if" and "else with" share the end of the block they continue.
    Node next;
    next.line = segments_[at_].line;
    if (!closing.is_word("if") && !closing.is_word("with"))
      return broken(next.line, "else is followed by neither if nor with");
    next.kind = closing.is_word("if") ? Node::Kind::when : Node::Kind::with;
    closing.skip();
    HEARTH_TRY(auto chained, block(closing, std::move(next), depth + 1));
    node.otherwise.push_back(std::move(chained));
    return node;
  }

  std::vector<Segment> segments_;
  std::size_t at_ = 0;
};

}  // namespace

std::unexpected<Error> unsupported(std::size_t line, std::string_view what) {
  return fail(
      ErrorCode::unsupported,
      fmt::format("template line {}: {} cannot be translated to Jinja; write the template in Jinja", line, what),
      "template");
}

Result<std::vector<Node>> parse(std::string_view text) {
  HEARTH_TRY(auto segments, split(text));
  return BlockParser{std::move(segments)}.run();
}

}  // namespace hearth::models::go
