// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace hearth::inference {

/// Adds `bias` to the logit of one token, given by id, or to every token of a text. -infinity forbids it.
struct LogitBias {
  std::variant<std::int32_t, std::string> token;
  float bias = 0;
};

/// How the next token is chosen. Names and meanings are llama-server's. Absent means: the model's own default
/// (Modelfile PARAMETER), then the engine's. See engine/README.md for the order and the defaults.
struct Sampling {
  std::optional<std::uint32_t> seed;  // absent: random
  std::optional<float> temperature;   // <= 0: greedy
  std::optional<float> dynatemp_range;
  std::optional<float> dynatemp_exponent;
  std::optional<std::int32_t> top_k;  // <= 0: whole vocabulary
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> typical_p;
  std::optional<float> top_n_sigma;
  std::optional<float> xtc_probability;
  std::optional<float> xtc_threshold;
  std::optional<std::int32_t> repeat_last_n;  // 0: off, -1: whole context
  std::optional<float> repeat_penalty;
  std::optional<float> frequency_penalty;
  std::optional<float> presence_penalty;
  std::optional<float> dry_multiplier;
  std::optional<float> dry_base;
  std::optional<std::int32_t> dry_allowed_length;
  std::optional<std::int32_t> dry_penalty_last_n;
  std::optional<std::vector<std::string>> dry_sequence_breakers;
  std::optional<std::int32_t> mirostat;  // 0, 1 or 2
  std::optional<float> mirostat_tau;
  std::optional<float> mirostat_eta;
  std::optional<float> adaptive_target;
  std::optional<float> adaptive_decay;
  std::optional<std::int32_t> min_keep;
  std::optional<std::vector<std::string>> samplers;  // "penalties", "dry", "top_n_sigma", "top_k", "typ_p", …
  std::optional<bool> ignore_eos;
  std::vector<LogitBias> logit_bias;
};

/// `over` wins field by field; logit biases are concatenated.
Sampling merged(Sampling over, const Sampling& defaults);

}  // namespace hearth::inference
