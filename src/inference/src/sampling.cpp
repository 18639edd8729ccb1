// SPDX-License-Identifier: Apache-2.0
#include "hearth/inference/sampling.hpp"

namespace hearth::inference {

Sampling merged(Sampling over, const Sampling& defaults) {
  const auto fill = [](auto& target, const auto& source) {
    if (!target) target = source;
  };
  fill(over.seed, defaults.seed);
  fill(over.temperature, defaults.temperature);
  fill(over.dynatemp_range, defaults.dynatemp_range);
  fill(over.dynatemp_exponent, defaults.dynatemp_exponent);
  fill(over.top_k, defaults.top_k);
  fill(over.top_p, defaults.top_p);
  fill(over.min_p, defaults.min_p);
  fill(over.typical_p, defaults.typical_p);
  fill(over.top_n_sigma, defaults.top_n_sigma);
  fill(over.xtc_probability, defaults.xtc_probability);
  fill(over.xtc_threshold, defaults.xtc_threshold);
  fill(over.repeat_last_n, defaults.repeat_last_n);
  fill(over.repeat_penalty, defaults.repeat_penalty);
  fill(over.frequency_penalty, defaults.frequency_penalty);
  fill(over.presence_penalty, defaults.presence_penalty);
  fill(over.dry_multiplier, defaults.dry_multiplier);
  fill(over.dry_base, defaults.dry_base);
  fill(over.dry_allowed_length, defaults.dry_allowed_length);
  fill(over.dry_penalty_last_n, defaults.dry_penalty_last_n);
  fill(over.dry_sequence_breakers, defaults.dry_sequence_breakers);
  fill(over.mirostat, defaults.mirostat);
  fill(over.mirostat_tau, defaults.mirostat_tau);
  fill(over.mirostat_eta, defaults.mirostat_eta);
  fill(over.adaptive_target, defaults.adaptive_target);
  fill(over.adaptive_decay, defaults.adaptive_decay);
  fill(over.min_keep, defaults.min_keep);
  fill(over.samplers, defaults.samplers);
  fill(over.ignore_eos, defaults.ignore_eos);
  over.logit_bias.insert(over.logit_bias.end(), defaults.logit_bias.begin(), defaults.logit_bias.end());
  return over;
}

}  // namespace hearth::inference
