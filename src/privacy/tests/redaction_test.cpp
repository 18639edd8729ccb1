// SPDX-License-Identifier: Apache-2.0
#include "hearth/privacy/redaction.hpp"

#include <gtest/gtest.h>

#include <random>

#include "hearth/base/text.hpp"
#include "types.hpp"

namespace hearth::privacy {
namespace {

using inference::ChatRequest;
using inference::Label;
using inference::TextPart;

const Scanner& scanner() {
  static const auto made = *Scanner::make({.names = false});
  return *made;
}
std::vector<bool> hiding(std::initializer_list<BuiltIn> types) {
  std::vector<bool> out(scanner().types().size(), false);
  for (const BuiltIn type : types) out[type] = true;
  return out;
}
inference::Message message(std::string role, std::string text) {
  inference::Message out{.role = std::move(role)};
  out.content.push_back(TextPart{std::move(text)});
  return out;
}
const std::string& text_of(const ChatRequest& request, std::size_t i) {
  return std::get<TextPart>(request.messages[i].content[0]).text;
}

TEST(Redaction, HidesAndRestores) {
  ChatRequest request;
  request.messages = {message("user", "I am a@example.org, friend of b@example.org; call a@example.org"),
                      message("user", "card 4111111111111111")};
  auto map = std::make_shared<Placeholders>();
  map->hide(scanner(), hiding({kEmail}), request);
  EXPECT_EQ(text_of(request, 0), "I am [EMAIL_1], friend of [EMAIL_2]; call [EMAIL_1]");
  EXPECT_EQ(text_of(request, 1), "card 4111111111111111");
  EXPECT_EQ(label_of(scanner(), request), Label::restricted);  // the card is still there
  Restorer restorer{map, Restorer::Into::text};
  EXPECT_EQ(restorer.next("Dear [EMAIL_2], [EMAIL_9] is nobody [EMAIL_1]") + restorer.rest(),
            "Dear b@example.org, [EMAIL_9] is nobody a@example.org");
}

TEST(Redaction, IsTheSameInTheNextTurn) {
  ChatRequest first;
  first.messages = {message("user", "ask a@example.org and b@example.org")};
  ChatRequest second = first;
  second.messages.push_back(message("assistant", "b@example.org says no"));
  second.messages.push_back(message("user", "then ask c@example.org"));
  Placeholders one;
  Placeholders two;
  one.hide(scanner(), hiding({kEmail}), first);
  two.hide(scanner(), hiding({kEmail}), second);
  EXPECT_EQ(text_of(first, 0), text_of(second, 0));
  EXPECT_EQ(text_of(second, 1), "[EMAIL_2] says no");
  EXPECT_EQ(text_of(second, 2), "then ask [EMAIL_3]");
}

TEST(Redaction, TakesNoPlaceholderThatIsInTheTextAlready) {
  ChatRequest request;
  request.messages = {message("user", "a@example.org, and what is [EMAIL_1]?")};
  auto map = std::make_shared<Placeholders>();
  map->hide(scanner(), hiding({kEmail}), request);
  EXPECT_EQ(text_of(request, 0), "[EMAIL_2], and what is [EMAIL_1]?");
  Restorer restorer{map, Restorer::Into::text};
  EXPECT_EQ(restorer.next("[EMAIL_1] [EMAIL_2]"), "[EMAIL_1] a@example.org");
}

TEST(Redaction, KeepsArgumentsOfToolsJson) {
  ChatRequest request;
  inference::Message call{.role = "assistant"};
  call.tool_calls.push_back(
      {.id = "1",
       .name = "send",
       .arguments = R"({"to":"a@example.org","text":"hi\nb@example.org \"x\"","card":4111111111111111})"});
  request.messages = {call};
  auto map = std::make_shared<Placeholders>();
  map->hide(scanner(), hiding({kEmail, kCard}), request);
  const std::string& arguments = request.messages[0].tool_calls[0].arguments;
  EXPECT_EQ(arguments, R"({"to":"[EMAIL_1]","text":"hi\u000a[EMAIL_2] \"x\"","card":"[CARD_1]"})");
}

TEST(Redaction, LooksBehindTheEscapesOfJson) {
  ChatRequest request;
  inference::Message call{.role = "assistant"};
  call.tool_calls.push_back({.id = "1", .name = "send", .arguments = R"({"to":"a\u0040example.org"})"});
  request.messages = {call};
  EXPECT_EQ(label_of(scanner(), request), Label::confidential);
  auto map = std::make_shared<Placeholders>();
  map->hide(scanner(), hiding({kEmail}), request);
  EXPECT_EQ(request.messages[0].tool_calls[0].arguments, R"({"to":"[EMAIL_1]"})");
}

/// The letter of an escape is no part of the word behind it.
TEST(Redaction, KnowsWhereALineOfJsonBegins) {
  ChatRequest request;
  inference::Message call{.role = "assistant"};
  call.tool_calls.push_back({.id = "1", .name = "save", .arguments = R"({"content":"numbers:\n4111 1111 1111 1111"})"});
  request.messages = {call};
  EXPECT_EQ(label_of(scanner(), request), Label::restricted);
  request.messages[0].tool_calls[0].arguments = R"({"content":"keys:\tAKIAIOSFODNN7EXAMPLQ"})";
  EXPECT_EQ(label_of(scanner(), request), Label::restricted);
}

TEST(Redaction, HalvesOfCharactersBecomeNoBrokenText) {
  ChatRequest request;
  inference::Message call{.role = "assistant"};
  call.tool_calls.push_back(
      {.id = "1", .name = "send", .arguments = R"({"to":"\ud83d\u0041 \udc00 a@example.org \ud83d\ude00"})"});
  request.messages = {call};
  Placeholders map;
  map.hide(scanner(), hiding({kEmail}), request);
  EXPECT_EQ(request.messages[0].tool_calls[0].arguments, "{\"to\":\"\uFFFDA \uFFFD [EMAIL_1] \U0001F600\"}");
}

TEST(Redaction, RestoresIntoJsonEscaped) {
  ChatRequest request;
  request.messages = {message("user", "the password is hunt\\er22")};
  auto map = std::make_shared<Placeholders>();
  map->hide(scanner(), hiding({kSecret}), request);
  ASSERT_EQ(text_of(request, 0), "the password is [SECRET_1]");
  Restorer json{map, Restorer::Into::json};
  EXPECT_EQ(json.next(R"({"p":"[SECRET_1]"})"), R"({"p":"hunt\\er22"})");
}

/// What made a number suspicious is hidden; the number is not harmless for that.
TEST(Redaction, RemembersWhatItLeft) {
  const auto strange = *Scanner::make({.patterns = {{.name = "word", .pattern = "MRN"}}, .names = false});
  std::vector<bool> types(strange->types().size(), false);
  types.back() = true;
  ChatRequest request;
  request.messages = {message("user", "MRN 00482913")};
  Placeholders map;
  map.hide(*strange, types, request);
  EXPECT_EQ(text_of(request, 0), "[WORD_1] 00482913");
  EXPECT_EQ(label_of(*strange, request), Label::public_);
  EXPECT_EQ(map.left(), Label::restricted);
}

TEST(Redaction, DropsWhatWouldBeForwardedVerbatim) {
  ChatRequest request;
  request.messages = {message("user", "a@example.org")};
  request.verbatim = std::make_shared<inference::Verbatim>();
  Placeholders map;
  map.hide(scanner(), hiding({kEmail}), request);
  EXPECT_EQ(request.verbatim, nullptr);
}

ChatRequest forwarded(std::string body) {
  ChatRequest request;
  auto verbatim = std::make_shared<inference::Verbatim>();
  verbatim->body = std::make_shared<const std::string>(std::move(body));
  request.verbatim = verbatim;
  return request;
}

TEST(Label, SeesWhatIsForwardedAlthoughItWasIgnored) {
  EXPECT_EQ(label_of(scanner(), forwarded(R"({"prediction":{"content":"card 4111111111111111"}})")), Label::restricted);
  EXPECT_EQ(label_of(scanner(), forwarded(R"({"metadata":{"for":"a@example.org"},"user":"7"})")), Label::confidential);
  EXPECT_EQ(label_of(scanner(), forwarded(R"({"metadata":{"\u0061@example.org":"x"}})")), Label::confidential);
  EXPECT_EQ(label_of(scanner(), forwarded(R"({"messages":[{"role":"user","content":"hello"}]})")), Label::public_);
}

TEST(Label, OfAForwardedBodyIsThatOfItsTextsAndNotOfItsPictures) {
  const std::string question = "What is in this picture, and who may have painted it? I have not \n seen it before.";
  ChatRequest request = forwarded(R"({"messages":[{"role":"user","content":[{"type":"text","text":"What is in this )"
                                  R"(picture, and who may have painted it? I have not \n seen it before."},)"
                                  R"({"type":"image_url","image_url":{"url":"data:image/png;base64,)" +
                                  text::base64_encode(std::string(99, ' ') + "a@example.org") + R"("}}]}]})");
  request.messages = {message("user", question)};
  EXPECT_EQ(label_of(scanner(), request), Label::confidential) << "nobody said that it is a picture";
  request.messages[0].content.push_back(
      inference::ImagePart{.mime_type = "image/png", .bytes = std::string(99, ' ') + "a@example.org", .url = {}});
  EXPECT_EQ(label_of(scanner(), request), Label::public_);
}

