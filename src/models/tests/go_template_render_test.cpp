// SPDX-License-Identifier: Apache-2.0
// The translations, rendered by the engine that will render them: llama.cpp's chat templates. Expected texts are what
// Ollama writes for the same templates. The only place outside `engine` that includes llama.cpp, for this reason.
#include <gtest/gtest.h>

#include "chat.h"
#include "hearth/models/go_template.hpp"

namespace hearth::models {
namespace {

common_chat_msg message(std::string role, std::string content) {
  common_chat_msg out;
  out.role = std::move(role);
  out.content = std::move(content);
  return out;
}

std::string render(std::string_view go, std::vector<common_chat_msg> messages, bool tools = false,
                   bool generate = true) {
  const auto jinja = to_jinja(go);
  if (!jinja) return "error: " + jinja.error().message;
  const auto templates = common_chat_templates_init(nullptr, *jinja);
  common_chat_templates_inputs inputs;
  inputs.use_jinja = true;
  inputs.add_generation_prompt = generate;
  inputs.messages = std::move(messages);
  if (tools) {
    common_chat_tool tool;
    tool.name = "get_weather";
    tool.description = "The weather of a \"city\"";
    tool.parameters = R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})";
    inputs.tools.push_back(tool);
  }
  return common_chat_templates_apply(templates.get(), inputs).prompt;
}

constexpr std::string_view kChatml = R"({{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
)";

TEST(GoTemplateRender, Chatml) {
  EXPECT_EQ(render(kChatml,
                   {message("system", "S"), message("user", "Hi"), message("assistant", "Yo"), message("user", "Bye")}),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n"
            "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n");
}

TEST(GoTemplateRender, NeighboursOfOneRoleBecomeOneMessage) {
  EXPECT_EQ(render(kChatml, {message("user", "a"), message("user", "b")}),
            "<|im_start|>user\na\n\nb<|im_end|>\n<|im_start|>assistant\n");
}

TEST(GoTemplateRender, BracesQuotesAndBackslashesAreText) {
  EXPECT_EQ(
      render("{\"a\": \"\\n\"}{{`{{`}}{{ range .Messages }}{{ .Content }}{{ end }}", {message("user", "{{ 1 }}")}),
      "{\"a\": \"\\n\"}{{{{ 1 }}");
}

constexpr std::string_view kLegacyChatml = R"({{ if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{ if .Prompt }}<|im_start|>user
{{ .Prompt }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ .Response }}<|im_end|>
)";

TEST(GoTemplateRender, ATemplateOfOneTurnIsRepeatedAndLeftOpenAtTheEnd) {
  const std::vector<common_chat_msg> chat{message("system", "S"), message("user", "Hi"), message("assistant", "Yo"),
                                          message("user", "Bye")};

  EXPECT_EQ(render(kLegacyChatml, chat),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n"
            "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n");
}

TEST(GoTemplateRender, AFinishedChatIsClosedWhenNothingIsToBeGenerated) {
  EXPECT_EQ(render(kLegacyChatml, {message("user", "Hi"), message("assistant", "Yo")}, false, /*generate=*/false),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n");
}

TEST(GoTemplateRender, Alpaca) {
  constexpr std::string_view kAlpaca =
      "{{ if .System }}{{ .System }}\n\n{{ end }}{{ if .Prompt }}### Instruction:\n{{ .Prompt }}\n\n{{ end }}### "
      "Response:\n{{ .Response }}\n\n";

  EXPECT_EQ(render(kAlpaca, {message("user", "1"), message("assistant", "2"), message("user", "3")}),
            "### Instruction:\n1\n\n### Response:\n2\n\n### Instruction:\n3\n\n### Response:\n");
}

TEST(GoTemplateRender, Phi) {
  constexpr std::string_view kPhi =
      "{{ if .System }}<|system|>\n{{ .System }}<|end|>\n{{ end }}{{ if .Prompt }}<|user|>\n{{ .Prompt }}<|end|>\n{{ "
      "end }}<|assistant|>\n"
      "{{ .Response }}<|end|>\n";

  EXPECT_EQ(render(kPhi, {message("system", "S"), message("user", "1")}),
            "<|system|>\nS<|end|>\n<|user|>\n1<|end|>\n<|assistant|>\n");
}

TEST(GoTemplateRender, GemmaPutsTheSystemTextIntoTheFirstTurn) {
  constexpr std::string_view kGemma = R"({{- $system := .System }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if or (eq .Role "user") (eq .Role "tool") }}<start_of_turn>user
{{ if $system }}{{ $system }}

{{ $system = "" }}{{ end }}{{ .Content }}<end_of_turn>
{{ else if eq .Role "assistant" }}<start_of_turn>model
{{ .Content }}{{ if not $last }}<end_of_turn>
{{ end }}{{ end }}
{{- if and $last (ne .Role "assistant") }}<start_of_turn>model
{{ end }}
{{- end }})";

  EXPECT_EQ(
      render(kGemma, {message("system", "S"), message("user", "1"), message("assistant", "2"), message("user", "3")}),
      "<start_of_turn>user\nS\n\n1<end_of_turn>\n<start_of_turn>model\n2<end_of_turn>\n<start_of_turn>user\n3<end_of_"
      "turn>\n"
      "<start_of_turn>model\n");
}

