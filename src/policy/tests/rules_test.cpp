// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "hearth/policy/policy.hpp"

namespace hearth::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> complaints(std::vector<Rule> rules, bool otherwise = true) {
  Policy::Options options;
  options.ceilings[static_cast<int>(Zone::cloud)] = Label::public_;
  options.rules = std::move(rules);
  options.otherwise = otherwise;
  std::vector<std::string> out;
  for (const RuleMistake& m : mistakes_of(options)) out.push_back(std::to_string(m.rule) + " " + m.why);
  return out;
}

TEST(Rules, ThatCanNeverDecideAreFound) {
  EXPECT_THAT(complaints({{.allow = false, .target = "lab/*"}, {.allow = false, .target = "lab/big"}}),
              ElementsAre(HasSubstr("1 can never decide: rule 1 does the same")));
  EXPECT_THAT(complaints({{.allow = true, .line = 7}, {.allow = false, .principal = "ann"}}),
              ElementsAre(HasSubstr("1 contradicts rule 1 (line 7)")));
  EXPECT_THAT(complaints({{.allow = false, .label = Label::internal}, {.allow = false, .label = Label::restricted}}),
              ElementsAre(HasSubstr("1 can never")));
}

TEST(Rules, ThatChangeNothingAreFound) {
  EXPECT_THAT(complaints({{.allow = true, .target = "lab/*"}}), ElementsAre(HasSubstr("0 changes nothing")));
  EXPECT_THAT(complaints({{.allow = true, .zone = Zone::cloud, .label = Label::confidential}}, false),
              ElementsAre(HasSubstr("which no rule lifts")));
}

TEST(Rules, ThatMakeSenseAreLeftAlone) {
  EXPECT_THAT(complaints({{.allow = true, .principal = "role:clinician", .target = "lab/*"},
                          {.allow = false, .target = "lab/*"}}),
              ElementsAre());
  EXPECT_THAT(complaints({{.allow = false, .label = Label::restricted}, {.allow = false, .label = Label::internal}}),
              ElementsAre());
  EXPECT_THAT(complaints({{.allow = false, .principal = "a*"}, {.allow = false, .principal = "role:admin"}}),
              ElementsAre());
  EXPECT_THAT(complaints({{.allow = false, .hours = *parse_hours("08:00-18:00")},
                          {.allow = false, .hours = *parse_hours("08:00-19:00")}}),
              ElementsAre());
}

TEST(Rules, ADeniedActionIsAnyOfThemAPermittedOneAll) {
  const ContentDigest digest = ContentDigest::of(inference::RerankRequest{});
  const Destination to{.target = "local/x", .zone = Zone::device, .region = {}};
  const auto permitted = [&](Rule rule, Actions actions, bool otherwise) {
    Policy::Options options;
    options.rules = {std::move(rule)};
    options.otherwise = otherwise;
    return Policy{options}.permit({"ann"}, {.digest = digest, .actions = actions}, to, {}).has_value();
  };
  EXPECT_FALSE(permitted({.allow = false, .actions = kTools}, kChat | kTools, true));
  EXPECT_TRUE(permitted({.allow = false, .actions = kTools}, kChat, true));
  EXPECT_FALSE(permitted({.allow = true, .actions = kChat}, kChat | kTools, false));
  EXPECT_TRUE(permitted({.allow = true, .actions = kChat}, kChat, false));
}

TEST(Hours, AreReadAndWritten) {
  EXPECT_EQ(to_string(*parse_hours("mon-fri 08:00-18:00")), "mon,tue,wed,thu,fri 08:00-18:00");
  EXPECT_EQ(to_string(*parse_hours("sat,sun")), "sat,sun 00:00-24:00");
  EXPECT_EQ(parse_hours("fri-mon 10:00-11:00")->days, 0b1110001);
  for (const char* wrong : {"", "moon", "mon 8-9", "08:00", "25:00-26:00", "08:00-08:00", "mon-", "08:61-09:00"}) {
    EXPECT_FALSE(parse_hours(wrong)) << wrong;
  }
}

TEST(Hours, GoOverMidnightIntoTheNextDay) {
  const Hours night = *parse_hours("sun 22:00-06:00");
  constexpr int kSunday = 6 * 24 * 60;
  EXPECT_TRUE(night.covers(kSunday + 22 * 60));
  EXPECT_TRUE(night.covers(5 * 60 + 59));  // Monday
  EXPECT_FALSE(night.covers(6 * 60));
  EXPECT_FALSE(night.covers(kSunday + 5 * 60));
}

TEST(Hours, CountFromMonday) {
  using namespace std::chrono;
  EXPECT_EQ(minute_of_week(WallClock::time_point{sys_days{2026y / November / 23}}), 0);
  EXPECT_EQ(minute_of_week(WallClock::time_point{sys_days{2026y / November / 22} + 23h + 59min}), kMinutesOfWeek - 1);
}

}  // namespace
}  // namespace hearth::policy
