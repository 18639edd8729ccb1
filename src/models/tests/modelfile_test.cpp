// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/modelfile.hpp"

#include <gtest/gtest.h>

namespace hearth::models {
namespace {

std::string error_of(std::string_view text) {
  const auto request = parse_modelfile(text, "/m");
  return request ? "accepted" : request.error().message;
}

TEST(Modelfile, EveryInstructionIsRead) {
  const auto r = parse_modelfile(R"(# a comment
FROM llama3.2:1b
parameter temperature 0.5
PARAMETER stop "<|end|>"
Parameter stop <|eot|>
TEMPLATE """{{ .System }}
{{ .Prompt }}"""
system You are "brief".

ADAPTER ./lora.gguf
LICENSE """
MIT
"""
MESSAGE user Hello # not a comment
MESSAGE assistant "Hi."
REQUIRES 0.14.0
)",
                                 "/m");

  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->name, "");
  EXPECT_EQ(r->from, "llama3.2:1b");
  EXPECT_EQ(r->parameters, (Parameters{{"temperature", "0.5"}, {"stop", "<|end|>"}, {"stop", "<|eot|>"}}));
  EXPECT_EQ(r->template_text, "{{ .System }}\n{{ .Prompt }}");
  EXPECT_EQ(r->system, "You are \"brief\".");
  ASSERT_EQ(r->adapters.size(), 1U);
  EXPECT_EQ(r->adapters[0].first, "/m/lora.gguf");
  EXPECT_EQ(r->adapters[0].second, "");
  EXPECT_EQ(r->licenses, std::vector<std::string>{"\nMIT\n"});
  ASSERT_EQ(r->messages.size(), 2U);
  EXPECT_EQ(r->messages[0].content, "Hello # not a comment");
  EXPECT_EQ(r->messages[1].role, "assistant");
  EXPECT_EQ(r->messages[1].content, "Hi.");
}

TEST(Modelfile, APathIsRelativeToItsFolderAndANameIsNot) {
  EXPECT_EQ(parse_modelfile("FROM ./a/../x.gguf", "/m")->from, "/m/x.gguf");
  EXPECT_EQ(parse_modelfile("FROM x.gguf", "/m")->from, "/m/x.gguf");
  EXPECT_EQ(parse_modelfile("FROM /abs/x.gguf", "/m")->from, "/abs/x.gguf");
  EXPECT_EQ(parse_modelfile("FROM hf.co/u/r:Q4_K_M", "/m")->from, "hf.co/u/r:Q4_K_M");
}

TEST(Modelfile, QuotesInsideAValueNeedNoEscape) {
  EXPECT_EQ(parse_modelfile("FROM a\nSYSTEM \"say \"hi\" now\"\n", "")->system, "say \"hi\" now");
  EXPECT_EQ(parse_modelfile("FROM a\nSYSTEM \"two\nlines\"\n", "")->system, "two\nlines");
  EXPECT_EQ(parse_modelfile("FROM a\nSYSTEM \"\"\"a \"\"\"b\"\"\" c\n\"\"\"  \n", "")->system, "a \"\"\"b\"\"\" c\n");
}

TEST(Modelfile, WindowsLinesAndAByteOrderMarkAreAccepted) {
  const auto r = parse_modelfile(
      "\xEF\xBB\xBF"
      "FROM a\r\nSYSTEM \"\"\"x\r\ny\"\"\"\r\n",
      "");

  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->from, "a");
  EXPECT_EQ(r->system, "x\ny");
}

TEST(Modelfile, ErrorsNameTheLineAndTheWayOut) {
  EXPECT_EQ(error_of("FROM a\n\nPARAMTER x 1"),
            "Modelfile line 3: unknown instruction 'PARAMTER'; did you mean 'PARAMETER'?");
  EXPECT_EQ(error_of("FROM a\nPARAMETER temprature 1"),
            "Modelfile line 2: unknown parameter 'temprature'; did you mean 'temperature'?");
  EXPECT_NE(error_of("FROM a\nPARAMETER num_ctx many").find("line 2: parameter 'num_ctx': 'many' is not a number"),
            std::string::npos);
  EXPECT_NE(error_of("SYSTEM x").find("no FROM"), std::string::npos);
  EXPECT_NE(error_of("").find("no FROM"), std::string::npos);
  EXPECT_NE(error_of("FROM").find("line 1: FROM has no value"), std::string::npos);
  EXPECT_NE(error_of("FROM a\nMESSAGE robot x").find("role 'robot'"), std::string::npos);
  EXPECT_NE(error_of("FROM a\nSYSTEM \"\"\"x\n\n").find("line 2: the \"\"\" that SYSTEM opens"), std::string::npos);
  EXPECT_NE(error_of("FROM a\nREQUIRES new").find("not a version"), std::string::npos);
}

TEST(Modelfile, WhatIsNotSupportedSaysSo) {
  for (const char* text : {"FROM a\nRENDERER x", "FROM a\nparser x", "FROM a\nDRAFT x", "FROM a\nFROM b"}) {
    const auto r = parse_modelfile(text, "");
    ASSERT_FALSE(r) << text;
    EXPECT_EQ(r.error().code, ErrorCode::unsupported) << text;
    EXPECT_NE(r.error().message.find("line 2"), std::string::npos);
  }
}

TEST(Modelfile, ItsSizeIsBounded) {
  std::string text = "FROM a\n";
  text.resize(kModelfileBytesMax, '\n');
  EXPECT_TRUE(parse_modelfile(text, ""));
  EXPECT_EQ(parse_modelfile(text + "\n", "").error().code, ErrorCode::payload_too_large);
}

TEST(Modelfile, WhatIsPrintedParsesToTheSame) {
  Model model;
  model.name = "team/tiny:1b";
  model.weights = {"/blobs/sha256-1"};
  model.adapters = {"/blobs/with space"};
  model.template_text = "{{ .System }}\n\"{{ .Prompt }}\" ";
  model.system = " leading";
  model.parameters = {{"stop", "\n\n"}, {"stop", "\"x\""}, {"temperature", "0.1"}};
  model.licenses = {"line 1\nline 2\n"};
  model.messages = {{"user", "Hi"}, {"assistant", ""}};

  const auto r = parse_modelfile(print_modelfile(model), "/elsewhere");

  ASSERT_TRUE(r) << r.error().message << "\n" << print_modelfile(model);
  EXPECT_EQ(r->from, "/blobs/sha256-1");
  EXPECT_EQ(r->adapters.at(0).first, "/blobs/with space");
  EXPECT_EQ(r->template_text, model.template_text);
  EXPECT_EQ(r->system, model.system);
  EXPECT_EQ(r->parameters, model.parameters);
  EXPECT_EQ(r->licenses, model.licenses);
  ASSERT_EQ(r->messages.size(), 2U);
  EXPECT_EQ(r->messages[1].content, "");
}

TEST(Modelfile, AModelOfSeveralFilesIsPrintedByName) {
  Model model;
  model.name = "big:70b";
  model.weights = {"/a", "/b"};

  EXPECT_NE(print_modelfile(model).find("\nFROM big:70b\n"), std::string::npos);
}

}  // namespace
}  // namespace hearth::models
