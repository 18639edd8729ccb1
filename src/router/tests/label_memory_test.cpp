// SPDX-License-Identifier: Apache-2.0
#include "label_memory.hpp"

#include <gtest/gtest.h>

#include "router_fixture.hpp"

namespace hearth::router::testing {
namespace {

using policy::Label;

inference::ChatRequest conversation(std::initializer_list<std::pair<std::string, std::string>> messages) {
  inference::ChatRequest request;
  request.model = "auto";
  for (const auto& [role, text] : messages) {
    request.messages.push_back({.role = role, .content = {inference::TextPart{text}}});
  }
  return request;
}
const std::string kLong = "The patient came in with a fever that has lasted for three weeks.";

Label label_of(const LabelMemory& memory, const inference::ChatRequest& request, std::string_view session = {}) {
  return memory.highest(message_keys("ann", session, request, Keys::history));
}

TEST(LabelMemory, HoldsForEveryLaterRequestWithThatMessage) {
  LabelMemory memory;
  EXPECT_TRUE(memory.empty());
  memory.put(message_keys("ann", "", conversation({{"system", "a"}, {"user", kLong}}), Keys::all), Label::restricted);
  EXPECT_EQ(
      label_of(memory, conversation({{"system", "b"}, {"user", kLong}, {"assistant", "x"}, {"user", "and now?"}})),
      Label::restricted);
  EXPECT_EQ(label_of(memory, conversation({{"user", "something else"}, {"user", "and now?"}})), Label::public_);
  EXPECT_EQ(label_of(memory, conversation({{"user", kLong}})), Label::public_) << "the same words, said anew";
  EXPECT_EQ(memory.highest(message_keys("bob", "", conversation({{"user", kLong}}), Keys::all)), Label::public_);
}

TEST(LabelMemory, AShortMessageIsKnownByWhatCameBefore) {
  LabelMemory memory;
  memory.put(message_keys("ann", "", conversation({{"user", "hello"}, {"user", "yes"}}), Keys::all), Label::restricted);
  EXPECT_EQ(label_of(memory, conversation({{"user", "good morning"}, {"user", "yes"}, {"user", "no"}})),
            Label::public_);
  EXPECT_EQ(label_of(memory, conversation({{"user", "hello"}, {"user", "yes"}, {"user", "no"}})), Label::restricted);
}

TEST(LabelMemory, ASessionKeepsItsLabelWithoutItsHistory) {
  LabelMemory memory;
  memory.put(message_keys("ann", "s1", conversation({{"user", kLong}}), Keys::all), Label::confidential);
  EXPECT_EQ(label_of(memory, conversation({{"user", "new words"}}), "s1"), Label::confidential);
  EXPECT_EQ(label_of(memory, conversation({{"user", "new words"}}), "s2"), Label::public_);
}

TEST(LabelMemory, IsOnlyRaised) {
  LabelMemory memory;
  const auto keys = message_keys("ann", "", conversation({{"user", kLong}}), Keys::all);
  memory.put(keys, Label::restricted);
  memory.put(keys, Label::internal);
  EXPECT_EQ(memory.highest(keys), Label::restricted);
}

TEST(LabelMemory, ForgetsTheLeastSensitiveFirstWhenFull) {
  LabelMemory memory;
  const std::vector<std::uint64_t> secret{0x123456789ABCDEF8ULL};
  memory.put(secret, Label::restricted);
  std::uint64_t key = 88172645463325252ULL;
  for (std::size_t i = 0; i < LabelMemory::kMost * 8; ++i) {
    key ^= key << 13, key ^= key >> 7, key ^= key << 17;
    memory.put(std::vector<std::uint64_t>{key}, Label::internal);
  }
  EXPECT_EQ(memory.highest(secret), Label::restricted);
}

using LabelsTest = RouterTest;

TEST_F(LabelsTest, AFollowUpCannotWashALabelOff) {
  add("local/small", {says("here")}, 1, 0.4);
  FakeTarget& cloud = add("far/gpt", {says("there")}, 0, 0.9, policy::Zone::cloud);
  route(Strategy::cascade);
  provider::RequestContext secret;
  secret.label = "restricted";
  EXPECT_EQ(ask(conversation({{"user", kLong}}), secret).placement.target, "local/small");
  provider::RequestContext open;
  open.label = "public";
  const auto next = conversation({{"user", kLong}, {"assistant", "here"}, {"user", "and now?"}});
  EXPECT_EQ(ask(next, open).placement.target, "local/small");
  EXPECT_EQ(cloud.calls, 0U);
  EXPECT_EQ(router->explain(open, next)->label, "restricted");
  EXPECT_EQ(ask(conversation({{"user", "another thing"}}), open).placement.target, "far/gpt");
}

TEST_F(LabelsTest, ARouteHasALabelOfItsOwn) {
  add("far/gpt", {says("there")}, 0, 0.9, policy::Zone::cloud);
  route(Strategy::direct).label = Label::confidential;
  provider::RequestContext open;
  open.label = "public";
  EXPECT_EQ(ask(request(), open).refusal->code, ErrorCode::forbidden);
}

}  // namespace
}  // namespace hearth::router::testing
