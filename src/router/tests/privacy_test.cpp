// SPDX-License-Identifier: Apache-2.0
// What is found in content decides where it may go, and what is hidden is shown again.
#include <gmock/gmock.h>

#include "restored_stream.hpp"
#include "router_fixture.hpp"

namespace hearth::router::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

struct PrivacyTest : RouterTest {
  provider::RequestContext open{};

  PrivacyTest() {
    open.label = "public";
    table->scanner = *privacy::Scanner::make({.names = false});
  }
  void redact(std::initializer_list<std::string_view> types) {
    table->redaction.zones[static_cast<std::size_t>(policy::Zone::cloud)] = true;
    table->redaction.types.assign(table->scanner->types().size(), false);
    for (const std::string_view type : types) table->redaction.types[*table->scanner->type_named(type)] = true;
  }
  static const std::string& text_of(const inference::ChatRequest& request, std::size_t i = 0) {
    return std::get<inference::TextPart>(request.messages[i].content[0]).text;
  }
};

TEST_F(PrivacyTest, WhatIsFoundRaisesTheLabel) {
  FakeTarget& cloud = add("far/gpt", {says("there")}, 0, 0.9, policy::Zone::cloud);
  route(Strategy::direct);
  EXPECT_EQ(ask(request("auto", "hello"), open).text, "there");
  const Got refused = ask(request("auto", "I am ann@example.org"), open);
  ASSERT_TRUE(refused.refusal);
  EXPECT_EQ(refused.refusal->code, ErrorCode::forbidden);
  EXPECT_THAT(refused.refusal->message, HasSubstr("confidential"));
  EXPECT_EQ(cloud.calls, 1U);
}

TEST_F(PrivacyTest, HiddenValuesLeaveAsPlaceholdersAndComeBack) {
  FakeTarget& cloud =
      add("far/gpt", {{.text = {"I wrote to [EMA", "IL_1] and ", "[EMAIL_2", "]."}}}, 0, 0.9, policy::Zone::cloud);
  route(Strategy::direct);
  redact({"email"});
  const Got got = ask(request("auto", "write to a@example.org and b@example.org"), open);
  EXPECT_EQ(text_of(cloud.last), "write to [EMAIL_1] and [EMAIL_2]");
  EXPECT_EQ(got.text, "I wrote to a@example.org and b@example.org.");
  EXPECT_TRUE(got.finished);
  EXPECT_THAT(got.degraded, Contains("2 values were hidden from the model"));
}

TEST_F(PrivacyTest, WhatIsLeftIsLabelledAgain) {
  FakeTarget& cloud = add("far/gpt", {says("there")}, 0, 0.9, policy::Zone::cloud);
  route(Strategy::direct);
  redact({"email"});
  EXPECT_EQ(ask(request("auto", "a@example.org pays with 4111111111111111"), open).refusal->code, ErrorCode::forbidden);
  EXPECT_EQ(cloud.calls, 0U);
}