constexpr std::string_view kLlama3 = R"(<|start_header_id|>system<|end_header_id|>

{{ if .System }}{{ .System }}
{{- end }}
{{- if .Tools }}Tools are available.{{ end }}<|eot_id|>
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if eq .Role "user" }}
{{- if and $.Tools $last }}<|start_header_id|>user<|end_header_id|>

{{ range $.Tools }}
{{- . }}
{{ end }}Question: {{ .Content }}<|eot_id|>
{{- else }}<|start_header_id|>user<|end_header_id|>

{{ .Content }}<|eot_id|>
{{- end }}{{ if $last }}<|start_header_id|>assistant<|end_header_id|>

{{ end }}
{{- else if eq .Role "assistant" }}<|start_header_id|>assistant<|end_header_id|>
{{- if .ToolCalls }}
{{ range .ToolCalls }}
{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}{{ end }}
{{- else }}

{{ .Content }}
{{- end }}{{ if not $last }}<|eot_id|>{{ end }}
{{- else if eq .Role "tool" }}<|start_header_id|>ipython<|end_header_id|>

{{ .Content }}<|eot_id|>{{ if $last }}<|start_header_id|>assistant<|end_header_id|>

{{ end }}
{{- end }}
{{- end }})";

TEST(GoTemplateRender, Llama3WithTools) {
  const std::string out = render(kLlama3, {message("system", "S"), message("user", "1")}, /*tools=*/true);

  EXPECT_EQ(
      out,
      "<|start_header_id|>system<|end_header_id|>\n\nSTools are "
      "available.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
      "{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":\"The weather of a \\\"city\\\"\","
      "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}}}\n"
      "Question: 1<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(GoTemplateRender, Llama3WithAToolCallAndItsResult) {
  auto call = message("assistant", "");
  call.tool_calls.push_back({"get_weather", R"({"city":"Oslo"})", "call_1"});
  auto result = message("tool", "cold");
  result.tool_name = "get_weather";
  result.tool_call_id = "call_1";

  EXPECT_EQ(render(kLlama3, {message("user", "1"), call, result}, /*tools=*/true),
            "<|start_header_id|>system<|end_header_id|>\n\nTools are "
            "available.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
            "1<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{\"name\": \"get_weather\", \"parameters\": "
            "{\"city\":\"Oslo\"}}"
            "<|eot_id|><|start_header_id|>ipython<|end_header_id|>\n\ncold<|eot_id|><|start_header_id|>assistant<|end_"
            "header_id|>\n\n");
}

TEST(GoTemplateRender, MistralInstructions) {
  constexpr std::string_view kMistral = R"({{- range $i, $_ := .Messages }}
{{- if eq .Role "user" }}
{{- if and (le (len (slice $.Messages $i)) 2) $.Tools }}[AVAILABLE_TOOLS] {{ json $.Tools }}[/AVAILABLE_TOOLS]
{{- end }}[INST] {{ if and (eq (len (slice $.Messages $i)) 1) $.System }}{{ $.System }}

{{ end }}{{ .Content }}[/INST]
{{- else if eq .Role "assistant" }}
{{- with .Content }} {{ . }}{{ end }}
{{- if .ToolCalls }}[TOOL_CALLS] [
{{- range $n, $call := .ToolCalls }}{{ if $n }}, {{ end }}{"name": "{{ $call.Function.Name }}", "arguments": {{ json $call.Function.Arguments }}}
{{- end }}]
{{- end }}</s>
{{- end }}
{{- end }})";

  EXPECT_EQ(
      render(kMistral, {message("system", "S"), message("user", "1"), message("assistant", "2"), message("user", "3")}),
      "[INST] 1[/INST] 2</s>[INST] S\n\n3[/INST]");
}

TEST(GoTemplateRender, ThinkingIsHandedOver) {
  constexpr std::string_view kThinking =
      "{{ range .Messages }}{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }};{{ end }}{{ if and "
      "$.IsThinkSet (not $.Think) }}<think></think>{{ end }}";
  auto thought = message("assistant", "2");
  thought.reasoning_content = "hm";

  EXPECT_EQ(render(kThinking, {message("user", "1"), thought, message("user", "3")}), "1;<think>hm</think>2;3;");
}

TEST(GoTemplateRender, ToolParametersAreWalked) {
  constexpr std::string_view kWalk =
      "{{ range .Tools }}{{ .Function.Name }}({{ range $name, $p := .Function.Parameters.Properties }}{{ $name }}:{{ "
      "$p.Type }}{{ end }}) "
      "{{ range $i, $r := .Function.Parameters.Required }}{{ if $i }},{{ end }}{{ $r }}{{ end }}\n{{ end }}{{ range "
      ".Messages }}{{ .Content }}{{ else }}none{{ end }}";

  EXPECT_EQ(render(kWalk, {message("user", "1")}, /*tools=*/true), "get_weather(city:string) city\n1");
}

}  // namespace
}  // namespace hearth::models
