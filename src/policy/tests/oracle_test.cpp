// SPDX-License-Identifier: Apache-2.0
// A second implementation of what docs/routing.md says about policies, written from that page alone: slow and plain, no
// line shared with the first one. A million random policies, requests and targets find no difference and no leak.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>

#include "hearth/policy/policy.hpp"

namespace hearth::policy {
namespace {

// ---- the oracle -----------------------------------------------------------------------------------------------------

bool like(const std::string& pattern, const std::string& text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') return like(pattern.substr(1), text) || (!text.empty() && like(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) && like(pattern.substr(1), text.substr(1));
}

bool is_meant(const std::string& pattern, const Subject& who) {
  if (pattern.substr(0, 5) == "role:") {
    for (const std::string& role : who.roles) {
      if (like(pattern.substr(5), role)) return true;
    }
    return false;
  }
  if (pattern.substr(0, 5) == "team:") return !who.team.empty() && like(pattern.substr(5), who.team);
  return like(pattern, who.principal);
}

bool at_this_time(const Hours& hours, int minute_of_week) {
  const int length = hours.end > hours.begin ? hours.end - hours.begin : hours.end + 1440 - hours.begin;
  for (int day = 0; day < 7; ++day) {
    const int after = (minute_of_week + 10080 - day * 1440 - hours.begin) % 10080;  // minutes since it began that day
    if ((hours.days & (1 << day)) != 0 && after < length) return true;
  }
  return false;
}

/// One member of the chain: -1 refused, 1 allowed, 0 nothing said.
int said(const Policy::Options& options, const Subject& who, const Content& content, const Destination& to) {
  for (const Rule& rule : options.rules) {
    bool matches = true;
    if (rule.principal && !is_meant(*rule.principal, who)) matches = false;
    if (rule.target && !like(*rule.target, to.target)) matches = false;
    if (rule.region && to.region != *rule.region) matches = false;
    if (rule.zone && to.zone != *rule.zone) matches = false;
    if (rule.workload && content.workload != *rule.workload) matches = false;
    if (rule.hours && !at_this_time(*rule.hours, content.minute_of_week)) matches = false;
    if (rule.label) {
      const int asked = static_cast<int>(content.label);
      const int named = static_cast<int>(*rule.label);
      if (rule.allow ? !(asked <= named) : !(asked >= named)) matches = false;
    }
    if (rule.actions) {
      int within = 0;
      int all = 0;
      for (const Actions action : {kChat, kComplete, kEmbed, kRerank, kTools}) {
        if ((content.actions & action) == 0) continue;
        ++all;
        if ((*rule.actions & action) != 0) ++within;
      }
      if (rule.allow ? within != all : within == 0) matches = false;
    }
    if (matches) return rule.allow ? 1 : -1;
  }
  return 0;
}

bool permitted(const Policy::Options& options, const Subject& subject, const Content& content, const Destination& to,
               bool model, bool budget) {
  const auto ceiling = options.ceilings[static_cast<int>(to.zone)];
  if (!ceiling.has_value()) return false;
  if (static_cast<int>(*ceiling) < static_cast<int>(content.label)) return false;
  for (const Subject* who = &subject; who != nullptr; who = who->behalf.get()) {
    const int word = said(options, *who, content, to);
    if (word < 0 || (word == 0 && !options.otherwise)) return false;
  }
  return model && budget;
}

// ---- what is drawn --------------------------------------------------------------------------------------------------

class Draw {
 public:
  explicit Draw(unsigned seed) : random_{seed} {}
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool one_in(int n) { return below(n) == 0; }
  template <class T>
  T of(std::initializer_list<T> choices) {
    return *(choices.begin() + below(static_cast<int>(choices.size())));
  }
  Label label() { return static_cast<Label>(below(4)); }
  Zone zone() { return static_cast<Zone>(below(5)); }

  Hours hours() {
    Hours out{.days = static_cast<std::uint8_t>(1 + below(127)), .begin = below(24) * 60, .end = below(24) * 60 + 30};
    return out;
  }

