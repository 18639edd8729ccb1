// SPDX-License-Identifier: Apache-2.0
// How long a routing decision takes: facts of a parsed request, 50 targets through policy and scores to a plan.
// usage: decide [REPETITIONS]. Prints p50 and p99 in microseconds for a prompt of about 2,000 tokens.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "plan.hpp"

using namespace hearth;
using namespace hearth::router;

namespace {

Table fifty_targets() {
  Table table;
  policy::Policy::Options policy;
  for (auto& ceiling : policy.ceilings) ceiling = policy::Label::confidential;
  for (int i = 0; i < 20; ++i) {
    policy.rules.push_back(
        {.allow = i % 2 == 0, .principal = "role:group-" + std::to_string(i), .target = "lab-*/model-9*"});
  }
  table.policy = std::make_shared<const policy::Policy>(policy);
  Route route{.name = "auto", .strategy = Strategy::balance};
  for (int i = 0; i < 50; ++i) {
    table.targets.push_back({.name = "lab-" + std::to_string(i % 5) + "/model-" + std::to_string(i),
                             .model = "m",
                             .zone = static_cast<policy::Zone>(i % policy::kZones),
                             .region = i % 2 == 0 ? "eu" : "us",
                             .capabilities = static_cast<Capabilities>(kChat | (i % 3 == 0 ? kTools : 0)),
                             .context = 4096 * (i % 8 + 1),
                             .quality = 0.01 * i,
                             .price = {.input = 0.1 * i, .cached_input = 0.1 * i, .output = 0.3 * i}});
    route.targets.push_back(table.targets.size() - 1);
  }
  table.routes.push_back(route);
  return table;
}

inference::ChatRequest two_thousand_tokens() {
  inference::ChatRequest request;
  std::string text;
  while (text.size() < 8000) text += "What is the shortest way from the station to the old harbour? ";
  request.messages.push_back({.role = "user",
                              .content = {inference::TextPart{text}},
                              .reasoning = {},
                              .tool_calls = {},
                              .tool_call_id = {},
                              .tool_name = {}});
  return request;
}

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 100'000;
  const Table table = fifty_targets();
  const inference::ChatRequest request = two_thousand_tokens();
  std::vector<std::shared_ptr<Health>> health;
  for (std::size_t i = 0; i < table.targets.size(); ++i) health.push_back(std::make_shared<Health>());
  const Wishes wishes{.subject = {.principal = "user:ann", .roles = {"a", "b", "c"}}};
  std::vector<double> took;
  std::size_t planned = 0;
  for (int i = 0; i < repetitions; ++i) {
    const auto before = Clock::now();
    const Facts facts = facts_of(request);
    const Plan plan =
        make_plan(table, table.routes.front(), facts, wishes, health, before, static_cast<std::uint32_t>(i));
    took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - before).count());
    planned += plan.order.size();
  }
  std::ranges::sort(took);
  std::printf("decision, 50 targets, %lld tokens: p50 %.1f us, p99 %.1f us (%zu candidates)\n",
              static_cast<long long>(facts_of(request).prompt_tokens), took[took.size() / 2],
              took[took.size() * 99 / 100], planned / took.size());
  return 0;
}
