// SPDX-License-Identifier: Apache-2.0
#include "hearth/policy/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace hearth::policy {
namespace {

constexpr std::array<std::string_view, kZones> kZoneNames{"device", "edge", "onprem", "cluster", "cloud"};

std::string describe(const Rule& rule) {
  std::string fields;
  const auto add = [&](std::string_view name, std::string_view value) {
    fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", name, value);
  };
  if (rule.principal) add("principal", *rule.principal);
  if (rule.target) add("target", *rule.target);
  if (rule.zone) add("zone", name_of(*rule.zone));
  if (rule.region) add("region", *rule.region);
  if (rule.label) add("label", name_of(*rule.label));
  if (rule.actions) add("action", names_of(*rule.actions));
  if (rule.workload) add("workload", *rule.workload);
  if (rule.hours) add("hours", to_string(*rule.hours));
  return fmt::format("{}: {{{}}}{}", rule.allow ? "allow" : "deny", fields,
                     rule.line > 0 ? fmt::format(" (line {})", rule.line) : std::string{});
}

/// Of a permission every action, of a denial one.
bool covers(const Rule& rule, Actions actions) {
  return rule.allow ? (actions & ~*rule.actions) == 0 : (actions & *rule.actions) != 0;
}

}  // namespace

std::string_view name_of(Zone zone) { return kZoneNames.at(static_cast<std::size_t>(zone)); }

Result<Zone> parse_zone(std::string_view name) {
  const auto found = std::ranges::find(kZoneNames, name);
  if (found != kZoneNames.end()) return static_cast<Zone>(found - kZoneNames.begin());
  return fail(ErrorCode::invalid_request,
              fmt::format("\"{}\" is no zone; one of: {}", name.substr(0, 64), fmt::join(kZoneNames, ", ")));
}

bool names(std::string_view pattern, const Subject& subject) {
  constexpr std::string_view kRole = "role:";
  constexpr std::string_view kTeam = "team:";
  // A principal whose name looks like a team is none.
  if (pattern.starts_with(kTeam)) {
    return !subject.team.empty() && matches_glob(pattern.substr(kTeam.size()), subject.team);
  }
  if (!pattern.starts_with(kRole)) return matches_glob(pattern, subject.principal);
  const std::string_view wanted = pattern.substr(kRole.size());
  return std::ranges::any_of(subject.roles, [&](const std::string& role) { return matches_glob(wanted, role); });
}

namespace {

/// Of a model of this machine "small" and "small:latest" are one name, as in the store.
bool grants(std::string_view pattern, std::string_view target) {
  if (matches_glob(pattern, target)) return true;
  constexpr std::string_view kLatest = ":latest";
  if (!target.starts_with("local/")) return false;
  if (target.ends_with(kLatest)) target.remove_suffix(kLatest.size());
  if (pattern.ends_with(kLatest)) pattern.remove_suffix(kLatest.size());
  return matches_glob(pattern, target);
}

}  // namespace

bool may_use(const Subject& subject, std::string_view route, std::string_view target) {
  const bool mine = subject.models.empty() || std::ranges::any_of(subject.models, [&](const std::string& pattern) {
                      return grants(pattern, target) || (!route.empty() && matches_glob(pattern, route));
                    });
  return mine && (subject.behalf == nullptr || may_use(*subject.behalf, route, target));
}

bool matches_glob(std::string_view pattern, std::string_view text) {
  // The last star takes one character more at each mismatch behind it; earlier stars never need to.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool Policy::under_ceiling(Label label, Zone zone) const {
  const auto& ceiling = options_.ceilings[static_cast<std::size_t>(zone)];
  return ceiling && label <= *ceiling;
}

const Rule* Policy::match(const Subject& subject, const Content& content, const Destination& to) const {
  for (const Rule& rule : options_.rules) {
    if (rule.label && (rule.allow ? content.label > *rule.label : content.label < *rule.label)) continue;
    if (rule.actions && !covers(rule, content.actions)) continue;
    if (rule.workload && *rule.workload != content.workload) continue;
    if (rule.hours && !rule.hours->covers(content.minute_of_week)) continue;
    if (rule.zone && *rule.zone != to.zone) continue;
    if (rule.region && *rule.region != to.region) continue;
    if (rule.target && !matches_glob(*rule.target, to.target)) continue;
    if (rule.principal && !names(*rule.principal, subject)) continue;
    return &rule;
  }
  return nullptr;
}

std::optional<Permit> Policy::permit(const Subject& subject, const Content& content, const Destination& to,
                                     const Grants& grants) const {
  if (!under_ceiling(content.label, to.zone) || !grants.model || !grants.budget) return std::nullopt;
  const Rule* first = nullptr;
  for (const Subject* who = &subject; who != nullptr; who = who->behalf.get()) {
    const Rule* rule = match(*who, content, to);
    if (rule != nullptr ? !rule->allow : !options_.otherwise) return std::nullopt;
    if (who == &subject) first = rule;
  }
  if (first == nullptr) return Permit{content.digest, to.target, 0, 0};
  return Permit{content.digest, to.target, static_cast<int>(first - options_.rules.data()) + 1, first->line};
}

std::string Permit::rule() const {
  if (rule_ == 0) return "otherwise";
  return line_ > 0 ? fmt::format("rule {} (line {})", rule_, line_) : fmt::format("rule {}", rule_);
}

Verdict Policy::explain(const Subject& subject, const Content& content, const Destination& to,
                        const Grants& grants) const {
  Verdict verdict{.permit = permit(subject, content, to, grants), .conditions = {}};
  const auto& ceiling = options_.ceilings[static_cast<std::size_t>(to.zone)];
  verdict.conditions.push_back(
      {.name = "ceiling",
       .holds = under_ceiling(content.label, to.zone),
       .why = ceiling
                  ? fmt::format("zone {} may see up to {}, the content is {}", name_of(to.zone), name_of(*ceiling),
                                name_of(content.label))
                  : fmt::format("zone {} has no ceiling in policy.zones, so it may see nothing", name_of(to.zone))});
  Condition rules{.name = "rules", .holds = true, .why = {}};
  for (const Subject* who = &subject; who != nullptr && rules.holds; who = who->behalf.get()) {
    const Rule* rule = match(*who, content, to);
    rules.holds = rule != nullptr ? rule->allow : options_.otherwise;
    rules.why = rule != nullptr ? describe(*rule)
                                : fmt::format("no rule matches; otherwise: {}", options_.otherwise ? "allow" : "deny");
    if (who != &subject) rules.why = fmt::format("for {}: {}", who->principal, rules.why);
  }
  verdict.conditions.push_back(std::move(rules));
  verdict.conditions.push_back({.name = "identity", .holds = grants.model, .why = std::string{grants.model_why}});
  verdict.conditions.push_back({.name = "budget", .holds = grants.budget, .why = grants.budget_why});
  return verdict;
}

}  // namespace hearth::policy
