// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/go_template.hpp"

#include <gtest/gtest.h>

namespace hearth::models {
namespace {

std::string jinja(std::string_view go) {
  const auto out = to_jinja(go);
  return out ? *out : "error: " + out.error().message;
}

// What follows the collation of the messages.
std::string body(std::string_view go) {
  const std::string whole = jinja(go);
  const auto end = whole.find("{%- endif -%}{%- endfor -%}");
  return end == std::string::npos ? whole : whole.substr(end + 27);
}

TEST(GoTemplate, JinjaPassesUnchanged) {
  for (const std::string text :
       {"{% for m in messages %}{{ m.content }}{% endfor %}", "{{ bos_token }}x", "{{- messages[0].content }}", ""}) {
    EXPECT_EQ(jinja(text), text);
    EXPECT_EQ(is_jinja(text), !text.empty());
  }
  EXPECT_FALSE(is_jinja("{{ .Prompt }} { % messages"));
}

TEST(GoTemplate, ARangeOverMessagesBecomesALoop) {
  EXPECT_EQ(body("{{ range .Messages }}<{{ .Role }}>{{ .Content }}{{ end }}"),
            "{%- for go_item1 in go.messages -%}{{- \"<\" -}}{{- go_item1.role -}}{{- \">\" -}}{{- go_item1.content "
            "-}}{%- endfor -%}");
}

TEST(GoTemplate, BlanksAreTrimmedAsInGo) {
  EXPECT_EQ(body("a \n{{- range .Messages -}} \n b {{/* c }} \" */}} {{- /* d */ -}} e {{- end }} f"),
            "{{- \"a\" -}}{%- for go_item1 in go.messages -%}{{- \"b \" -}}{{- \"e\" -}}{%- endfor -%}{{- \" f\" -}}");
}

TEST(GoTemplate, ConditionsChain) {
  EXPECT_EQ(
      body("{{ range .Messages }}{{ if eq .Role \"user\" \"tool\" }}u{{ else if and (ne .Role \"x\") .Content }}a{{ "
           "else }}z{{ end }}{{ end }}"),
      "{%- for go_item1 in go.messages -%}{%- if (go_item1.role == \"user\" or go_item1.role == \"tool\") -%}{{- \"u\" "
      "-}}"
      "{%- else -%}{%- if ((go_item1.role != \"x\") and go_item1.content) -%}{{- \"a\" -}}{%- else -%}{{- \"z\" -}}"
      "{%- endif -%}{%- endif -%}{%- endfor -%}");
}

TEST(GoTemplate, VariablesOutliveTheLoopTheyAreSetIn) {
  EXPECT_EQ(body("{{ $seen := false }}{{ range $i, $m := .Messages }}{{ $seen = true }}{{ $m.Content }}{{ $i }}{{ end "
                 "}}{{ $seen }}"),
            "{%- set go.v1 = false -%}{%- for go_item2 in go.messages -%}{%- set go.v3 = loop.index0 -%}{%- set go.v4 "
            "= go_item2 -%}"
            "{%- set go.v1 = true -%}{{- go.v4.content -}}{{- go.v3 -}}{%- endfor -%}{{- (\"true\" if go.v1 else "
            "\"false\") -}}");
}

TEST(GoTemplate, FunctionsAndPipesAreTranslated) {
  EXPECT_NE(body("{{ range $i, $_ := .Messages }}{{ if eq (len (slice $.Messages $i)) 1 }}last{{ end }}{{ end }}")
                .find("((go.messages[go.v2:] | length) == 1)"),
            std::string::npos);
  EXPECT_EQ(body("{{ len .Messages }}{{ (index .Messages 0).Content | json }}"),
            "{{- (go.messages | length) -}}{{- (go.messages[0].content | tojson(separators=(\",\", \":\"))) -}}");
  EXPECT_EQ(body("{{ .Messages | len }}{{ printf \"%s-%d%%\" .System 3 }}{{ currentDate }}"),
            "{{- (go.messages | length) -}}{{- (\"\" ~ \"\" ~ go.system ~ \"-\" ~ 3 ~ \"%\") -}}{{- "
            "strftime_now(\"%Y-%m-%d\") -}}");
}

TEST(GoTemplate, OnlyFieldsThatAreUsedAreCollated) {
  EXPECT_EQ(jinja("{{ range .Messages }}{{ .Content }}{{ end }}").find("tool_calls"), std::string::npos);
  EXPECT_NE(jinja("{{ range .Messages }}{{ range .ToolCalls }}x{{ end }}{{ end }}")
                .find("\"tool_calls\": m.tool_calls or []"),
            std::string::npos);
}

TEST(GoTemplate, ATemplateOfOneTurnIsCutBehindTheResponseAtTheEnd) {
  const std::string out = body("Q{{ .Prompt }}A{{ .Response }}E");
  const auto end = out.rfind("{%- else -%}");

  EXPECT_NE(out.find("{{- go.response -}}{{- \"E\" -}}"), std::string::npos) << out;
  EXPECT_EQ(out.substr(end), "{%- else -%}{{- \"Q\" -}}{{- go.prompt -}}{{- \"A\" -}}{{- go.response -}}{%- endif -%}");
}

TEST(GoTemplate, AMissingResponseIsAddedAsInOllama) {
  EXPECT_NE(body("{{ .Prompt }}").find("{{- go.prompt -}}{{- go.response -}}"), std::string::npos);
}

TEST(GoTemplate, WhatHasNoTranslationIsNamedWithItsLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"a\n{{ template \"x\" . }}", "line 2: 'template'"},
      {"{{ define \"x\" }}{{ end }}", "'define'"},
      {"{{ .Messages }}", "printing a list as a whole"},
      {"{{ range .Messages }}{{ .Images }}{{ end }}", "the field .Images of a message"},
      {"{{ .Nonsense }}", "the field .Nonsense of the data"},
      {"{{ toTypeScriptType .System }}", "the function 'toTypeScriptType'"},
      {"{{ printf \"%q\" .System }}", "printf"},
      {"{{ range .System }}{{ end }}", "'range' over a plain value"},
      {"{{ 1.5 }}", "the number 1.5"}};
  for (const auto& [text, says] : cases) {
    const auto out = to_jinja(text);
    ASSERT_FALSE(out) << text << " became " << *out;
    EXPECT_EQ(out.error().code, ErrorCode::unsupported) << text;
    EXPECT_NE(out.error().message.find(says), std::string::npos) << out.error().message;
  }
}

