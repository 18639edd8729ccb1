// SPDX-License-Identifier: Apache-2.0
// What a policy of 1,000 rules costs when none of them matches: all are looked at.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "hearth/policy/policy.hpp"

using namespace hearth;
using namespace hearth::policy;

int main() {
  constexpr int kRules = 1'000;
  constexpr int kRounds = 20'000;
  Policy::Options options;
  options.ceilings[static_cast<int>(Zone::cloud)] = Label::restricted;
  for (int i = 0; i < kRules; ++i) {
    const std::string n = std::to_string(i);
    Rule rule{.allow = i % 2 == 0};
    if (i % 3 == 0) rule.principal = "role:department-" + n;
    if (i % 3 == 1) rule.principal = "team:team-" + n;
    if (i % 3 == 2) rule.principal = "service-" + n + "-*";
    if (i % 4 == 0) rule.target = "lab-" + n + "/*";
    if (i % 4 == 1) rule.label = Label::internal;
    if (i % 4 == 2) rule.region = "eu";
    options.rules.push_back(std::move(rule));
  }
  const Policy policy{options};
  const Subject subject{.principal = "service-a", .roles = {"nurse", "clinician", "researcher"}, .team = "oncology"};
  const Content content{.digest = ContentDigest::of(inference::RerankRequest{}), .label = Label::internal};
  const Destination to{.target = "openai/gpt-4o", .zone = Zone::cloud, .region = "eu"};
  std::vector<double> took;
  int permits = 0;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = Clock::now();
    permits += policy.permit(subject, content, to, {}) ? 1 : 0;
    took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::ranges::sort(took);
  std::printf("a target under %d rules of which none matches: p50 %.2f us, p99 %.2f us (%d of %d permitted)\n", kRules,
              took[took.size() / 2], took[took.size() * 99 / 100], permits, kRounds);
  return 0;
}