TEST(Label, SeesWhatTheAnswerShallLookLike) {
  const auto of = [](const auto& change) {
    ChatRequest chat;
    inference::CompletionRequest completion;
    change(chat.generation);
    change(completion.generation);
    EXPECT_EQ(label_of(scanner(), chat), label_of(scanner(), completion));
    return label_of(scanner(), chat);
  };
  EXPECT_EQ(of([](auto&) {}), Label::public_);
  EXPECT_EQ(of([](auto& g) { g.stop = {"a@example.org"}; }), Label::confidential);
  EXPECT_EQ(of([](auto& g) { g.constraint.choices = {"yes", "a@example.org"}; }), Label::confidential);
  EXPECT_EQ(of([](auto& g) { g.constraint.text = R"({"enum":["a\u0040example.org"]})"; }), Label::confidential);
}

TEST(Label, SeesTheNamesInAChatAndItsTemplateArguments) {
  ChatRequest request;
  request.template_arguments = {{"about", R"("a@example.org")"}};
  EXPECT_EQ(label_of(scanner(), request), Label::confidential);
  request.template_arguments.clear();
  request.messages = {message("tool", "done")};
  request.messages[0].tool_call_id = "call_9fK2xQ7bTz81LmNp4RsVwYc3";
  request.messages.push_back({.role = "assistant"});
  request.messages[1].tool_calls.push_back({.id = "toolu_01A09q90qw90lq917835lq9", .name = "send_mail"});
  request.messages[1].tool_calls.push_back({.id = "chatcmpl-tool-0a1b2c3d4e5f60718293a4b5c6d7e8f9", .name = "f"});
  EXPECT_EQ(label_of(scanner(), request), Label::public_);
  request.messages[0].content.push_back(
      inference::ImagePart{.mime_type = {}, .bytes = {}, .url = "https://ann:pass1word@example.org/x.png"});
  EXPECT_EQ(label_of(scanner(), request), Label::restricted);
}

