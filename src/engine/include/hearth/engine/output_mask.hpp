// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/engine/model.hpp"

namespace hearth::engine {

class MaskMatcher;
class MaskProgram;

/// Which tokens of a model may come next in one answer under a constraint. The vocabulary's index, made with the first
/// of a model, is shared. One thread at a time; needs no weights (LoadOptions::vocabulary_only).
class OutputMask {
 public:
  /// `gbnf` as to_gbnf() makes it, or passed by check_gbnf(). Fails with `unsupported` if it names tokens.
  static Result<std::unique_ptr<OutputMask>> create(const Model& model, std::string_view gbnf);
  ~OutputMask();

  /// Whether `token`, which is no control token, may come next. Computes the mask of the whole vocabulary.
  bool allows(TokenId token);
  /// Goes on by a token. False: it is not allowed, and nothing changed.
  bool accept(TokenId token);
  /// The answer may end here.
  bool may_end() const;
  /// Another answer under the same constraint: what was learned of the masks stays.
  void restart();

 private:
  explicit OutputMask(std::shared_ptr<MaskProgram> program);
  std::shared_ptr<MaskProgram> program_;
  std::unique_ptr<MaskMatcher> matcher_;
};

}  // namespace hearth::engine
