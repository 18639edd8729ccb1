// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace hearth::engine {

/// Asks llama.cpp's own grammar machine whether it accepts a text: the judge of everything that to_gbnf() writes.
class GrammarAcceptor {
 public:
  /// Not valid() if llama.cpp refuses the grammar.
  explicit GrammarAcceptor(const std::string& gbnf);
  ~GrammarAcceptor();
  GrammarAcceptor(const GrammarAcceptor&) = delete;
  GrammarAcceptor& operator=(const GrammarAcceptor&) = delete;

  [[nodiscard]] bool valid() const { return state_ != nullptr; }
  [[nodiscard]] bool accepts(std::string_view text);
  /// Some text that begins so is accepted.
  [[nodiscard]] bool begins(std::string_view text);

 private:
  /// Walks over `text`. False: nowhere to go.
  bool walk(std::string_view text);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hearth::engine
