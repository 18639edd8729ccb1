// SPDX-License-Identifier: Apache-2.0
#include "route_wishes.hpp"

#include <fmt/format.h>

#include <charconv>

#include "hearth/policy/policy.hpp"

namespace hearth::api {
namespace {

constexpr std::size_t kNameMax = 256;
constexpr std::int64_t kLatencyMax = 3'600'000;
constexpr double kCostMax = 1e6;

Result<std::string> short_text(const net::Headers& headers, const char* name) {
  const auto value = headers.get(name);
  if (!value) return std::string{};
  if (value->empty() || value->size() > kNameMax) {
    return fail(ErrorCode::invalid_request, fmt::format("{} must have 1 to {} bytes", name, kNameMax), name);
  }
  return std::string{*value};
}

template <class T>
Result<std::optional<T>> number(const net::Headers& headers, const char* name, T most) {
  const auto text = headers.get(name);
  if (!text) return std::optional<T>{};
  T value{};
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error == std::errc{} && end == text->data() + text->size() && value >= 0 && value <= most) {
    return std::optional<T>{value};
  }
  return fail(ErrorCode::invalid_request, fmt::format("{} must be a number from 0 to {}", name, most), name);
}

}  // namespace

Result<> read_wishes(const net::Headers& headers, provider::RequestContext& context) {
  HEARTH_TRY(context.route, short_text(headers, "x-hearth-route"));
  HEARTH_TRY(context.session, short_text(headers, "x-hearth-session"));
  HEARTH_TRY(context.label, short_text(headers, "x-hearth-label"));
  if (!context.label.empty()) HEARTH_CHECKED(policy::parse_label(context.label));
  HEARTH_TRY(const auto latency, number<std::int64_t>(headers, "x-hearth-max-latency-ms", kLatencyMax));
  if (latency) context.max_latency = std::chrono::milliseconds{*latency};
  HEARTH_TRY(context.max_cost, number<double>(headers, "x-hearth-max-cost", kCostMax));
  return {};
}

}  // namespace hearth::api
