// SPDX-License-Identifier: Apache-2.0
#include "hearth/router/routing_curve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace hearth::router {
namespace {

constexpr int kThresholds = 10;

/// Where the curve first rises through `wanted`; 100 when it never does.
double first_crossing(const std::vector<RoutingCurve::Point>& points, double wanted) {
  for (std::size_t i = 1; i < points.size(); ++i) {
    const auto& a = points[i - 1];
    const auto& b = points[i];
    if (a.accuracy >= wanted) return a.strong_share;
    if (b.accuracy < wanted) continue;
    return a.strong_share + (b.strong_share - a.strong_share) * (wanted - a.accuracy) / (b.accuracy - a.accuracy);
  }
  return 100;
}

}  // namespace

RoutingCurve routing_curve(std::span<const ScoredRow> rows) {
  RoutingCurve curve;
  if (rows.empty()) return curve;
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair{rows[i].score, i}; });
  const auto n = static_cast<double>(rows.size());
  // accuracy_from[k]: the rows from place k on go to the strong model.
  std::vector<double> right(rows.size() + 1, 0);
  for (const ScoredRow& row : rows) right[0] += row.strong_correct ? 1 : 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    const ScoredRow& row = rows[order[k]];
    right[k + 1] = right[k] - (row.strong_correct ? 1 : 0) + (row.weak_correct ? 1 : 0);
  }
  for (int k = kThresholds; k >= 0; --k) {
    // The threshold of quantile k lies between two places; all of them at the last one stay weak.
    const double place = (n - 1) * k / kThresholds;
    const std::size_t from = k == kThresholds ? rows.size() : static_cast<std::size_t>(std::ceil(place));
    curve.points.push_back({100 * (n - static_cast<double>(from)) / n, 100 * right[from] / n});
  }
  curve.strong = 100 * right.front() / n;
  curve.weak = 100 * right.back() / n;
  double area = 0;
  for (std::size_t i = 1; i < curve.points.size(); ++i) {
    area += (curve.points[i].strong_share - curve.points[i - 1].strong_share) / 100 *
            (curve.points[i].accuracy + curve.points[i - 1].accuracy) / 2;
  }
  curve.apgr = curve.strong == curve.weak ? 0 : (area - curve.weak) / (curve.strong - curve.weak);
  curve.cpt50 = first_crossing(curve.points, curve.weak + 0.5 * (curve.strong - curve.weak));
  curve.cpt80 = first_crossing(curve.points, curve.weak + 0.8 * (curve.strong - curve.weak));
  return curve;
}

double calibration_error(std::span<const double> probabilities, const std::vector<bool>& outcomes) {
  constexpr int kBins = 10;
  std::array<double, kBins> sum{};
  std::array<double, kBins> hits{};
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const auto bin = static_cast<std::size_t>(std::clamp(static_cast<int>(probabilities[i] * kBins), 0, kBins - 1));
    sum[bin] += probabilities[i];
    hits[bin] += outcomes[i] ? 1 : 0;
  }
  double error = 0;
  for (std::size_t bin = 0; bin < kBins; ++bin) error += std::abs(sum[bin] - hits[bin]);
  return probabilities.empty() ? 0 : error / static_cast<double>(probabilities.size());
}

std::string to_svg(const RoutingCurve& curve, const std::string& title) {
  constexpr double kWidth = 480;
  constexpr double kHeight = 320;
  constexpr double kMargin = 48;
  double low = std::min(curve.weak, curve.strong);
  double high = std::max(curve.weak, curve.strong);
  for (const auto& point : curve.points) {
    low = std::min(low, point.accuracy);
    high = std::max(high, point.accuracy);
  }
  const double span = std::max(high - low, 1e-9);
  const auto x = [&](double share) { return kMargin + share / 100 * (kWidth - 2 * kMargin); };
  const auto y = [&](double accuracy) { return kHeight - kMargin - (accuracy - low) / span * (kHeight - 2 * kMargin); };
  std::string line;
  for (const auto& point : curve.points)
    line += fmt::format("{:.1f},{:.1f} ", x(point.strong_share), y(point.accuracy));
  std::string safe;
  for (const char c : title) safe += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" font-family="sans-serif" font-size="12">
<rect width="{0}" height="{1}" fill="white"/>
<text x="{2}" y="24">{3}: APGR {4:.3f}</text>
<line x1="{5:.1f}" y1="{6:.1f}" x2="{7:.1f}" y2="{8:.1f}" stroke="#bbb" stroke-dasharray="4"/>
<polyline points="{9}" fill="none" stroke="#06c" stroke-width="2"/>
<text x="{2}" y="{10}">0 %</text><text x="{11}" y="{10}" text-anchor="end">100 % of calls to the strong model</text>
<text x="4" y="{6:.1f}">{12:.1f} %</text><text x="4" y="{8:.1f}">{13:.1f} %</text>
</svg>
)",
      kWidth, kHeight, kMargin, safe, curve.apgr, x(0), y(curve.weak), x(100), y(curve.strong), line, kHeight - 20,
      kWidth - kMargin, curve.weak, curve.strong);
}

}  // namespace hearth::router
