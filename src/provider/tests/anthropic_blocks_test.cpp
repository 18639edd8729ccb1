// SPDX-License-Identifier: Apache-2.0
// Blocks of Anthropic's stream that native events have no word for, and their order.
#include "anthropic_blocks.hpp"

#include <gmock/gmock.h>

namespace hearth::provider {
namespace {

using inference::Event;
using ::testing::ElementsAre;

std::string shown(const Event& event) {
  if (const auto* text = std::get_if<inference::TextDelta>(&event.body)) return "text " + text->text;
  if (const auto* thought = std::get_if<inference::ReasoningDelta>(&event.body)) {
    return "thought " + thought->text + "|" + thought->signature;
  }
  if (const auto* call = std::get_if<inference::ToolCallDelta>(&event.body)) {
    return "call " + std::to_string(call->index) + " " + call->id + " " + call->arguments;
  }
  const auto* opaque = std::get_if<inference::Opaque>(&event.body);
  return opaque == nullptr ? "?" : "opaque " + opaque->json;
}

/// One message: each block with its deltas, stopped.
class Message {
 public:
  Message& block(std::string_view start, const std::vector<std::string_view>& deltas) {
    blocks_.start(index_, parse_json(start), events_);
    for (const std::string_view delta : deltas) blocks_.delta(index_, parse_json(delta), events_);
    blocks_.stop(index_++, events_);
    return *this;
  }
  std::vector<std::string> events() const {
    std::vector<std::string> out;
    for (const Event& event : events_) out.push_back(shown(event));
    return out;
  }

 private:
  AnthropicBlocks blocks_;
  std::vector<Event> events_;
  std::int64_t index_ = 0;
};

constexpr std::string_view kThinking = R"({"type":"thinking","thinking":"","signature":""})";

TEST(AnthropicBlocks, EachThoughtHasItsOwnSignatureAlsoWithoutWords) {
  Message message;
  message
      .block(kThinking,
             {R"({"type":"thinking_delta","thinking":"hm"})", R"({"type":"signature_delta","signature":"a"})"})
      .block(R"({"type":"redacted_thinking","data":"x"})", {})
      .block(kThinking, {R"({"type":"signature_delta","signature":"b"})"});
  EXPECT_THAT(message.events(), ElementsAre("thought hm|", "thought |a",
                                            R"(opaque {"type":"redacted_thinking","data":"x"})", "thought |b"));
}

TEST(AnthropicBlocks, ServerToolsComeWholeWithTheirInput) {
  Message message;
  message
      .block(R"({"type":"server_tool_use","id":"t","name":"web_search","input":{}})",
             {R"({"type":"input_json_delta","partial_json":"{\"q\":"})",
              R"({"type":"input_json_delta","partial_json":"\"a\"}"})"})
      .block(R"({"type":"web_search_tool_result","tool_use_id":"t","content":[{"encrypted_content":"e"}]})", {})
      .block(R"({"type":"compaction","content":""})", {R"({"type":"compaction_delta","content":"short"})"})
      .block(R"({"type":"tool_use","id":"u","name":"f","input":{}})",
             {R"({"type":"input_json_delta","partial_json":"{}"})"});
  EXPECT_THAT(
      message.events(),
      ElementsAre(R"(opaque {"type":"server_tool_use","id":"t","name":"web_search","input":{"q":"a"}})",
                  R"(opaque {"type":"web_search_tool_result","tool_use_id":"t","content":[{"encrypted_content":"e"}]})",
                  R"(opaque {"type":"compaction","content":"short"})", "call 0 u ", "call 0  {}"));
}

TEST(AnthropicBlocks, TextsKeepTheirBordersAndCitations) {
  Message message;
  message.block(R"({"type":"text","text":""})", {R"({"type":"text_delta","text":"a"})"})
      .block(R"({"type":"text","text":"","citations":[]})",
             {R"({"type":"text_delta","text":"b"})", R"({"type":"citations_delta","citation":{"url":"u"}})"})
      .block(R"({"type":"text","text":"c"})", {});
  EXPECT_THAT(message.events(), ElementsAre("text a", R"(opaque {"type":"text","text":"","citations":[]})", "text b",
                                            R"(opaque {"type":"citations_delta","citation":{"url":"u"}})",
                                            R"(opaque {"type":"text","text":""})", "text c"));
}

}  // namespace
}  // namespace hearth::provider
