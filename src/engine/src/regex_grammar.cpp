// SPDX-License-Identifier: Apache-2.0
#include "regex_grammar.hpp"

#include <limits>
#include <string>

#include "regex_grammar_parser.hpp"

namespace hearth::engine {
namespace {

/// Compiles the syntax tree to an Nfa. The caller checks `overflow()`: a tree may ask for more states than allowed.
class Compiler {
 public:
  Nfa::Fragment compile(const RegexNode& node) {
    if (nfa_.size() > kMaxRegexStates || nfa_.steps() > kMaxRegexSteps) {
      overflow_ = true;
      return empty();
    }
    switch (node.kind) {
      case RegexNode::Kind::set: return set(node.set);
      case RegexNode::Kind::begin: return gate(Nfa::Gate::begin);
      case RegexNode::Kind::end: return gate(Nfa::Gate::end);
      case RegexNode::Kind::sequence: return sequence(node);
      case RegexNode::Kind::choice: return choice(node);
      case RegexNode::Kind::repeat: return repeat(node);
    }
    return empty();
  }

  /// Any text, the expression, any text.
  Nfa::Fragment anywhere(const RegexNode& node) {
    const Nfa::Fragment before = anything();
    const Nfa::Fragment middle = compile(node);
    const Nfa::Fragment after = anything();
    nfa_.link(before.out, middle.in);
    nfa_.link(middle.out, after.in);
    return {before.in, after.out};
  }

  [[nodiscard]] bool overflow() const { return overflow_; }
  [[nodiscard]] const Nfa& nfa() const { return nfa_; }

 private:
  Nfa::Fragment fresh() { return {nfa_.add_state(), nfa_.add_state()}; }
  Nfa::Fragment empty() { return gate(Nfa::Gate::free); }
  Nfa::Fragment gate(Nfa::Gate gate) {
    const Nfa::Fragment f = fresh();
    nfa_.link(f.in, f.out, gate);
    return f;
  }
  Nfa::Fragment set(const CharSet& set) {
    const Nfa::Fragment f = fresh();
    nfa_.link(f.in, f.out, set);
    return f;
  }
  Nfa::Fragment anything() {
    const std::uint32_t s = nfa_.add_state();
    nfa_.link(s, s, CharSet::all());
    return {s, s};
  }
  Nfa::Fragment sequence(const RegexNode& node) {
    Nfa::Fragment all = empty();
    for (const RegexNode& child : node.children) {
      const Nfa::Fragment next = compile(child);
      nfa_.link(all.out, next.in);
      all.out = next.out;
    }
    return all;
  }
  Nfa::Fragment choice(const RegexNode& node) {
    const Nfa::Fragment all = fresh();
    for (const RegexNode& child : node.children) {
      const Nfa::Fragment one = compile(child);
      nfa_.link(all.in, one.in);
      nfa_.link(one.out, all.out);
    }
    return all;
  }
  Nfa::Fragment repeat(const RegexNode& node) {
    Nfa::Fragment all = empty();
    const RegexNode& child = node.children.front();
    for (std::uint64_t i = 0; i < node.min && !overflow_; ++i) {
      const Nfa::Fragment one = compile(child);
      nfa_.link(all.out, one.in);
      all.out = one.out;
    }
    if (node.max == RegexNode::kUnbounded) {
      const Nfa::Fragment loop = empty();
      const Nfa::Fragment one = compile(child);
      nfa_.link(loop.in, one.in);
      nfa_.link(one.out, loop.in);
      nfa_.link(all.out, loop.in);
      return {all.in, loop.out};
    }
    const std::uint32_t out = nfa_.add_state();
    for (std::uint64_t i = node.min; i < node.max && !overflow_; ++i) {
      const Nfa::Fragment one = compile(child);
      nfa_.link(all.out, out);
      nfa_.link(all.out, one.in);
      all.out = one.out;
    }
    nfa_.link(all.out, out);
    return {all.in, out};
  }

  Nfa nfa_;
  bool overflow_ = false;
};

}  // namespace

Result<Dfa> regex_to_dfa(std::string_view pattern, RegexMatch match) {
  HEARTH_TRY(const RegexNode tree, parse_regex(pattern));
  Compiler compiler;
  const Nfa::Fragment whole = match == RegexMatch::search ? compiler.anywhere(tree) : compiler.compile(tree);
  if (compiler.overflow()) {
    return fail(ErrorCode::unsupported,
                "the regular expression expands to more than " + std::to_string(kMaxRegexStates) + " states, or " +
                    std::to_string(kMaxRegexSteps) + " character ranges; use smaller repetition counts");
  }
  auto dfa = compiler.nfa().determinise(whole);
  if (!dfa) return fail(ErrorCode::unsupported, "the regular expression is too complex: " + dfa.error().message);
  return dfa;
}

}  // namespace hearth::engine