  Rule rule() {
    Rule out{.allow = one_in(2)};
    if (one_in(3))
      out.principal = of<std::string>({"ann", "bo*", "*", "role:nurse", "role:*", "team:a", "team:*", "?nn"});
    if (one_in(3)) out.target = of<std::string>({"lab/*", "lab/big", "*", "*/big", "cloud/?", "l*g"});
    if (one_in(4)) out.region = of<std::string>({"eu", "us", ""});
    if (one_in(4)) out.zone = zone();
    if (one_in(3)) out.label = label();
    if (one_in(4)) out.actions = static_cast<Actions>(1 + below(31));
    if (one_in(6)) out.workload = of<std::string>({"simple", "heavy"});
    if (one_in(12)) out.hours = hours();
    return out;
  }

  Policy::Options options() {
    Policy::Options out;
    for (auto& ceiling : out.ceilings) {
      ceiling = one_in(4) ? std::nullopt : std::optional{one_in(2) ? Label::restricted : label()};
    }
    const int rules = below(7);
    for (int i = 0; i < rules; ++i) out.rules.push_back(rule());
    out.otherwise = one_in(2);
    return out;
  }

  Subject subject(int depth = 0) {
    Subject out{.principal = of<std::string>({"ann", "bob", "team:a", "role:nurse", ""})};
    if (one_in(2)) out.roles.push_back(of<std::string>({"nurse", "clerk", ""}));
    if (one_in(2)) out.team = of<std::string>({"a", "b"});
    if (depth < 2 && one_in(3)) out.behalf = std::make_shared<const Subject>(subject(depth + 1));
    return out;
  }

  Content content(ContentDigest digest) {
    const auto actions =
        static_cast<Actions>(of<Actions>({kChat, kComplete, kEmbed, kRerank}) | (one_in(3) ? kTools : 0));
    return {.digest = digest,
            .label = label(),
            .actions = actions,
            .workload = of<std::string_view>({"simple", "heavy", "sensitive"}),
            .minute_of_week = below(kMinutesOfWeek)};
  }

  Destination destination() {
    return {.target = of<std::string>({"lab/big", "lab/small", "cloud/x", "local/big", ""}),
            .zone = zone(),
            .region = of<std::string>({"eu", "us", ""})};
  }

 private:
  std::mt19937 random_;
};

inference::ChatRequest chat(std::string text) {
  inference::ChatRequest request;
  request.messages.push_back({.role = "user", .content = {inference::TextPart{std::move(text)}}});
  return request;
}

TEST(PolicyOracle, FindsNoDifferenceAndNoLeakInAMillionCases) {
  const char* wanted = std::getenv("HEARTH_POLICY_CASES");
  const int cases = wanted == nullptr ? 1'000'000 : std::atoi(wanted);
  constexpr int kRequestsOfAPolicy = 10;
  const ContentDigest mine = ContentDigest::of(chat("mine"));
  const ContentDigest other = ContentDigest::of(chat("other"));
  Draw draw{20261121};
  int permits = 0;
  for (int done = 0; done < cases; done += kRequestsOfAPolicy) {
    const Policy::Options options = draw.options();
    const Policy policy{options};
    std::set<std::size_t> dead;
    for (const RuleMistake& mistake : mistakes_of(options)) {
      if (mistake.why.find("never decide") != std::string::npos) dead.insert(mistake.rule);
    }
    for (int i = 0; i < kRequestsOfAPolicy; ++i) {
      const Subject subject = draw.subject();
      const Content content = draw.content(mine);
      const Destination to = draw.destination();
      const Grants grants{.model = !draw.one_in(8), .budget = !draw.one_in(8)};
      const auto permit = policy.permit(subject, content, to, grants);
      ASSERT_EQ(permit.has_value(), permitted(options, subject, content, to, grants.model, grants.budget)) << done + i;
      if (i == 0) {  // writing explanations takes most of the time
        const Verdict verdict = policy.explain(subject, content, to, grants);
        bool all = true;
        for (const Condition& condition : verdict.conditions) all = all && condition.holds;
        ASSERT_EQ(permit.has_value(), all && verdict.permit) << "the explanation says something else";
      }
      if (!permit) continue;
      ++permits;
      ASSERT_TRUE(permit->covers(mine, to.target));
      ASSERT_FALSE(permit->covers(other, to.target));
      ASSERT_FALSE(permit->covers(mine, to.target + "x"));
      for (const std::size_t rule : dead) ASSERT_NE(permit->rule(), "rule " + std::to_string(rule + 1));
    }
  }
  EXPECT_GT(permits, cases / 20);  // the draw is worth something
  EXPECT_LT(permits, cases / 2);
}

}  // namespace
}  // namespace hearth::policy
