// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/output_mask.hpp"

#include <algorithm>

#include "grammar_root.hpp"
#include "hearth/engine/generation.hpp"
#include "mask_program.hpp"

namespace hearth::engine {

namespace {

/// Control tokens have no text of their own for a mask; libllama takes their names for it.
bool has_control(const Model& model, const std::string& mark) {
  const auto tokens = model.tokenize(mark, false, true);
  return tokens && std::ranges::any_of(*tokens, [&](TokenId token) { return model.piece(token, false).empty(); });
}

}  // namespace

Result<> compile_mask(GrammarSpec& spec, const Model& model) {
  if (spec.gbnf.empty() || spec.lazy || spec.prefilled || !spec.triggers.empty()) return {};
  const auto control = [&](const std::string& mark) { return has_control(model, mark); };
  if (std::ranges::any_of(spec.preserved_tokens, control)) return {};
  HEARTH_TRY(spec.mask, model.mask_programs().of(with_start_symbol(spec.gbnf, spec.root), model.token_index()));
  return {};
}

OutputMask::OutputMask(std::shared_ptr<MaskProgram> program) : program_{std::move(program)} { restart(); }
OutputMask::~OutputMask() = default;

Result<std::unique_ptr<OutputMask>> OutputMask::create(const Model& model, std::string_view gbnf) {
  HEARTH_TRY(auto program, model.mask_programs().of(std::string{gbnf}, model.token_index()));
  if (!program) return fail(ErrorCode::unsupported, "masks do not cover this grammar; libllama's sampler follows it");
  return std::unique_ptr<OutputMask>{new OutputMask{std::move(program)}};
}

void OutputMask::restart() { matcher_ = std::make_unique<MaskMatcher>(program_); }

bool OutputMask::allows(TokenId token) { return matcher_->in_mask(token); }
bool OutputMask::accept(TokenId token) { return matcher_->accept(token); }
bool OutputMask::may_end() const { return matcher_->may_end(); }

}  // namespace hearth::engine
