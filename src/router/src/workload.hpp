// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// What kind of question a text is, by its letters and marks. Pure; a microsecond.
namespace hearth::router {

struct TextTraits {
  std::string_view language;  // ISO 639-1, or "" when it cannot be told; of a literal
  bool code = false;
  bool mathematics = false;
};
/// Of the first kLookedAt bytes.
TextTraits traits_of(std::string_view text);
inline constexpr std::size_t kLookedAt = 512;

/// What matters most for a request: the first that holds.
enum class WorkloadClass : std::uint8_t {
  sensitive,         // labelled confidential or higher
  latency_critical,  // at most two seconds were asked for
  heavy,             // a long prompt, a long answer, code or mathematics of some length
  simple,
};
std::string_view name_of(WorkloadClass workload);

}  // namespace hearth::router
