// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/calibration.hpp"

#include <algorithm>
#include <cmath>

namespace hearth::router {
namespace {

constexpr double kEdge = 1e-4;  // probabilities beyond it say no more
constexpr double kPull = 1;     // rows that the prior is worth
constexpr int kSteps = 30;

double logit(double p) {
  const double inside = std::clamp(p, kEdge, 1 - kEdge);
  return std::log(inside / (1 - inside));
}
double logistic(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

double Calibration::apply(double confidence) const {
  if (confidence <= 0 || (scale == 1 && shift == 0)) return confidence;
  return logistic(scale * logit(confidence) + shift);
}

Calibration fit_calibration(std::span<const JudgedConfidence> rows) {
  Calibration fit;
  for (int step = 0; step < kSteps; ++step) {
    // Gradient and Hessian of the loss in (scale, shift).
    double by_scale = kPull * (fit.scale - 1);
    double by_shift = kPull * fit.shift;
    double scale_scale = kPull;
    double scale_shift = 0;
    double shift_shift = kPull;
    for (const JudgedConfidence& row : rows) {
      const double x = logit(row.confidence);
      const double p = logistic(fit.scale * x + fit.shift);
      const double error = p - (row.right ? 1 : 0);
      const double weight = std::max(p * (1 - p), 1e-9);
      by_scale += error * x;
      by_shift += error;
      scale_scale += weight * x * x;
      scale_shift += weight * x;
      shift_shift += weight;
    }
    const double determinant = scale_scale * shift_shift - scale_shift * scale_shift;
    const double scale_step = (shift_shift * by_scale - scale_shift * by_shift) / determinant;
    const double shift_step = (scale_scale * by_shift - scale_shift * by_scale) / determinant;
    fit.scale -= std::clamp(scale_step, -1.0, 1.0);
    fit.shift -= std::clamp(shift_step, -2.0, 2.0);
  }
  fit.scale = std::max(fit.scale, 0.0);  // less sure is never more right
  return fit;
}

}  // namespace hearth::router
