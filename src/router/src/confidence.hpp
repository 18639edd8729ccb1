// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hearth/inference/event.hpp"
#include "hearth/router/calibration.hpp"

/// How far an answer can be trusted, from what the engine itself thought of its tokens. Pure.
namespace hearth::router {

/// Watches the events of one answer. One choice counts like all: the least sure one decides.
class ConfidenceMeter {
 public:
  /// The mean probability of the last kWindow tokens, once there are so many.
  static constexpr std::size_t kWindow = 16;

  /// `json`: the answer has to be JSON, not only look sure.
  explicit ConfidenceMeter(bool json = false) : json_{json} {}

  void watch(const inference::Event& event);
  /// So unsure for kWindow tokens that going on is a waste: below half of `wanted`, both calibrated.
  bool collapsed(double wanted, const Calibration& calibration) const;
  /// Of the whole answer: the geometric mean of its tokens' probabilities, or 0 when it fails a check (empty, a
  /// refusal, going round in circles, no JSON where that is wanted or in a tool call's arguments). nullopt: the target
  /// tells no probabilities, and no check failed.
  std::optional<double> value() const;
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  double sum_ = 0;  // of log probabilities
  std::size_t tokens_ = 0;
  std::deque<double> window_;
  double window_sum_ = 0;
  std::optional<double> reported_;  // Finished::mean_logprob of the least sure choice
  bool filtered_ = false;           // refused, or taken away by a filter
  bool json_ = false;
  // Arguments of tool calls, which are an answer too, by choice and index.
  std::map<std::pair<std::int32_t, std::int32_t>, std::string> calls_;

  bool is_well_formed() const;
};

/// "I'm sorry, but I can't …": the usual beginnings of refusals.
bool looks_like_refusal(std::string_view text);
/// The end of the text repeats one piece at least four times.
bool goes_in_circles(std::string_view text);
/// 0 to 1: how much two answers say the same. Equal after normalization: 1; else the F1 of their words.
double agreement(std::string_view a, std::string_view b);

}  // namespace hearth::router
