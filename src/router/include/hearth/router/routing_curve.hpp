// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

/// What a router's scores are worth: RouteLLM's metrics (Ong et al. 2024; its evaluation code of 2024-08-10). Pure.
namespace hearth::router {

struct ScoredRow {
  double score = 0;  // the higher, the rather to the strong model
  bool weak_correct = false;
  bool strong_correct = false;
};

struct RoutingCurve {
  struct Point {
    double strong_share = 0;  // percent of calls to the strong model
    double accuracy = 0;      // percent
  };
  std::vector<Point> points;  // 11, by rising share
  double weak = 0;            // accuracy of the weak model alone, percent
  double strong = 0;
  double apgr = 0;   // average performance gap recovered; 0.5 is a coin
  double cpt50 = 0;  // percent of strong calls at which half of the gap is recovered
  double cpt80 = 0;
};

/// Thresholds are the quantiles 0, 0.1 … 1 of the scores, ties broken by position.
RoutingCurve routing_curve(std::span<const ScoredRow> rows);

/// Expected calibration error over ten equal bins of probability. `outcomes[i]`: it was so.
double calibration_error(std::span<const double> probabilities, const std::vector<bool>& outcomes);

/// The curve as a stand-alone SVG picture.
std::string to_svg(const RoutingCurve& curve, const std::string& title);

}  // namespace hearth::router
