// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "sampler.hpp"

namespace hearth::engine {
namespace {

template <class T>
Result<> in_range(std::string_view field, const std::optional<T>& value, double low, double high) {
  if (!value) return {};
  const double v = static_cast<double>(*value);
  if (std::isfinite(v) && v >= low && v <= high) return {};
  return fail(ErrorCode::invalid_request, fmt::format("{} is {}; allowed: {} to {}", field, *value, low, high),
              std::string{field});
}

constexpr std::size_t kMaxLogitBiases = 4096;

}  // namespace

Result<> check_sampling(const inference::Sampling& s) {
  HEARTH_CHECKED(in_range("temperature", s.temperature, -1, 100));
  HEARTH_CHECKED(in_range("dynatemp_range", s.dynatemp_range, 0, 100));
  HEARTH_CHECKED(in_range("dynatemp_exponent", s.dynatemp_exponent, 0, 100));
  HEARTH_CHECKED(in_range("top_k", s.top_k, -1, 10'000'000));
  HEARTH_CHECKED(in_range("top_p", s.top_p, 0, 1));
  HEARTH_CHECKED(in_range("min_p", s.min_p, 0, 1));
  HEARTH_CHECKED(in_range("typical_p", s.typical_p, 0, 1));
  HEARTH_CHECKED(in_range("top_n_sigma", s.top_n_sigma, -1, 1000));
  HEARTH_CHECKED(in_range("xtc_probability", s.xtc_probability, 0, 1));
  HEARTH_CHECKED(in_range("xtc_threshold", s.xtc_threshold, 0, 1));
  HEARTH_CHECKED(in_range("repeat_last_n", s.repeat_last_n, -1, 1'000'000));
  HEARTH_CHECKED(in_range("repeat_penalty", s.repeat_penalty, 0.001, 100));
  HEARTH_CHECKED(in_range("frequency_penalty", s.frequency_penalty, -100, 100));
  HEARTH_CHECKED(in_range("presence_penalty", s.presence_penalty, -100, 100));
  HEARTH_CHECKED(in_range("dry_multiplier", s.dry_multiplier, 0, 100));
  HEARTH_CHECKED(in_range("dry_base", s.dry_base, 1, 100));
  HEARTH_CHECKED(in_range("dry_allowed_length", s.dry_allowed_length, 0, 1'000'000));
  HEARTH_CHECKED(in_range("dry_penalty_last_n", s.dry_penalty_last_n, -1, 1'000'000));
  HEARTH_CHECKED(in_range("mirostat", s.mirostat, 0, 2));
  HEARTH_CHECKED(in_range("mirostat_tau", s.mirostat_tau, 0, 1000));
  HEARTH_CHECKED(in_range("mirostat_eta", s.mirostat_eta, 0, 100));
  HEARTH_CHECKED(in_range("adaptive_target", s.adaptive_target, -1, 1));
  HEARTH_CHECKED(in_range("adaptive_decay", s.adaptive_decay, 0, 0.99));
  HEARTH_CHECKED(in_range("min_keep", s.min_keep, 0, 10'000));
  if (s.dry_sequence_breakers && s.dry_sequence_breakers->size() > 64) {
    return fail(ErrorCode::invalid_request, "at most 64 sequence breakers", "dry_sequence_breakers");
  }
  if (s.logit_bias.size() > kMaxLogitBiases) {
    return fail(ErrorCode::invalid_request, fmt::format("at most {} biases", kMaxLogitBiases), "logit_bias");
  }
  for (const inference::LogitBias& bias : s.logit_bias) {
    if (std::isnan(bias.bias) || bias.bias > 1000.0F) {
      return fail(ErrorCode::invalid_request, "a bias is a number up to 1000, or -infinity", "logit_bias");
    }
  }
  return {};
}

}  // namespace hearth::engine
