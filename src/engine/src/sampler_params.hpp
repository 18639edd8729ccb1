// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hearth/base/result.hpp"
#include "hearth/engine/generation.hpp"
#include "hearth/inference/sampling.hpp"

struct common_params_sampling;

namespace hearth::engine {

/// A request's sampling in libllama's own words, on top of its defaults. `invalid_request` names samplers and tokens
/// that do not exist. The request has passed check_sampling().
Result<common_params_sampling> to_sampling_params(const Model& model, const inference::Sampling& sampling);

/// Adds the grammar and the budget for thinking.
void add_grammar(common_params_sampling& params, const Model& model, const GrammarSpec& spec);

}  // namespace hearth::engine
