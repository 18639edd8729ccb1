// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/chat_format.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <llama-grammar.h>
#include <llama.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "chat_format_grammar.hpp"
#include "chat_samples.hpp"
#include "tool_schema.hpp"

namespace hearth::engine {
namespace {

using namespace chat_test;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kQwen3 = "Qwen-Qwen3-0.6B";

RenderedChat must_render(const std::string& model, const inference::ChatRequest& request, const RenderOptions& o = {}) {
  auto chat = format_of(model)->render(request, o);
  EXPECT_TRUE(chat) << chat.error().message;
  return chat ? *chat : RenderedChat{};
}

Error must_fail(const std::string& model, const inference::ChatRequest& request, const RenderOptions& o = {}) {
  auto chat = format_of(model)->render(request, o);
  EXPECT_FALSE(chat);
  return chat ? Error{} : chat.error();
}

TEST(ChatFormat, RendersTheMessagesWithTheTemplate) {
  EXPECT_EQ(must_render(kQwen3, hello()).prompt, "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatFormat, PutsTheDefaultSystemMessageInFrontOnlyIfThereIsNone) {
  inference::ChatRequest request = hello();
  request.system_default = "Be brief.";
  EXPECT_THAT(must_render(kQwen3, request).prompt, HasSubstr("<|im_start|>system\nBe brief.<|im_end|>"));

  request.messages.insert(request.messages.begin(), message("system", "Be long."));
  const std::string prompt = must_render(kQwen3, request).prompt;
  EXPECT_THAT(prompt, HasSubstr("Be long."));
  EXPECT_THAT(prompt, Not(HasSubstr("Be brief.")));
}

TEST(ChatFormat, DescribesToolsAndConstrainsCallsLazily) {
  const RenderedChat chat = must_render(kQwen3, hello_with_tools());

  EXPECT_THAT(chat.prompt, HasSubstr("get_weather"));
  EXPECT_TRUE(chat.grammar_lazy);
  EXPECT_FALSE(chat.grammar_prefill);
  ASSERT_EQ(chat.grammar_triggers.size(), 1U);
  EXPECT_THAT(chat.grammar_triggers[0].value, HasSubstr("<tool_call>"));
  EXPECT_EQ(chat.grammar_root, "root");
}

TEST(ChatFormat, ForcesACallWhenRequired) {
  inference::ChatRequest request = hello_with_tools();
  request.tool_choice.mode = inference::ToolChoice::Mode::required;

  const RenderedChat chat = must_render(kQwen3, request);

  EXPECT_FALSE(chat.grammar.empty());
  EXPECT_FALSE(chat.grammar_lazy);
  EXPECT_TRUE(chat.grammar_prefill);
}

TEST(ChatFormat, OffersOnlyTheNamedTool) {
  inference::ChatRequest request = hello_with_tools();
  request.tool_choice = {.mode = inference::ToolChoice::Mode::named, .name = "get_time"};

  const RenderedChat chat = must_render(kQwen3, request);

  EXPECT_THAT(chat.prompt, HasSubstr("get_time"));
  EXPECT_THAT(chat.prompt, Not(HasSubstr("get_weather")));
  EXPECT_FALSE(chat.grammar_lazy);
}

TEST(ChatFormat, RefusesToForceAToolThatIsNotThere) {
  inference::ChatRequest request = hello_with_tools();
  request.tool_choice = {.mode = inference::ToolChoice::Mode::named, .name = "get_rich"};
  const Error unknown = must_fail(kQwen3, request);
  EXPECT_EQ(unknown.code, ErrorCode::invalid_request);
  EXPECT_EQ(unknown.param, "tool_choice");
  EXPECT_THAT(unknown.message, HasSubstr("get_rich"));

  request = hello();
  request.tool_choice.mode = inference::ToolChoice::Mode::required;
  EXPECT_EQ(must_fail(kQwen3, request).param, "tool_choice");
}

TEST(ChatFormat, LeavesToolsOutWhenNoneMayBeCalled) {
  inference::ChatRequest request = hello_with_tools();
  request.tool_choice.mode = inference::ToolChoice::Mode::none;

  const RenderedChat chat = must_render(kQwen3, request);

  EXPECT_THAT(chat.prompt, Not(HasSubstr("get_weather")));
  EXPECT_TRUE(chat.grammar.empty());
}

TEST(ChatFormat, ChecksTheSchemasItPromisesToEnforce) {
  std::vector<std::string> checked;
  const RenderOptions options{.schema_check = [&](const std::string&, const std::string& pointer) -> Result<> {
                                checked.push_back(pointer);
                                return fail(ErrorCode::unsupported, "no", pointer);
                              },
                              .constraint_gbnf = {}};
  inference::ChatRequest request = hello_with_tools();
  must_render(kQwen3, request, options);
  EXPECT_TRUE(checked.empty());

  request.tools[1].strict = true;
  EXPECT_EQ(must_fail(kQwen3, request, options).param, "tools[1].function.parameters");

  request.tool_choice.mode = inference::ToolChoice::Mode::required;
  EXPECT_EQ(must_fail(kQwen3, request, options).param, "tools[0].function.parameters");
}

TEST(ChatFormat, RefusesBadToolsByName) {
  inference::ChatRequest request = hello_with_tools();
  request.tools[1].parameters = "{\"type\":";
  EXPECT_EQ(must_fail(kQwen3, request).param, "tools[1].function.parameters");
  request.tools[1].parameters = "[]";
  EXPECT_EQ(must_fail(kQwen3, request).param, "tools[1].function.parameters");
  request.tools[1].parameters = std::string(kMaxJsonNesting + 1, '[') + std::string(kMaxJsonNesting + 1, ']');
  EXPECT_THAT(must_fail(kQwen3, request).message, HasSubstr("nested"));
  request.tools[1] = request.tools[0];
  EXPECT_THAT(must_fail(kQwen3, request).message, HasSubstr("twice"));
  request.tools.assign(kMaxChatTools + 1, weather_tool());
  EXPECT_THAT(must_fail(kQwen3, request).message, HasSubstr("at most"));
}

/// Each of them ended the process, or kept it busy for hours.
TEST(ChatFormat, RefusesToolSchemasThatLlamaCppWouldNotComeBackFrom) {
  const auto refused = [](const std::string& schema, const char* why) {
    inference::ChatRequest request = hello_with_tools();
    request.tools[1].parameters = schema;
    const Error error = must_fail(kQwen3, request);
    EXPECT_EQ(error.param, "tools[1].function.parameters");
    EXPECT_THAT(error.message, HasSubstr(why)) << schema.substr(0, 100);
  };
  const auto object = [](const std::string& properties) {
    return R"({"type":"object","properties":{)" + properties + "}}";
  };
  refused(std::string(kMaxToolSchemaBytes, ' ') + "{}", "longer than");
  refused(object('"' + std::string(kMaxToolName + 1, '_') + R"(":{})"), "a name of more than");
  refused(object(R"("a":{"$ref":"#/)" + std::string(kMaxToolName, '_') + R"("})"), "a $ref of more than");
  refused(object(R"("a":{"pattern":"^)" + std::string(kMaxToolPattern + 1, '(') + R"($"})"), "nested groups");
  std::string many;
  for (std::size_t i = 0; i <= kMaxToolProperties; ++i) many += fmt::format(R"({}"p{}":{{}})", i > 0 ? "," : "", i);
  refused(object(many), "properties");
  refused(R"({"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})", "itself");
  std::string chain;
  for (int i = 0; i < 1'000; ++i) chain += fmt::format(R"("d{}":{{"items":{{"$ref":"#/$defs/d{}"}}}},)", i, i + 1);
  refused(R"({"$ref":"#/$defs/d0","$defs":{)" + chain + R"("d1000":{}}})", "nests too deeply");
  std::string types = "{}";
  for (int i = 0; i < 25; ++i) types = R"({"type":["array","array"],"items":)" + types + "}";
  refused(types, "repeats too much");
  std::string doubling;
  for (int i = 0; i < 25; ++i) {
    doubling +=
        fmt::format(R"("d{}":{{"anyOf":[{{"$ref":"#/$defs/d{}"}},{{"$ref":"#/$defs/d{}"}}]}},)", i, i + 1, i + 1);
  }
  refused(R"({"$ref":"#/$defs/d0","$defs":{)" + doubling + R"("d25":{}}})", "too many alternatives");
  std::string merged;
  for (int i = 0; i < 200; ++i) merged += R"({"$ref":"#/$defs/a"},)";
  refused(R"({"allOf":[{"anyOf":[)" + merged + R"({}]}],"$defs":{"a":{"properties":{"x":{},"y":{}}}}})",
          "an allOf with");
}

TEST(ChatFormat, TakesToolSchemasThatReferToThemselves) {
  inference::ChatRequest request = hello_with_tools();
  request.tools[1].parameters =
      R"({"type":"object","properties":{"tree":{"$ref":"#/$defs/node"}},"$defs":{"node":{"anyOf":[{"type":"string"},)"
      R"({"type":"array","items":{"$ref":"#/$defs/node"}}]}}})";
  must_render(kQwen3, request);
  request.tools[1].name = std::string(kMaxToolName + 1, '_');
  EXPECT_EQ(must_fail(kQwen3, request).param, "tools[1].function.name");
}

TEST(ChatFormat, RefusesToolsThatTheTemplateDoesNotKnow) {
  EXPECT_EQ(must_fail("google-gemma-2-2b-it", hello_with_tools()).code, ErrorCode::unsupported);
}

TEST(ChatFormat, RefusesImagesAndNamesThem) {
  inference::ChatRequest request = hello();
  request.messages[0].content.emplace_back(inference::ImagePart{});

  const Error error = must_fail(kQwen3, request);

  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_EQ(error.param, "messages[0].content[1]");
}

TEST(ChatFormat, RefusesBadMessages) {
  inference::ChatRequest request;
  EXPECT_EQ(must_fail(kQwen3, request).param, "messages");
  request.messages.push_back(message("", "x"));
  EXPECT_EQ(must_fail(kQwen3, request).param, "messages[0].role");
  request.messages[0] = message("user", "x");
  request.messages[0].tool_calls.push_back({"1", "f", "{}"});
  EXPECT_EQ(must_fail(kQwen3, request).param, "messages[0].tool_calls");
  request.messages[0].role = "assistant";
  request.messages[0].tool_calls[0].arguments = "{";
  EXPECT_EQ(must_fail(kQwen3, request).param, "messages[0].tool_calls[0].function.arguments");
}

TEST(ChatFormat, ReportsWhatTheTemplateRaises) {
  inference::ChatRequest request = hello();
  request.template_override = "{{ raise_exception('roles must alternate') }}";

  const Error error = must_fail(kQwen3, request);

  EXPECT_EQ(error.code, ErrorCode::invalid_request);
  EXPECT_THAT(error.message, HasSubstr("roles must alternate"));
  EXPECT_THAT(error.message, Not(HasSubstr("----")));
}

TEST(ChatFormat, UsesTheTemplateOfTheRequest) {
  inference::ChatRequest request = hello();
  request.template_override = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}";
  const auto format = format_of(kQwen3);

  for (std::size_t i = 0; i < 2 * kMaxCachedTemplates; ++i) {
    inference::ChatRequest other = request;
    other.template_override += "#" + std::to_string(i);
    EXPECT_EQ(format->render(other).value().prompt, "[user] Hello#" + std::to_string(i));
  }
  EXPECT_EQ(format->render(request).value().prompt, "[user] Hello");
}

TEST(ChatFormat, RefusesTemplatesThatDoNotCompileOrAreTooBig) {
  const auto broken = ChatFormat::create(nullptr, "{% if x %}");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::invalid_request);
  EXPECT_THAT(broken.error().message, HasSubstr("compile"));
  EXPECT_THAT(ChatFormat::create(nullptr, std::string(kMaxTemplateBytes + 1, 'x')).error().message, HasSubstr("bytes"));
  const std::string deep = "{{ " + std::string(kMaxTemplateNesting, '(') + "1" + std::string(kMaxTemplateNesting, ')');
  EXPECT_THAT(ChatFormat::create(nullptr, deep + " }}").error().message, HasSubstr("nested"));
  std::string blocks;
  for (std::size_t i = 0; i < kMaxTemplateNesting + 1; ++i) blocks += "{% if x %}";
  EXPECT_THAT(ChatFormat::create(nullptr, blocks).error().message, HasSubstr("nested"));
}

TEST(ChatFormat, AcceptsEveryTemplateThatLlamaCppCarries) {
  for (const char* name : {"openai-gpt-oss-120b", "google-gemma-4-31B-it", "Kimi-K2-Thinking", "MiniMax-M3",
                           "meta-llama-Llama-3.1-8B-Instruct", "CohereForAI-c4ai-command-r-plus-tool_use"}) {
    const auto format = ChatFormat::create(nullptr, template_text(name));
    EXPECT_TRUE(format) << name << ": " << format.error().message;
  }
}

TEST(ChatFormat, PutsContentsTogetherWithoutATemplateAndSaysSo) {
  const auto format = ChatFormat::create(nullptr, "");
  ASSERT_TRUE(format);
  inference::ChatRequest request = hello();
  request.messages.push_back(message("assistant", "Hi"));

  const auto chat = (*format)->render(request);

  EXPECT_TRUE((*format)->is_fallback());
  ASSERT_TRUE(chat);
  EXPECT_EQ(chat->prompt, "Hello\nHi");
  EXPECT_THAT(chat->degraded, testing::ElementsAre("no chat template"));
  EXPECT_TRUE(chat->parser->is_passthrough());
  EXPECT_EQ((*format)->render(hello_with_tools()).error().code, ErrorCode::unsupported);
  const auto strict = ChatFormat::create(nullptr, "", {.plain_fallback = false});
  EXPECT_EQ(strict.error().code, ErrorCode::unsupported);
}

TEST(ChatFormat, TurnsThinkingOff) {
  inference::ChatRequest request = hello();
  request.reasoning.enabled = false;
  EXPECT_THAT(must_render(kQwen3, request).prompt, HasSubstr("<think>\n\n</think>"));
  request.reasoning = {};
  request.reasoning.effort = "none";
  EXPECT_THAT(must_render(kQwen3, request).prompt, HasSubstr("<think>\n\n</think>"));
  request.reasoning = {};
  request.template_arguments["enable_thinking"] = "false";
  EXPECT_THAT(must_render(kQwen3, request).prompt, HasSubstr("<think>\n\n</think>"));
  request.template_arguments["enable_thinking"] = "\"no\"";
  EXPECT_EQ(must_fail(kQwen3, request).param, "chat_template_kwargs.enable_thinking");
}

TEST(ChatFormat, PassesTheEffortOnOrSaysThatItCannot) {
  inference::ChatRequest request = hello();
  request.reasoning.effort = "high";
  const RenderedChat known = must_render("openai-gpt-oss-120b", request);
  EXPECT_THAT(known.prompt, HasSubstr("Reasoning: high"));
  EXPECT_TRUE(known.degraded.empty());
  EXPECT_EQ(must_render(kQwen3, request).degraded.size(), 1U);
}

TEST(ChatFormat, KnowsWhetherThePromptEndsInThinking) {
  EXPECT_TRUE(must_render("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", hello()).thinking_open);
  const RenderedChat qwen = must_render(kQwen3, hello());
  EXPECT_FALSE(qwen.thinking_open);
  EXPECT_EQ(qwen.thinking_start_tag, "<think>");
  EXPECT_THAT(qwen.thinking_end_tags, testing::ElementsAre("</think>"));
}

TEST(ChatFormat, LeavesThinkingInTheContentIfAsked) {
  inference::ChatRequest request = hello();
  request.reasoning.separate = false;
  const RenderedChat chat = must_render(kQwen3, request);
  ChatStream stream{chat.parser};
  Collected got;

  got.add(stream.feed("<think>\nhm\n</think>\n\nyes"));
  got.add(stream.finish(false));

  EXPECT_EQ(got.content, "<think>\nhm\n</think>\n\nyes");
}

TEST(ChatFormat, ContinuesTheLastMessageOfTheAssistant) {
  inference::ChatRequest request = hello();
  request.continue_final_message = true;
  EXPECT_EQ(must_fail(kQwen3, request).param, "continue_final_message");
  request.messages.push_back(message("assistant", "Once upon"));
  EXPECT_TRUE(must_render(kQwen3, request).prompt.ends_with("Once upon"));
}

TEST(ChatFormat, SaysWhatTheTemplateCanDo) {
  const ChatCapabilities qwen = format_of(kQwen3)->capabilities();
  EXPECT_TRUE(qwen.tools && qwen.thinking && qwen.system_role);
  const ChatCapabilities gemma = format_of("google-gemma-2-2b-it")->capabilities();
  EXPECT_FALSE(gemma.tools || gemma.thinking || gemma.system_role);
}

TEST(ChatFormat, SaysWhenTheSystemMessageHadToMove) {
  inference::ChatRequest request = hello();
  request.system_default = "Be brief.";

  const RenderedChat chat = must_render("google-gemma-2-2b-it", request);

  EXPECT_THAT(chat.prompt, HasSubstr("Be brief.\nHello"));
  EXPECT_EQ(chat.degraded.size(), 1U);
}

struct ModelFree {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
using ModelPtr = std::unique_ptr<llama_model, ModelFree>;

ModelPtr vocabulary_of(const std::string& name) {
  const char* shared = std::getenv("HEARTH_SHARED");
  if (shared == nullptr) return nullptr;
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  return ModelPtr{llama_model_load_from_file((std::string{shared} + "/models/" + name).c_str(), params)};
}

TEST(ChatFormatOfAModel, UsesTheTemplateInTheFile) {
  const ModelPtr model = vocabulary_of("tiny50k.gguf");
  if (!model) GTEST_SKIP() << "no ../shared/models/tiny50k.gguf";

  const auto format = ChatFormat::create(model.get(), "");
  ASSERT_TRUE(format) << format.error().message;
  const auto chat = (*format)->render(hello_with_tools());

  ASSERT_TRUE(chat) << chat.error().message;
  EXPECT_FALSE((*format)->is_fallback());
  EXPECT_THAT(chat->prompt, HasSubstr("Hello"));
  EXPECT_THAT(chat->prompt, HasSubstr("get_weather"));
  EXPECT_EQ((*format)->template_source(), llama_model_chat_template(model.get(), nullptr));
}

TEST(ChatFormatOfAModel, FallsBackIfTheFileHasNone) {
  const ModelPtr model = vocabulary_of("stories656k.gguf");
  if (!model) GTEST_SKIP() << "no ../shared/models/stories656k.gguf";

  const auto format = ChatFormat::create(model.get(), "");
  ASSERT_TRUE(format) << format.error().message;

  EXPECT_TRUE((*format)->is_fallback());
  EXPECT_EQ((*format)->render(hello()).value().prompt, "Hello");
  inference::ChatRequest request = hello();
  request.template_override = "<{{ messages[0].content }}>";
  EXPECT_EQ((*format)->render(request).value().prompt, "<Hello>");
}

TEST(ChatFormat, RendersInManyThreadsAtOnce) {
  const auto format = format_of(kQwen3);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) {
        const auto chat = format->render(hello_with_tools());
        if (chat && chat->prompt.find("get_weather") != std::string::npos) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(right, 20);
}

/// libllama's own matcher over characters, without a vocabulary.
bool accepts(const std::string& gbnf, const std::string& root, const std::string& text) {
  const auto free = [](llama_grammar* g) { llama_grammar_free_impl(g); };
  const std::unique_ptr<llama_grammar, decltype(free)> grammar{
      llama_grammar_init_impl(nullptr, gbnf.c_str(), root.c_str(), false, nullptr, 0, nullptr, 0), free};
  if (!grammar) return false;
  for (std::size_t at = 0; at < text.size();) {
    const unsigned char lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    std::uint32_t code = size == 1 ? lead : lead & (0xFFU >> (size + 1));
    for (std::size_t k = 1; k < size; ++k) code = (code << 6U) | (static_cast<unsigned char>(text[at + k]) & 0x3FU);
    llama_grammar_accept(grammar.get(), code);
    if (llama_grammar_get_stacks(grammar.get()).empty()) return false;
    at += size;
  }
  const auto& stacks = llama_grammar_get_stacks(grammar.get());
  return std::ranges::any_of(stacks, [](const auto& stack) { return stack.empty(); });
}

TEST(ChatGrammar, MatchesTextThroughItsEnd) {
  for (const std::string end : {"</think>", "aabaaa", "]-^\\\"]", "<｜tool▁sep｜>", "\n\n"}) {
    const std::string rules = text_through("free", end);
    EXPECT_TRUE(accepts(rules, "free", end)) << end;
    EXPECT_TRUE(accepts(rules, "free", "x" + end)) << end;
    EXPECT_FALSE(accepts(rules, "free", "x")) << end;
    EXPECT_FALSE(accepts(rules, "free", end + "x")) << end;
  }
  EXPECT_TRUE(accepts(text_through("free", "aabaaa"), "free", "aabaabaaa"));
  EXPECT_TRUE(accepts(text_through("free", "</think>"), "free", "<</</think</think>"));
}

TEST(ChatGrammar, ConstrainsTheAnswerAndLeavesTheThinkingFree) {
  const RenderOptions options{.schema_check = {}, .constraint_gbnf = "root ::= \"yes\" | \"no\"\n"};
  inference::ChatRequest request = hello();
  const RenderedChat qwen = must_render(kQwen3, request, options);
  EXPECT_FALSE(qwen.grammar_lazy || qwen.grammar_prefill);
  EXPECT_TRUE(accepts(qwen.grammar, qwen.grammar_root, "yes"));
  EXPECT_TRUE(accepts(qwen.grammar, qwen.grammar_root, "<think>\nfree < text\n</think>\n\nno"));
  EXPECT_FALSE(accepts(qwen.grammar, qwen.grammar_root, "<think>x</think>maybe"));

  request.reasoning.enabled = false;
  const RenderedChat off = must_render(kQwen3, request, options);
  EXPECT_TRUE(accepts(off.grammar, off.grammar_root, "yes"));
  EXPECT_FALSE(accepts(off.grammar, off.grammar_root, "<think>x</think>yes"));

  const RenderedChat r1 = must_render("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", hello(), options);
  EXPECT_TRUE(accepts(r1.grammar, r1.grammar_root, "so</think>\nyes"));
  EXPECT_FALSE(accepts(r1.grammar, r1.grammar_root, "yes"));

  const RenderedChat oss = must_render("openai-gpt-oss-120b", hello(), options);
  EXPECT_TRUE(accepts(oss.grammar, oss.grammar_root, "<|channel|>final<|message|>yes"));
  EXPECT_TRUE(accepts(oss.grammar, oss.grammar_root,
                      "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>no"));
  EXPECT_FALSE(accepts(oss.grammar, oss.grammar_root, "<|channel|>final<|message|>maybe"));
}

TEST(ChatGrammar, RefusesWhatItCannotConstrain) {
  const RenderOptions options{.schema_check = {}, .constraint_gbnf = "root ::= \"yes\"\n"};
  EXPECT_EQ(must_fail(kQwen3, hello_with_tools(), options).param, "response_format");
  EXPECT_EQ(must_fail("meetkai-functionary-medium-v3.2", hello(), options).code, ErrorCode::unsupported);
}

TEST(WithoutPreamble, ADemandedCallComesAtOnce) {
  EXPECT_EQ(without_preamble("a ::= b\nroot ::= \"x\" space until-12? tool-calls\nuntil-12 ::= [^<]\n"),
            "a ::= b\nroot ::= \"x\" space tool-calls\nuntil-12 ::= [^<]\n");
  EXPECT_EQ(without_preamble("root ::= until-3? answer"), "root ::= until-3? answer");
}

}  // namespace
}  // namespace hearth::engine
