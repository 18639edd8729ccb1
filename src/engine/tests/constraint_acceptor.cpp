// SPDX-License-Identifier: Apache-2.0
#include "constraint_acceptor.hpp"

#include <algorithm>

#include <llama-grammar.h>

#include "constraint_text.hpp"

namespace hearth::engine {

struct GrammarAcceptor::State {
  struct Free {
    void operator()(llama_grammar* owned) const { llama_grammar_free_impl(owned); }
  };
  std::unique_ptr<llama_grammar, Free> grammar;
  llama_grammar_stacks start;
};

GrammarAcceptor::GrammarAcceptor(const std::string& gbnf) {
  llama_grammar* grammar = llama_grammar_init_impl(nullptr, gbnf.c_str(), "root", false, nullptr, 0, nullptr, 0);
  if (grammar == nullptr) return;
  state_ = std::make_unique<State>();
  state_->grammar.reset(grammar);
  state_->start = llama_grammar_get_stacks(grammar);
}

GrammarAcceptor::~GrammarAcceptor() = default;

bool GrammarAcceptor::walk(std::string_view text) {
  const auto points = to_code_points(text);
  if (!state_ || !points) return false;
  llama_grammar_stacks& stacks = llama_grammar_get_stacks(state_->grammar.get());
  stacks = state_->start;
  for (const char32_t c : *points) {
    llama_grammar_accept(state_->grammar.get(), c);
    if (stacks.empty()) return false;
  }
  return true;
}

bool GrammarAcceptor::accepts(std::string_view text) {
  return walk(text) && std::ranges::any_of(llama_grammar_get_stacks(state_->grammar.get()),
                                           [](const llama_grammar_stack& stack) { return stack.empty(); });
}

bool GrammarAcceptor::begins(std::string_view text) { return walk(text); }

}  // namespace hearth::engine
