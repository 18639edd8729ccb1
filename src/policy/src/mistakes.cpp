// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "hearth/policy/policy.hpp"

namespace hearth::policy {
namespace {

constexpr Actions kAllActions = kChat | kComplete | kEmbed | kRerank | kTools;

/// Does pattern `wide` match all that `narrow` does? Only what is plain to see: equal ones, everything, and a prefix.
bool contains(const std::optional<std::string>& wide, const std::optional<std::string>& narrow) {
  if (!wide || *wide == "*") return true;
  if (!narrow) return false;
  if (*wide == *narrow) return true;
  const bool prefix = wide->ends_with('*') && wide->find_first_of("*?") == wide->size() - 1;
  if (prefix) return narrow->starts_with(wide->substr(0, wide->size() - 1));
  return narrow->find_first_of("*?") == std::string::npos && matches_glob(*wide, *narrow);
}
/// Of principals only among names of one kind: "a*" does not match "role:admin", whose holder is named otherwise.
bool contains_principal(const std::optional<std::string>& wide, const std::optional<std::string>& narrow) {
  if (!wide || *wide == "*") return true;
  const auto kind = [](const std::string& name) {
    return name.starts_with("role:") ? 1 : name.starts_with("team:") ? 2 : 0;
  };
  return narrow && kind(*wide) == kind(*narrow) && contains(wide, narrow);
}
template <class T>
bool same_or_any(const std::optional<T>& wide, const std::optional<T>& narrow) {
  return !wide || (narrow && *wide == *narrow);
}

/// The labels that a rule is about: [from, to].
std::pair<Label, Label> labels_of(const Rule& rule) {
  if (!rule.label) return {Label::public_, Label::restricted};
  return rule.allow ? std::pair{Label::public_, *rule.label} : std::pair{*rule.label, Label::restricted};
}

bool contains_hours(const Rule& wide, const Rule& narrow) {
  if (!wide.hours) return true;
  if (!narrow.hours) return false;
  for (int minute = 0; minute < kMinutesOfWeek; ++minute) {
    if (narrow.hours->covers(minute) && !wide.hours->covers(minute)) return false;
  }
  return true;
}

/// Every set of actions that a request can have: tools come with one of the others.
bool contains_actions(const Rule& wide, const Rule& narrow) {
  const auto matches = [](const Rule& rule, Actions actions) {
    if (!rule.actions) return true;
    return rule.allow ? (actions & ~*rule.actions) == 0 : (actions & *rule.actions) != 0;
  };
  for (int actions = 1; actions <= kAllActions; ++actions) {
    const auto set = static_cast<Actions>(actions);
    if (matches(narrow, set) && !matches(wide, set)) return false;
  }
  return true;
}

bool shadows(const Rule& earlier, const Rule& later) {
  const auto [from, to] = labels_of(earlier);
  const auto [later_from, later_to] = labels_of(later);
  return contains_principal(earlier.principal, later.principal) && contains(earlier.target, later.target) &&
         same_or_any(earlier.region, later.region) && same_or_any(earlier.zone, later.zone) && from <= later_from &&
         to >= later_to && same_or_any(earlier.workload, later.workload) && contains_actions(earlier, later) &&
         contains_hours(earlier, later);
}

std::string place_of(const Rule& rule, std::size_t index) {
  return rule.line > 0 ? fmt::format("rule {} (line {})", index + 1, rule.line) : fmt::format("rule {}", index + 1);
}

}  // namespace

std::vector<RuleMistake> mistakes_of(const Policy::Options& options) {
  std::vector<RuleMistake> out;
  for (std::size_t i = 0; i < options.rules.size(); ++i) {
    const Rule& rule = options.rules[i];
    const auto begin = options.rules.begin();
    const auto earlier = std::find_if(begin, begin + static_cast<std::ptrdiff_t>(i),
                                      [&](const Rule& other) { return shadows(other, rule); });
    if (earlier != begin + static_cast<std::ptrdiff_t>(i)) {
      const std::string place = place_of(*earlier, static_cast<std::size_t>(earlier - begin));
      out.push_back(
          {i, earlier->allow == rule.allow
                  ? fmt::format("can never decide: {} does the same for all that it matches", place)
                  : fmt::format("contradicts {}, which comes first and matches all that this one does: it can "
                                "never decide; move it up or remove it",
                                place)});
      continue;
    }
    const bool beyond = rule.allow && rule.zone && rule.label &&
                        (!options.ceilings[static_cast<std::size_t>(*rule.zone)] ||
                         *options.ceilings[static_cast<std::size_t>(*rule.zone)] < *rule.label);
    if (beyond) {
      out.push_back({i, fmt::format("allows {} in zone {}, but policy.zones lets it see {}, which no rule lifts",
                                    name_of(*rule.label), name_of(*rule.zone),
                                    options.ceilings[static_cast<std::size_t>(*rule.zone)]
                                        ? name_of(*options.ceilings[static_cast<std::size_t>(*rule.zone)])
                                        : "nothing")});
      continue;
    }
    const bool last = i + 1 == options.rules.size();
    if (last && rule.allow == options.otherwise) {
      out.push_back({i, fmt::format("changes nothing: it is the last one, and otherwise: {} says the same",
                                    options.otherwise ? "allow" : "deny")});
    }
  }
  return out;
}

}  // namespace hearth::policy