/// However the answer is cut into pieces, what comes out is the same.
TEST(Restorer, DoesNotCareWhereTheStreamIsCut) {
  ChatRequest request;
  request.messages = {message("user", "a@example.org b@example.org 4111111111111111")};
  auto map = std::make_shared<Placeholders>();
  map->hide(scanner(), hiding({kEmail, kCard}), request);
  const std::string answer = "[[EMAIL_1] [EMAIL_] [x] [EMAIL_2][CARD_1] [CARD_1 [EMAIL_1";
  const std::string expected = "[a@example.org [EMAIL_] [x] b@example.org4111111111111111 [CARD_1 [EMAIL_1";
  std::mt19937 random{1};
  for (int i = 0; i < 2'000; ++i) {
    Restorer restorer{map, Restorer::Into::text};
    std::string out;
    for (std::size_t at = 0; at < answer.size();) {
      const std::size_t size = 1 + random() % 6;
      out += restorer.next(std::string_view{answer}.substr(at, size));
      at += size;
    }
    out += restorer.rest();
    ASSERT_EQ(out, expected);
  }
}

TEST(Restorer, HoldsNoMoreThanMayBeAPlaceholder) {
  ChatRequest request;
  request.messages = {message("user", "a@example.org")};
  auto map = std::make_shared<Placeholders>();
  map->hide(scanner(), hiding({kEmail}), request);
  Restorer restorer{map, Restorer::Into::text};
  EXPECT_EQ(restorer.next("see [1] and [EMAI"), "see [1] and ");
  EXPECT_EQ(restorer.next("X"), "[EMAIX");
}

}  // namespace
}  // namespace hearth::privacy
