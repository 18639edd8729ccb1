// SPDX-License-Identifier: Apache-2.0
#include "chat_stream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "chat_format_input.hpp"
#include "chat_samples.hpp"

namespace hearth::engine {
namespace {

using namespace chat_test;

struct Sample {
  std::string name;
  std::string model;
  bool tools = false;
  std::string output;
};

std::string qwen_call(const std::string& city) {
  return "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"" + city + "\"}}\n</tool_call>";
}

// Outputs as the models write them; formats from llama.cpp's tests/test-chat.cpp.
const std::vector<Sample> kSamples{
    {"hermes_content", "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", true, "Hello, world!\nWhat's up?"},
    {"hermes_content_and_call", "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", true,
     "Let me look: a < b.\n" + qwen_call("Köln 🌧")},
    {"hermes_parallel", "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", true,
     qwen_call("Köln") + "\n" + qwen_call("東京") +
         "\n<tool_call>\n{\"name\": \"get_time\", \"arguments\": {}}\n</tool_call>"},
    {"qwen25_content", "Qwen-Qwen2.5-7B-Instruct", true,
     "Naïve <b>bold</b> 漢字 <tool"
     "box> done."},
    {"qwen25_call", "Qwen-Qwen2.5-7B-Instruct", true, qwen_call("Paris")},
    {"qwen3_thinking", "Qwen-Qwen3-0.6B", false, "<think>\nHmm, 1 < 2 </thin> …\n</think>\n\nThe answer: 2 ≥ 1."},
    {"qwen3_thinking_call", "Qwen-Qwen3-0.6B", true,
     "<think>\nI must look.\n</think>\n\nOne moment.\n" + qwen_call("Zürich") + "\n" + qwen_call("Łódź")},
    {"qwen3_no_thinking", "Qwen-Qwen3-0.6B", true, "Just an answer."},
    {"qwen3_coder_call", "Qwen3-Coder", true,
     "Sure.\n<tool_call>\n<function=get_weather>\n<parameter=city>\nSão Paulo \"x\"\n</parameter>\n</function>\n"
     "</tool_call>"},
    {"deepseek_r1", "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", false,
     "Okay, the user says hello.\n\nI answer.</think>\n\nHello! 你好"},
    {"deepseek_r1_call", "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", true,
     "Look up.</think><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n"
     "```json\n{\"city\": \"Rome\"}```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
    {"llama31_content", "meta-llama-Llama-3.1-8B-Instruct", true, "Hello, world!\nWhat's up?"},
    {"llama31_call", "meta-llama-Llama-3.1-8B-Instruct", true,
     "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}"},
    {"llama32_content", "meta-llama-Llama-3.2-3B-Instruct", true, "Hej 🙂 världen"},
    {"nemo_content", "mistralai-Mistral-Nemo-Instruct-2407", true, "Bonjour, [le] monde"},
    {"nemo_call_with_id", "mistralai-Mistral-Nemo-Instruct-2407", true,
     "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Nice\"}, \"id\": \"123456789\"}]"},
    {"gpt_oss_final", "openai-gpt-oss-120b", false, "<|channel|>final<|message|>Hello, world!\nWhat's up?"},
    {"gpt_oss_thinking", "openai-gpt-oss-120b", false,
     "<|channel|>analysis<|message|>I'm\nthinking <|of|> it<|end|><|start|>assistant<|channel|>final<|message|>Hello!"},
    {"gpt_oss_call", "openai-gpt-oss-120b", true,
     "<|channel|>analysis<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather "
     "<|constrain|>json<|message|>{\"city\": \"Bern\"}"},
    {"command_r7b_content", "CohereForAI-c4ai-command-r7b-12-2024-tool_use", false,
     "<|START_RESPONSE|>Hello, world!\nWhat's up?<|END_RESPONSE|>"},
    {"command_r7b_call", "CohereForAI-c4ai-command-r7b-12-2024-tool_use", true,
     "<|START_THINKING|>I'm\nthinking<|END_THINKING|><|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": "
     "\"get_weather\", \"parameters\": {\"city\": \"Kyiv\"}}\n]<|END_ACTION|>"},
    {"functionary31_call", "meetkai-functionary-medium-v3.1", true,
     "<function=get_weather>{\"city\": \"Riga\"}</function>"},
    {"functionary32_content", "meetkai-functionary-medium-v3.2", true, "all\nHello, world!\nWhat's up?"},
    {"functionary32_call", "meetkai-functionary-medium-v3.2", true, "get_weather\n{\"city\": \"Lyon\"}"},
    {"gemma2_content", "google-gemma-2-2b-it", false, "  Hello <b>there</b> {} 👋🏽\n\n"},
    {"lfm2_python_call", "LFM2.5-8B-A1B", true,
     "<|tool_call_start|>[get_weather(city='Köln \"x\" [<'), get_time()]<|tool_call_end|>"},
    {"granite_call", "ibm-granite-granite-4.0", true, qwen_call("Bonn")},
};

inference::ChatRequest request_of(const Sample& sample) { return sample.tools ? hello_with_tools() : hello(); }

/// llama.cpp's own reading of the whole output.
common_chat_msg reference_reading(const Sample& sample) {
  const auto templates = common_chat_templates_init(nullptr, template_text(sample.model));
  std::vector<std::string> degraded;
  const auto inputs =
      to_template_inputs(request_of(sample), {}, common_chat_templates_get_caps(templates.get()), degraded);
  const common_chat_params params = common_chat_templates_apply(templates.get(), inputs.value());
  common_chat_parser_params how{params};
  how.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
  how.parser.load(params.parser);
  return common_chat_parse(sample.output, /*is_partial=*/false, how);
}

std::vector<std::string> whole(const std::string& text) { return {text}; }

std::vector<std::string> bytes(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

std::vector<std::string> random_chunks(const std::string& text, unsigned seed) {
  std::mt19937 random{seed};
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = 1 + random() % 12;
    out.push_back(text.substr(at, size));
    at += size;
  }
  return out;
}

class EveryFormat : public testing::TestWithParam<Sample> {
 protected:
  void expect_reading(const std::vector<std::string>& chunks, const std::string& how) {
    ChatStream stream{chat_.parser};
    Collected got;
    for (const std::string& chunk : chunks) got.add(stream.feed(chunk));
    got.add(stream.finish(/*stopped_early=*/false));

    SCOPED_TRACE(how);
    EXPECT_EQ(got.content, expected_.content);
    EXPECT_EQ(got.reasoning, expected_.reasoning_content);
    EXPECT_EQ(got.complaint, "");
    EXPECT_FALSE(stream.malformed());
    ASSERT_EQ(got.calls.size(), expected_.tool_calls.size());
    for (std::size_t i = 0; i < got.calls.size(); ++i) {
      EXPECT_EQ(got.calls[i].name, expected_.tool_calls[i].name);
      EXPECT_EQ(got.calls[i].arguments, expected_.tool_calls[i].arguments);
      if (!expected_.tool_calls[i].id.empty()) EXPECT_EQ(got.calls[i].id, expected_.tool_calls[i].id);
    }
  }

  void SetUp() override {
    const auto format = format_of(GetParam().model);
    ASSERT_NE(format, nullptr);
    auto chat = format->render(request_of(GetParam()));
    ASSERT_TRUE(chat) << chat.error().message;
    chat_ = *chat;
    expected_ = reference_reading(GetParam());
    ASSERT_FALSE(expected_.empty());
  }

  RenderedChat chat_;
  common_chat_msg expected_;
};

TEST_P(EveryFormat, ReadsTheSameHoweverTheOutputIsCut) {
  const std::string& output = GetParam().output;

  expect_reading(whole(output), "whole");
  expect_reading(bytes(output), "byte by byte");
  for (unsigned seed = 1; seed <= 20; ++seed)
    expect_reading(random_chunks(output, seed), "seed " + std::to_string(seed));
}

TEST_P(EveryFormat, NeverSendsWhatTheEndContradictsWhereverItStops) {
  const std::string& output = GetParam().output;
  for (std::size_t size = 0; size < output.size(); ++size) {
    ChatStream stream{chat_.parser};
    Collected got;
    got.add(stream.feed(std::string_view{output}.substr(0, size)));
    ASSERT_TRUE(expected_.reasoning_content.starts_with(got.reasoning)) << size;
    ASSERT_TRUE(expected_.content.starts_with(got.content)) << size;
    ASSERT_LE(got.calls.size(), expected_.tool_calls.size()) << size;
    for (std::size_t i = 0; i < got.calls.size(); ++i) {
      ASSERT_TRUE(expected_.tool_calls[i].arguments.starts_with(got.calls[i].arguments)) << size;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Templates, EveryFormat, testing::ValuesIn(kSamples),
                         [](const auto& info) { return info.param.name; });

RenderedChat rendered(const std::string& model, bool tools) {
  auto chat = format_of(model)->render(tools ? hello_with_tools() : hello());
  return chat.value();
}

Collected read(ChatStream& stream, const std::vector<std::string>& chunks, bool stopped_early = false) {
  Collected got;
  for (const std::string& chunk : chunks) got.add(stream.feed(chunk));
  got.add(stream.finish(stopped_early));
  return got;
}

std::string long_text(std::size_t size, const std::string& piece) {
  std::string out;
  while (out.size() < size) out += piece;
  return out;
}

TEST(ChatStream, PassesPlainFormatsThroughWithoutParsing) {
  const RenderedChat chat = rendered("google-gemma-2-2b-it", false);
  ChatStream stream{chat.parser};

  const Collected got = read(stream, bytes("<think> {\"name\": 1} 🙂"));

  EXPECT_TRUE(chat.parser->is_passthrough());
  EXPECT_EQ(got.content, "<think> {\"name\": 1} 🙂");
  EXPECT_EQ(stream.parsed_for_test(), 0U);
}

struct LongAnswer {
  std::string name;
  std::string model;
  std::string before;
  std::string piece;
  std::string after;
};

class LongAnswers : public testing::TestWithParam<LongAnswer> {};

TEST_P(LongAnswers, AreReadInLinearTimeAndAlmostAtOnce) {
  const LongAnswer& answer = GetParam();
  const std::string output = answer.before + long_text(100'000, answer.piece) + answer.after;
  const RenderedChat chat = rendered(answer.model, true);
  ChatStream stream{chat.parser};

  const Collected got = read(stream, random_chunks(output, 7));

  EXPECT_LE(stream.parsed_for_test(), 12 * output.size());
  EXPECT_FALSE(stream.malformed());
  const std::size_t arguments = got.calls.empty() ? 0 : got.calls[0].arguments.size();
  EXPECT_GE(got.content.size() + got.reasoning.size() + arguments, 100'000U);
  EXPECT_GE(got.deltas, 10'000U);
}

TEST(ChatStream, ReadsArgumentsOfManySmallPartsInLinearTime) {
  const RenderedChat chat = rendered("Qwen-Qwen3-0.6B", true);
  const std::string output = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": [" +
                             long_text(100'000, "\"ab\", 1, ") + "2]}}\n</tool_call>";
  ChatStream stream{chat.parser};

  const Collected got = read(stream, random_chunks(output, 7));

  EXPECT_LE(stream.parsed_for_test(), 12 * output.size());
  EXPECT_FALSE(stream.malformed());
  ASSERT_EQ(got.calls.size(), 1U);
  EXPECT_GT(got.calls[0].arguments.size(), 100'000U);
}

INSTANTIATE_TEST_SUITE_P(
    Streams, LongAnswers,
    testing::Values(
        LongAnswer{"content", "Qwen-Qwen3-0.6B", "", "All is plain. ", ""},
        LongAnswer{"reasoning_and_content", "Qwen-Qwen3-0.6B", "<think>\n", "Hm, a < b. ", "\n</think>\n\nDone."},
        LongAnswer{"channels", "openai-gpt-oss-120b", "<|channel|>analysis<|message|>", "Hm. ",
                   "<|end|><|start|>assistant<|channel|>final<|message|>Done."},
        LongAnswer{"markers_that_mean_nothing", "Qwen-Qwen3-0.6B", "", "</think> and on ", ""},
        LongAnswer{"plain_argument", "Qwen3-Coder", "<tool_call>\n<function=get_weather>\n<parameter=city>\n",
                   "if (a < \"b\") {\n  c \\ d;\n", "\n</parameter>\n</function>\n</tool_call>"},
        LongAnswer{"escapes_in_arguments", "Qwen-Qwen3-0.6B",
                   "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"",
                   R"(a \"b\"\n\u00e9 <tool> 東 )", "\"}}\n</tool_call>"},
        LongAnswer{"arguments", "Qwen-Qwen3-0.6B",
                   "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"", "long name ",
                   "\"}}\n</tool_call>"}),
    [](const auto& info) { return info.param.name; });

TEST(ChatStream, SendsContentAtOnceAndHoldsOnlyWhatMayBecomeAMarker) {
  const RenderedChat chat = rendered("Qwen-Qwen2.5-7B-Instruct", true);
  ChatStream stream{chat.parser};
  Collected got;

  got.add(stream.feed("Hello"));
  EXPECT_EQ(got.content, "Hello");
  got.add(stream.feed(" world <tool_"));
  EXPECT_EQ(got.content, "Hello world ");
  got.add(stream.feed("box>"));
  EXPECT_EQ(got.content, "Hello world <tool_box>");
}

TEST(ChatStream, StreamsTheArgumentsOfACallBeforeItsEnd) {
  const RenderedChat chat = rendered("Qwen-Qwen2.5-7B-Instruct", true);
  ChatStream stream{chat.parser};
  Collected got;

  got.add(stream.feed("<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Par"));

  ASSERT_EQ(got.calls.size(), 1U);
  EXPECT_EQ(got.calls[0].name, "get_weather");
  EXPECT_TRUE(got.calls[0].id.starts_with("call_"));
  EXPECT_EQ(got.calls[0].arguments, "{\"city\": \"Par");
  EXPECT_TRUE(stream.has_tool_calls());
}

TEST(ChatStream, DeliversABeginningOfAMarkerThatEndsTheAnswer) {
  const RenderedChat chat = rendered("Qwen-Qwen2.5-7B-Instruct", true);
  ChatStream stream{chat.parser};

  const Collected got = read(stream, {"a <tool_", "ca"});

  EXPECT_EQ(got.content, "a <tool_ca");
  EXPECT_FALSE(stream.malformed());
}

TEST(ChatStream, DeliversOutputOutsideTheFormatAsContent) {
  const RenderedChat chat = rendered("Qwen-Qwen2.5-7B-Instruct", true);
  const std::string output = "Hi.<tool_call>\n{\"nom\": \"x\"}\n</tool_call> and more";
  for (const auto& chunks : {whole(output), bytes(output), random_chunks(output, 3)}) {
    ChatStream stream{chat.parser};

    const Collected got = read(stream, chunks);

    EXPECT_EQ(got.content, output);
    EXPECT_TRUE(got.calls.empty());
    EXPECT_TRUE(stream.malformed());
  }
}

TEST(ChatStream, KeepsACallAndDeliversTheTextAfterIt) {
  const RenderedChat chat = rendered("Qwen-Qwen2.5-7B-Instruct", true);
  for (const auto& chunks : {whole(qwen_call("Rom") + " tail"), bytes(qwen_call("Rom") + " tail")}) {
    ChatStream stream{chat.parser};

    const Collected got = read(stream, chunks);

    ASSERT_EQ(got.calls.size(), 1U);
    EXPECT_EQ(got.calls[0].arguments, "{\"city\": \"Rom\"}");
    EXPECT_EQ(got.content, "tail");
    EXPECT_TRUE(stream.malformed());
  }
}

TEST(ChatStream, SaysWhenACallIsUnfinishedUnlessItWasCutOff) {
  const RenderedChat chat = rendered("Qwen-Qwen2.5-7B-Instruct", true);
  const std::string output = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Par";
  ChatStream ended{chat.parser};
  ChatStream cut{chat.parser};

  read(ended, {output}, /*stopped_early=*/false);
  read(cut, {output}, /*stopped_early=*/true);

  EXPECT_TRUE(ended.malformed());
  EXPECT_FALSE(cut.malformed());
}

TEST(ChatStream, NeverGivesAnEmptyAnswerForABrokenCall) {
  const RenderedChat chat = rendered("Qwen-Qwen2.5-7B-Instruct", true);
  ChatStream stream{chat.parser};

  const Collected got = read(stream, {"<tool_call>\n{\"na"});

  EXPECT_EQ(got.content, "<tool_call>\n{\"na");
  EXPECT_TRUE(stream.malformed());
}

TEST(ChatStream, SaysWhenTheEndTakesBackACall) {
  const RenderedChat chat = rendered("google-gemma-4-31B-it-interleaved", true);
  const std::string call = "<|tool_call>call:get_weather{city:<|\"|>Köln<|\"|>}";
  ChatStream stream{chat.parser};

  const Collected got = read(stream, bytes(call + "call|>"));

  EXPECT_EQ(got.calls.size(), 1U);
  EXPECT_TRUE(stream.malformed());
}

TEST(ChatStream, SurvivesArgumentsNestedWithoutEnd) {
  const RenderedChat chat = rendered("Qwen-Qwen2.5-7B-Instruct", true);
  const std::string output =
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": " + std::string(100'000, '[');
  ChatStream stream{chat.parser};

  const Collected got = read(stream, random_chunks(output, 5));

  EXPECT_TRUE(stream.malformed());
  EXPECT_GE(got.content.size(), 99'000U);
}

TEST(ChatStream, ReadsPlainTextWithManyOpenBrackets) {
  const RenderedChat chat = rendered("Qwen-Qwen2.5-7B-Instruct", true);
  const std::string art = "x" + std::string(1000, '[') + "\n";
  ChatStream stream{chat.parser};

  const Collected got = read(stream, random_chunks(art + qwen_call("Rom"), 5));

  EXPECT_EQ(got.content, art);
  ASSERT_EQ(got.calls.size(), 1U);
  EXPECT_EQ(got.calls[0].arguments, "{\"city\": \"Rom\"}");
}

TEST(ChatStream, CountsTheBytesOfThinkingAndAnswer) {
  const RenderedChat chat = rendered("Qwen-Qwen3-0.6B", false);
  ChatStream stream{chat.parser};

  read(stream, bytes("<think>\nabc</think>\n\ndefgh"));

  EXPECT_EQ(stream.reasoning_bytes(), 3U);
  EXPECT_EQ(stream.content_bytes(), 5U);
}

TEST(ChatStream, GivesOnlyTheNewPartOfAContinuedMessage) {
  inference::ChatRequest request = hello();
  request.messages.push_back(message("assistant", "Hello, "));
  request.continue_final_message = true;
  const auto chat = format_of("Qwen-Qwen3-0.6B")->render(request);
  ASSERT_TRUE(chat) << chat.error().message;
  ChatStream stream{chat->parser};

  const Collected got = read(stream, bytes("world!\nWhat's up?"));

  EXPECT_EQ(got.content, "world!\nWhat's up?");
  EXPECT_EQ(got.reasoning, "");
}

}  // namespace
}  // namespace hearth::engine