TEST_F(PrivacyTest, LongContentIsScannedAndHiddenInThePool) {
  FakeTarget& cloud = add("far/gpt", {says("dear [EMAIL_1]")}, 0, 0.9, policy::Zone::cloud);
  table->targets[0].context = 0;
  route(Strategy::direct);
  redact({"email"});
  async::BlockingPool pool{1};
  router = Router::create({.local = nullptr, .blocking = &pool}, table);
  std::string text = "a@example.org ";
  while (text.size() < 200'000) text += "and so it went on, ";
  EXPECT_EQ(ask(request("auto", text), open).text, "dear a@example.org");
  EXPECT_TRUE(text_of(cloud.last).starts_with("[EMAIL_1] and"));
  EXPECT_EQ(ask(request("auto", text + "4111111111111111"), open).refusal->code, ErrorCode::forbidden);
}

TEST_F(PrivacyTest, RedactionLowersNoLabelThatWasSaid) {
  add("far/gpt", {says("there")}, 0, 0.9, policy::Zone::cloud);
  route(Strategy::direct);
  redact({"email"});
  provider::RequestContext secret;
  secret.label = "confidential";
  EXPECT_EQ(ask(request("auto", "a@example.org"), secret).refusal->code, ErrorCode::forbidden);
}

TEST_F(PrivacyTest, ThisMachineSeesEverything) {
  FakeTarget& here = add("local/small", {says("ok")});
  add("far/gpt", {says("there")}, 5, 0.9, policy::Zone::cloud);
  route(Strategy::cascade);
  redact({"email"});
  const Got got = ask(request("auto", "a@example.org"), open);
  EXPECT_EQ(got.text, "ok");
  EXPECT_EQ(text_of(here.last), "a@example.org");
}

TEST_F(PrivacyTest, EachTargetOfACascadeSeesWhatItMay) {
  FakeTarget& here = add("local/small", {says("unsure", -3)});
  FakeTarget& cloud = add("far/gpt", {says("dear [EMAIL_1]")}, 5, 0.9, policy::Zone::cloud);
  route(Strategy::cascade);
  redact({"email"});
  const Got got = ask(request("auto", "a@example.org"), open);
  EXPECT_EQ(got.text, "dear a@example.org");
  EXPECT_EQ(text_of(here.last), "a@example.org");
  EXPECT_EQ(text_of(cloud.last), "[EMAIL_1]");
}

TEST_F(PrivacyTest, TheExplanationTellsLabelsByTarget) {
  add("local/small", {says("ok")});
  add("far/gpt", {says("there")}, 5, 0.9, policy::Zone::cloud);
  route(Strategy::cascade);
  redact({"email"});
  ASSERT_TRUE(ask(request("auto", "a@example.org"), open).finished);
  const auto explained = router->explain(open, request("auto", "a@example.org"));
  EXPECT_EQ(explained->label, "confidential");
  EXPECT_EQ(explained->targets[0].label, "confidential");
  EXPECT_EQ(explained->targets[1].label, "public");
  EXPECT_TRUE(explained->targets[1].redacted);
  EXPECT_TRUE(explained->targets[1].candidate);
}

TEST_F(PrivacyTest, WhatOnlyAVerbatimBodyCanSayIsRefusedWhereContentIsRedacted) {
  FakeTarget& cloud = add("far/gpt", {says("there")}, 5, 0.9, policy::Zone::cloud);
  table->targets[0].wire = inference::Wire::openai;
  route(Strategy::direct);
  redact({"email"});
  inference::ChatRequest chat = request();
  auto verbatim = std::make_shared<inference::Verbatim>();
  verbatim->wire = inference::Wire::openai;
  verbatim->body = std::make_shared<const std::string>(R"({"messages":[],"new_field":1})");
  verbatim->beyond = Error{.code = ErrorCode::unsupported, .message = "new_field"};
  chat.verbatim = verbatim;
  EXPECT_EQ(ask(chat, open).refusal->code, ErrorCode::unsupported);
  EXPECT_EQ(cloud.calls, 0U);
}

TEST_F(PrivacyTest, RulesKnowActionsAndClasses) {
  add("far/gpt", {says("there")}, 0, 0.9, policy::Zone::cloud);
  table->targets[0].capabilities |= kTools;
  route(Strategy::direct);
  policy::Policy::Options options;
  options.ceilings[static_cast<int>(policy::Zone::cloud)] = policy::Label::public_;
  options.rules = {{.allow = false, .zone = policy::Zone::cloud, .actions = policy::kTools}};
  table->policy = std::make_shared<const policy::Policy>(options);
  EXPECT_EQ(ask(request(), open).text, "there");
  inference::ChatRequest with_tools = request();
  with_tools.tools.push_back({.name = "f", .description = "", .parameters = "{}"});
  EXPECT_EQ(ask(with_tools, open).refusal->code, ErrorCode::forbidden);
}

/// Tool arguments and reasoning, which the fake target does not make.
class Played final : public provider::EventStream {
 public:
  explicit Played(std::vector<inference::Event> events) : events_{std::move(events)} {}
  Task<std::optional<inference::Event>> async_next() override {
    if (at_ == events_.size()) co_return std::nullopt;
    co_return events_[at_++];
  }

 private:
  std::vector<inference::Event> events_;
  std::size_t at_ = 0;
};

TEST(RestoredStream, RestoresToolArgumentsAndReasoningOfEachChoice) {
  using namespace inference;
  ChatRequest request;
  request.messages.push_back({.role = "user", .content = {TextPart{"a@example.org"}}});
  const auto scanner = *privacy::Scanner::make({.names = false});
  std::vector<bool> types(scanner->types().size(), true);
  auto hidden = std::make_shared<privacy::Placeholders>();
  hidden->hide(*scanner, types, request);
  const auto call = [](std::int32_t choice, std::size_t index, std::string text) {
    return Event{.choice = choice,
                 .body = ToolCallDelta{.index = index, .id = "", .name = "", .arguments = std::move(text)}};
  };
  std::vector<Event> events{{.choice = 0, .body = ReasoningDelta{.text = "so [EMAIL_"}},
                            call(0, 0, "{\"to\":\"[EM"),
                            call(0, 1, "[EMAIL_1"),
                            call(0, 0, "AIL_1]\"}"),
                            {.choice = 1, .body = TextDelta{.text = "[EMAIL_1", .logprobs = {}, .tokens = {}}},
                            {.choice = 0, .body = Finished{}},
                            {.choice = 1, .body = Finished{}}};
  RestoredStream stream{std::make_unique<Played>(std::move(events)), hidden};
  std::string calls[2];
  std::string reasoning;
  std::string text;
  std::vector<std::int32_t> finished;
  const auto drain = [](RestoredStream& from, auto& sink) -> Task<> {
    while (auto event = co_await from.async_next()) sink(*event);
  };
  const auto sink = [&](const Event& event) {
    if (const auto* c = std::get_if<ToolCallDelta>(&event.body)) calls[c->index] += c->arguments;
    if (const auto* r = std::get_if<ReasoningDelta>(&event.body)) reasoning += r->text;
    if (const auto* t = std::get_if<TextDelta>(&event.body)) text += t->text;
    if (std::holds_alternative<Finished>(event.body)) finished.push_back(event.choice);
  };
  asio::io_context io;
  asio::co_spawn(io, drain(stream, sink), asio::detached);
  io.run();
  EXPECT_EQ(calls[0], R"({"to":"a@example.org"})");
  EXPECT_EQ(calls[1], "[EMAIL_1");
  EXPECT_EQ(reasoning, "so [EMAIL_");
  EXPECT_EQ(text, "[EMAIL_1");
  EXPECT_EQ(finished, (std::vector<std::int32_t>{0, 1}));
}

TEST(RestoredStream, RestoresWhatOnlyOneProtocolSaysAndAThoughtBeforeItsSeal) {
  using namespace inference;
  ChatRequest request;
  request.messages.push_back({.role = "user", .content = {TextPart{"a@example.org"}}});
  const auto scanner = *privacy::Scanner::make({.names = false});
  auto hidden = std::make_shared<privacy::Placeholders>();
  hidden->hide(*scanner, std::vector<bool>(scanner->types().size(), true), request);
  RestoredStream stream{
      std::make_unique<Played>(std::vector<Event>{
          {.choice = 0, .body = ReasoningDelta{.text = "to [EMA"}},
          {.choice = 0, .body = ReasoningDelta{.text = "", .signature = "seal"}},
          {.choice = 0, .body = Opaque{Wire::anthropic, R"({"type":"server_tool_use","input":{"q":"[EMAIL_1]"}})"}},
          {.choice = 0, .body = Finished{}}}),
      hidden};
  std::vector<std::string> got;
  const auto drain = [](RestoredStream& from, std::vector<std::string>& out) -> Task<> {
    while (auto event = co_await from.async_next()) {
      if (const auto* r = std::get_if<ReasoningDelta>(&event->body)) out.push_back(r->text + "|" + r->signature);
      if (const auto* o = std::get_if<Opaque>(&event->body)) out.push_back(o->json);
    }
  };
  asio::io_context io;
  asio::co_spawn(io, drain(stream, got), asio::detached);
  io.run();
  EXPECT_THAT(
      got, ::testing::ElementsAre("to |", "[EMA|seal", R"({"type":"server_tool_use","input":{"q":"a@example.org"}})"));
}

}  // namespace
}  // namespace hearth::router::testing
