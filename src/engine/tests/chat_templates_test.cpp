// SPDX-License-Identifier: Apache-2.0
// Every template that llama.cpp carries: what it renders for an answer is what the model would write, so a
// ChatStream must read it like llama.cpp does, in whatever pieces it comes.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "chat_format_input.hpp"
#include "chat_samples.hpp"

namespace hearth::engine {
namespace {

using namespace chat_test;

constexpr std::string_view kEnds[] = {
    "<|im_end|>", "<|eot_id|>",           "</s>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "<end_of_turn>",
    "<|return|>", "<|END_OF_TURN_TOKEN|>"};

std::vector<std::string> template_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{HEARTH_LLAMA_SOURCE_DIR "/models/templates"}) {
    if (entry.path().extension() == ".jinja") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

std::vector<inference::Message> answers(bool tools) {
  inference::Message plain = message("assistant", "Sure, a < b `z` ünïcödé 🙂.\n\nMore.");
  inference::Message thinking = plain;
  thinking.reasoning = "I think: 1 < 2.\nOk 漢字";
  if (!tools) return {plain, thinking};
  inference::Message call = plain;
  call.tool_calls.push_back({"abcdefghi", "get_weather", R"({"city":"Köln \"x\" {[<"})"});
  inference::Message two = thinking;
  two.tool_calls = {call.tool_calls[0], {"123456789", "get_time", "{}"}};
  return {plain, thinking, call, two};
}

/// What the model would write after `chat.prompt` to answer with `answer`; none if the template does not show it.
std::optional<std::string> output_for(const ChatFormat& format, inference::ChatRequest request,
                                      const inference::Message& answer, const RenderedChat& chat) {
  request.messages.push_back(answer);
  request.add_generation_prompt = false;
  const auto full = format.render(request);
  if (!full || !full->prompt.starts_with(chat.prompt)) return std::nullopt;
  std::string output = full->prompt.substr(chat.prompt.size());
  for (const std::string_view end : kEnds) {
    const std::size_t at = output.rfind(end);
    if (at != std::string::npos && at + end.size() + 2 >= output.size()) output.resize(at);
  }
  return output;
}

std::optional<common_chat_msg> reference_reading(const std::string& name, const inference::ChatRequest& request,
                                                 const std::string& output) {
  const auto templates = common_chat_templates_init(nullptr, template_text(name));
  std::vector<std::string> degraded;
  const auto caps = common_chat_templates_get_caps(templates.get());
  const auto params =
      common_chat_templates_apply(templates.get(), to_template_inputs(request, {}, caps, degraded).value());
  common_chat_parser_params how{params};
  how.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
  how.parser.load(params.parser);
  try {
    return common_chat_parse(output, /*is_partial=*/false, how);
  } catch (const std::exception&) {
    return std::nullopt;  // llama.cpp cannot read what this template writes
  }
}

void expect_same(const RenderedChat& chat, const std::string& output, const common_chat_msg& expected,
                 std::size_t step) {
  ChatStream stream{chat.parser};
  Collected got;
  for (std::size_t at = 0; at < output.size(); at += step) got.add(stream.feed(output.substr(at, step)));
  got.add(stream.finish(/*stopped_early=*/false));
  EXPECT_EQ(got.content, expected.content);
  EXPECT_EQ(got.reasoning, expected.reasoning_content);
  EXPECT_EQ(got.complaint, "");
  ASSERT_EQ(got.calls.size(), expected.tool_calls.size());
  for (std::size_t i = 0; i < got.calls.size(); ++i) {
    EXPECT_EQ(got.calls[i].name, expected.tool_calls[i].name);
    EXPECT_EQ(got.calls[i].arguments, expected.tool_calls[i].arguments);
  }
}

class EveryTemplate : public testing::TestWithParam<std::string> {};

TEST_P(EveryTemplate, ReadsBackWhatItRenders) {
  const auto format = format_of(GetParam());
  ASSERT_NE(format, nullptr);
  std::size_t outputs = 0;
  for (const bool tools : {false, true}) {
    const inference::ChatRequest request = tools ? hello_with_tools() : hello();
    const auto chat = format->render(request);
    if (!chat) continue;
    for (const inference::Message& answer : answers(tools)) {
      const auto output = output_for(*format, request, answer, *chat);
      if (!output) continue;
      ++outputs;
      const auto expected = reference_reading(GetParam(), request, *output);
      if (!expected) continue;
      for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{17}, output->size() + 1}) {
        SCOPED_TRACE("step " + std::to_string(step) + ": " + *output);
        expect_same(*chat, *output, *expected, step);
      }
    }
  }
  if (outputs == 0) GTEST_SKIP() << "the template renders answers unlike its generation prompt";
}

INSTANTIATE_TEST_SUITE_P(LlamaCpp, EveryTemplate, testing::ValuesIn(template_names()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
});

}  // namespace
}  // namespace hearth::engine
