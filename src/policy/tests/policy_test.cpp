// SPDX-License-Identifier: Apache-2.0
#include "hearth/policy/policy.hpp"

#include <gmock/gmock.h>

namespace hearth::policy {
namespace {

using ::testing::HasSubstr;

inference::ChatRequest chat(std::string text) {
  inference::ChatRequest request;
  request.messages.push_back({.role = "user",
                              .content = {inference::TextPart{std::move(text)}},
                              .reasoning = {},
                              .tool_calls = {},
                              .tool_call_id = {},
                              .tool_name = {}});
  return request;
}
const ContentDigest kDigest = ContentDigest::of(chat("hello"));
Content content(Label label) { return {.digest = kDigest, .label = label}; }
const Destination kCloud{.target = "openai/gpt-4o", .zone = Zone::cloud, .region = "us"};
const Destination kLab{.target = "lab/llama", .zone = Zone::cluster, .region = "eu"};

Policy::Options ceilings() {
  Policy::Options o;
  o.ceilings[static_cast<int>(Zone::cluster)] = Label::confidential;
  o.ceilings[static_cast<int>(Zone::cloud)] = Label::public_;
  return o;
}
bool permitted(const Policy& policy, Label label, const Destination& to, const Subject& who = {"ann", {}}) {
  return policy.permit(who, content(label), to, {}).has_value();
}

TEST(Policy, TheCeilingOfAZoneIsLiftedByNoRule) {
  auto options = ceilings();
  options.rules.push_back({.allow = true});
  const Policy policy{options};
  EXPECT_TRUE(permitted(policy, Label::public_, kCloud));
  EXPECT_FALSE(permitted(policy, Label::internal, kCloud));
  EXPECT_TRUE(permitted(policy, Label::confidential, kLab));
  EXPECT_FALSE(permitted(policy, Label::restricted, kLab));
}

TEST(Policy, AZoneWithoutACeilingSeesNothing) {
  const Policy policy{ceilings()};
  EXPECT_FALSE(permitted(policy, Label::public_, {.target = "x/y", .zone = Zone::edge, .region = ""}));
  EXPECT_TRUE(permitted(policy, Label::restricted, {.target = "local/y", .zone = Zone::device, .region = ""}));
}

TEST(Policy, TheFirstMatchingRuleDecides) {
  auto options = ceilings();
  options.rules = {{.allow = true, .principal = "role:clinician", .target = "lab/*"},
                   {.allow = false, .target = "lab/*"}};
  const Policy policy{options};
  EXPECT_FALSE(permitted(policy, Label::public_, kLab));
  EXPECT_TRUE(permitted(policy, Label::public_, kLab, {"ann", {"nurse", "clinician"}}));
  EXPECT_TRUE(permitted(policy, Label::public_, kCloud)) << "otherwise: allow";
  options.otherwise = false;
  EXPECT_FALSE(permitted(Policy{options}, Label::public_, kCloud));
}

TEST(Policy, ADeniedLabelMeansHigherOnesTooAndAnAllowedOneLowerOnes) {
  auto options = ceilings();
  options.ceilings[static_cast<int>(Zone::cluster)] = Label::restricted;
  options.rules = {{.allow = false, .region = "eu", .label = Label::confidential}};
  EXPECT_TRUE(permitted(Policy{options}, Label::internal, kLab));
  EXPECT_FALSE(permitted(Policy{options}, Label::confidential, kLab));
  EXPECT_FALSE(permitted(Policy{options}, Label::restricted, kLab));
  options.rules = {{.allow = true, .label = Label::internal}};
  options.otherwise = false;
  EXPECT_TRUE(permitted(Policy{options}, Label::public_, kLab));
  EXPECT_FALSE(permitted(Policy{options}, Label::confidential, kLab));
}

TEST(Policy, IdentityAndBudgetAreConditionsToo) {
  const Policy policy{ceilings()};
  const Subject ann{"ann", {}};
  EXPECT_FALSE(policy.permit(ann, content(Label::public_), kCloud, {.model = false}));
  EXPECT_FALSE(policy.permit(ann, content(Label::public_), kCloud, {.budget = false}));
}

TEST(Policy, TheExplanationHasAllFourConditionsAndNamesTheRule) {
  auto options = ceilings();
  options.rules = {{.allow = false, .target = "openai/*", .line = 12}};
  const Verdict verdict = Policy{options}.explain({"ann", {}}, content(Label::internal), kCloud, {});
  EXPECT_FALSE(verdict.permit);
  ASSERT_EQ(verdict.conditions.size(), 4U);
  EXPECT_FALSE(verdict.conditions[0].holds);
  EXPECT_THAT(verdict.conditions[0].why, HasSubstr("cloud may see up to public, the content is internal"));
  EXPECT_FALSE(verdict.conditions[1].holds);
  EXPECT_THAT(verdict.conditions[1].why, HasSubstr("deny: {target: openai/*} (line 12)"));
  EXPECT_TRUE(verdict.conditions[2].holds);
  EXPECT_TRUE(verdict.conditions[3].holds);
}

TEST(Permit, IsForOneContentAndOneTarget) {
  const auto permit = Policy{ceilings()}.permit({"ann", {}}, content(Label::public_), kCloud, {});
  ASSERT_TRUE(permit);
  EXPECT_TRUE(permit->covers(ContentDigest::of(chat("hello")), "openai/gpt-4o"));
  EXPECT_FALSE(permit->covers(ContentDigest::of(chat("hello!")), "openai/gpt-4o"));
  EXPECT_FALSE(permit->covers(kDigest, "openai/gpt-4"));
}

TEST(ContentDigest, SeesWhereOneMessageEndsAndTheNextBegins) {
  const auto two = [](std::string first, std::string second) {
    inference::ChatRequest request = chat(std::move(first));
    request.messages.push_back(chat(std::move(second)).messages.front());
    return ContentDigest::of(request);
  };
  EXPECT_EQ(two("ab", "c"), two("ab", "c"));
  EXPECT_NE(two("ab", "c"), two("a", "bc"));
  EXPECT_NE(two("ab", "c"), two("c", "ab"));
  const std::string page(300, 'x');  // XXH3 takes other ways for long texts
  EXPECT_NE(two(page, page + "x"), two(page + "x", page));
}

TEST(ContentDigest, SeesEveryPartOfAChatAndNotTheModel) {
  auto changed = chat("hello");
  changed.model = "other";
  EXPECT_EQ(ContentDigest::of(changed), kDigest);
  changed.messages[0].role = "system";
  EXPECT_NE(ContentDigest::of(changed), kDigest);
  changed = chat("hello");
  changed.tools.push_back({.name = "t", .description = "", .parameters = "{}", .strict = false});
  EXPECT_NE(ContentDigest::of(changed), kDigest);
  changed = chat("hello");
  changed.messages[0].content.push_back(inference::ImagePart{.mime_type = "image/png", .bytes = "x", .url = ""});
  EXPECT_NE(ContentDigest::of(changed), kDigest);
  changed = chat("hello");
  changed.generation.stop = {"a"};
  const ContentDigest stopping = ContentDigest::of(changed);
  EXPECT_NE(stopping, kDigest);
  changed.generation.stop.clear();
  changed.generation.constraint = {inference::Constraint::Kind::choice, {}, {"a"}};
  EXPECT_NE(ContentDigest::of(changed), kDigest);
  EXPECT_NE(ContentDigest::of(changed), stopping);
  auto split = chat("hel");
  split.messages[0].content.push_back(inference::TextPart{"lo"});
  EXPECT_NE(ContentDigest::of(split), kDigest);
}

TEST(Policy, ATeamIsNamedByItsNameAndNotByOnesOwn) {
  auto options = ceilings();
  options.rules = {{.allow = false, .principal = "team:ward*", .target = "lab/*"}};
  const Policy policy{options};
  EXPECT_FALSE(permitted(policy, Label::public_, kLab, {.principal = "ann", .team = "ward-2"}));
  EXPECT_TRUE(permitted(policy, Label::public_, kLab, {.principal = "ann", .team = "lab"}));
  EXPECT_TRUE(permitted(policy, Label::public_, kLab, {.principal = "ward-2"}));
  EXPECT_FALSE(names("team:*", {.principal = "ann"})) << "no team is no team";
}

TEST(Policy, AnAgentMayWhatBothMay) {
  auto options = ceilings();
  options.rules = {{.allow = false, .principal = "intern"}, {.allow = false, .principal = "robot", .target = "lab/*"}};
  const Policy policy{options};
  const auto agent_of = [](const char* agent, const char* user) {
    return Subject{.principal = agent,
                   .behalf = std::make_shared<const Subject>(Subject{.principal = user, .models = {"lab/*", "auto"}})};
  };
  EXPECT_FALSE(permitted(policy, Label::public_, kCloud, agent_of("helper", "intern")));
  EXPECT_TRUE(permitted(policy, Label::public_, kCloud, agent_of("helper", "ann")));
  EXPECT_FALSE(permitted(policy, Label::public_, kLab, agent_of("robot", "ann")));
  const Verdict verdict = policy.explain(agent_of("helper", "intern"), content(Label::public_), kCloud, {});
  EXPECT_THAT(verdict.conditions[1].why, HasSubstr("for intern: deny"));
  EXPECT_TRUE(may_use(agent_of("helper", "ann"), "", "lab/llama"));
  EXPECT_TRUE(may_use(agent_of("helper", "ann"), "auto", "openai/gpt-4o")) << "by the route";
  EXPECT_FALSE(may_use(agent_of("helper", "ann"), "", "openai/gpt-4o"));
}

TEST(Policy, AGrantOfALocalModelIsOneOfItsLatest) {
  const auto may = [](const char* pattern, const char* target) {
    return may_use(Subject{.principal = "ann", .models = {pattern}}, "", target);
  };
  EXPECT_TRUE(may("local/a", "local/a:latest"));
  EXPECT_TRUE(may("local/a:latest", "local/a"));
  EXPECT_FALSE(may("local/a", "local/a:1b"));
  EXPECT_FALSE(may("local/a", "local/b:latest"));
  EXPECT_FALSE(may("lab/a", "lab/a:latest")) << "what others call latest is theirs to say";
}

TEST(Glob, StarsAndQuestionMarksAndNothingElse) {
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("lab/*", "lab/a/b"));
  EXPECT_TRUE(matches_glob("*a*b?", "xxaxxbxbz"));
  EXPECT_FALSE(matches_glob("lab/*", "lax/b"));
  EXPECT_FALSE(matches_glob("a?", "a"));
  EXPECT_FALSE(matches_glob("", "a"));
  EXPECT_TRUE(matches_glob("[a]", "[a]"));
  EXPECT_FALSE(matches_glob(std::string(2000, '*') + "b", std::string(20000, 'a')));  // and at once
}

TEST(Names, ParseBackAndRefuseOthersWithTheList) {
  for (const auto label : {Label::public_, Label::internal, Label::confidential, Label::restricted}) {
    EXPECT_EQ(parse_label(name_of(label)).value(), label);
  }
  for (int i = 0; i < kZones; ++i) EXPECT_EQ(parse_zone(name_of(static_cast<Zone>(i))).value(), static_cast<Zone>(i));
  EXPECT_THAT(parse_label("secret").error().message, HasSubstr("public, internal, confidential, restricted"));
  EXPECT_FALSE(parse_zone("moon"));
}

}  // namespace
}  // namespace hearth::policy