TEST(GoTemplate, BrokenSyntaxIsAnErrorWithItsLine) {
  for (const char* text :
       {"{{ .Prompt", "{{ if .System }}", "{{ end }}", "{{ else }}", "{{ }}", "{{ \"x }}", "{{ (.System }}",
        "{{ .System ) }}", "{{ .System .Prompt }}", "{{ $x }}", "{{ $x = 1 }}", "{{ | json }}", "{{ .System | \"x\" }}",
        "{{ /* x }}", "{{ if .System }}{{ else range .Tools }}{{ end }}", "{{ $a, $b := .Tools }}", "{{ ! }}",
        "{{ \"\\q\" }}"}) {
    const auto out = to_jinja(text);
    ASSERT_FALSE(out) << text << " became " << *out;
    EXPECT_EQ(out.error().code, ErrorCode::invalid_request) << text << ": " << out.error().message;
    EXPECT_NE(out.error().message.find("template line 1"), std::string::npos) << out.error().message;
  }
}

TEST(GoTemplate, SizeAndDepthAreBounded) {
  EXPECT_EQ(to_jinja(std::string(kTemplateBytesMax + 1, 'x')).error().code, ErrorCode::payload_too_large);
  EXPECT_TRUE(to_jinja(std::string(kTemplateBytesMax, 'x')));
  std::string deep;
  for (int i = 0; i < 100'000 / 10; ++i) deep += "{{if .System}}";
  EXPECT_NE(to_jinja(deep).error().message.find("nested blocks"), std::string::npos);
  EXPECT_NE(to_jinja("{{ " + std::string(1'000, '(') + " }}").error().message.find("nested parentheses"),
            std::string::npos);
}

}  // namespace
}  // namespace hearth::models
