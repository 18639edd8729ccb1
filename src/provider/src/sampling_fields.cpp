// SPDX-License-Identifier: Apache-2.0
#include "sampling_fields.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hearth::provider {

std::optional<std::string_view> uncarried(const inference::Sampling& s, std::span<const std::string_view> carried) {
  const std::array<std::pair<bool, std::string_view>, 14> asked{{
      {s.temperature.has_value(), "temperature"},
      {s.top_p.has_value(), "top_p"},
      {s.top_k.value_or(0) > 0, "top_k"},
      {s.seed.has_value(), "seed"},
      {s.min_p.value_or(0) != 0, "min_p"},
      {s.typical_p.value_or(1) != 1, "typical_p"},
      {s.repeat_penalty.value_or(1) != 1, "repeat_penalty"},
      {s.frequency_penalty.value_or(0) != 0, "frequency_penalty"},
      {s.presence_penalty.value_or(0) != 0, "presence_penalty"},
      {!s.logit_bias.empty(), "logit_bias"},
      {s.mirostat.value_or(0) != 0, "mirostat"},
      {s.ignore_eos.value_or(false), "ignore_eos"},
      {s.xtc_probability.value_or(0) != 0, "xtc_probability"},
      {s.dry_multiplier.value_or(0) != 0 || s.top_n_sigma.has_value() || s.dynatemp_range.value_or(0) != 0 ||
           s.samplers.has_value() || s.adaptive_target.has_value(),
       "samplers of llama.cpp"},
  }};
  for (const auto& [set, name] : asked) {
    if (set && std::ranges::find(carried, name) == carried.end()) return name;
  }
  return std::nullopt;
}

}  // namespace hearth::provider
