// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/output_mask.hpp"

#include <algorithm>

#include "grammar_root.hpp"
#include "hearth/engine/generation.hpp"
#include "mask_program.hpp"

namespace hearth::engine {

namespace {

/// A mark that is one control token has no text of its own for a mask; libllama takes the name of the token for it.
bool is_control(const Model& model, const std::string& mark) {
  const auto tokens = model.tokenize(mark, false, true);
  return tokens && tokens->size() == 1 && model.piece(tokens->front(), false).empty();
}

}  // namespace

Result<> compile_mask(GrammarSpec& spec, const Model& model) {
  if (spec.gbnf.empty() || spec.lazy || spec.prefilled || !spec.triggers.empty()) return {};
  const auto control = [&](const std::string& mark) { return is_control(model, mark); };
  if (std::ranges::any_of(spec.preserved_tokens, control)) return {};
  HEARTH_TRY(const Gbnf parsed, parse_gbnf(with_start_symbol(spec.gbnf, spec.root)));
  auto grammar = MaskGrammar::of(parsed);
  if (!grammar) return {};
  spec.mask = std::make_shared<const MaskGrammar>(*std::move(grammar));
  model.token_index();
  return {};
}

OutputMask::OutputMask(std::shared_ptr<MaskProgram> program) : program_{std::move(program)} { restart(); }
OutputMask::~OutputMask() = default;

Result<std::unique_ptr<OutputMask>> OutputMask::create(const Model& model, std::string_view gbnf) {
  HEARTH_TRY(const Gbnf parsed, parse_gbnf(gbnf));
  HEARTH_TRY(MaskGrammar grammar, MaskGrammar::of(parsed));
  const auto program =
      std::make_shared<MaskProgram>(std::make_shared<const MaskGrammar>(std::move(grammar)), model.token_index());
  return std::unique_ptr<OutputMask>{new OutputMask{program}};
}

void OutputMask::restart() { matcher_ = std::make_unique<MaskMatcher>(program_); }

bool OutputMask::allows(TokenId token) { return matcher_->in_mask(token); }
bool OutputMask::accept(TokenId token) { return matcher_->accept(token); }
bool OutputMask::may_end() const { return matcher_->may_end(); }

}  // namespace hearth::engine
