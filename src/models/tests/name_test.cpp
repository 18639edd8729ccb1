// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/name.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hearth::models {
namespace {

TEST(ModelName, DefaultsFillTheMissingParts) {
  const auto name = Name::parse("llama3.2");

  ASSERT_TRUE(name) << name.error().message;
  EXPECT_EQ(name->scheme, "https");
  EXPECT_EQ(name->full(), "registry.ollama.ai/library/llama3.2:latest");
  EXPECT_EQ(name->display(), "llama3.2:latest");
  EXPECT_EQ(name->manifest_path(), "registry.ollama.ai/library/llama3.2/latest");
}

TEST(ModelName, AHubNameKeepsItsCase) {
  const auto name = Name::parse("hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M");

  ASSERT_TRUE(name) << name.error().message;
  EXPECT_EQ(name->host, "hf.co");
  EXPECT_EQ(name->space, "bartowski");
  EXPECT_EQ(name->model, "Llama-3.2-1B-Instruct-GGUF");
  EXPECT_EQ(name->tag, "Q4_K_M");
  EXPECT_EQ(name->display(), "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M");
}

TEST(ModelName, APortBelongsToTheHostAndNotToTheTag) {
  const auto name = Name::parse("http://localhost:5000/team/tiny");

  ASSERT_TRUE(name) << name.error().message;
  EXPECT_EQ(name->scheme, "http");
  EXPECT_EQ(name->host, "localhost:5000");
  EXPECT_EQ(name->tag, "latest");
}

TEST(ModelName, DisplayLeavesOnlyDefaultsOut) {
  EXPECT_EQ(Name::parse("team/tiny:1b")->display(), "team/tiny:1b");
  EXPECT_EQ(Name::parse("registry.ollama.ai/library/tiny:1b")->display(), "tiny:1b");
  EXPECT_EQ(Name::parse("example.org/library/tiny")->display(), "example.org/library/tiny:latest");
}

TEST(ModelName, FullNamesParseToThemselves) {
  for (const char* text : {"a", "a/b", "h.example:80/n/m:t", "_x:_y", "hf.co/u/r:IQ2_XXS"}) {
    const auto once = Name::parse(text);
    ASSERT_TRUE(once) << text;
    EXPECT_EQ(*Name::parse(once->full()), *once) << text;
    EXPECT_EQ(*Name::parse(once->display()), *once) << text;
  }
}

TEST(ModelName, HostileNamesAreRefused) {
  const std::string nul{"a\0b", 3};
  const std::string names[] = {"",
                               ":",
                               "/",
                               "a:",
                               ":a",
                               "/a",
                               "a/",
                               "a//b",
                               "..",
                               ".",
                               "a/..",
                               "../a",
                               "a/../b",
                               "../../etc/passwd",
                               "a:..",
                               "a:../../x",
                               "a:.",
                               "h/../m:t",
                               "../n/m:t",
                               "h/n/m/x:t",
                               "a b",
                               "a\\b",
                               "..\\a",
                               "a\nb",
                               nul,
                               "a%2e",
                               "a:b:c",
                               "-a",
                               "a:-b",
                               "n.s/m",
                               "ftp://h/n/m",
                               "file:///etc/passwd",
                               "https://",
                               "http:///n/m",
                               "~/m",
                               "a@b",
                               "a?b",
                               "a#b",
                               "\xC3\xA9",
                               "a/b/c/d/e",
                               "h/n/m:t/x"};
  for (const auto& text : names) {
    const auto name = Name::parse(text);
    EXPECT_FALSE(name) << text << " became " << name->full();
    if (!name) EXPECT_EQ(name.error().code, ErrorCode::invalid_request);
  }
}

TEST(ModelName, AnErrorNamesThePartAndPrintsNoControlCharacters) {
  const auto name = Name::parse("team/mo\x1B[31mdel");

  ASSERT_FALSE(name);
  EXPECT_NE(name.error().message.find("the model 'mo?[31mdel'"), std::string::npos) << name.error().message;
  EXPECT_EQ(name.error().message.find('\x1B'), std::string::npos);
}

TEST(ModelName, LengthsAreBounded) {
  EXPECT_TRUE(Name::parse(std::string(80, 'm')));
  EXPECT_FALSE(Name::parse(std::string(81, 'm')));
  EXPECT_FALSE(Name::parse("m:" + std::string(81, 't')));
  EXPECT_FALSE(Name::parse(std::string(81, 'n') + "/m"));
  EXPECT_TRUE(Name::parse(std::string(350, 'h') + "/n/m"));
  EXPECT_FALSE(Name::parse(std::string(351, 'h') + "/n/m"));
}

TEST(Digest, OnlySha256WithLowerCaseHexPasses) {
  const std::string hex(64, 'a');

  EXPECT_EQ(*parse_digest("sha256:" + hex), hex);
  EXPECT_FALSE(parse_digest(hex));
  EXPECT_FALSE(parse_digest("sha256-" + hex));
  EXPECT_FALSE(parse_digest("sha256:" + std::string(64, 'A')));
  EXPECT_FALSE(parse_digest("sha256:" + hex + "a"));
  EXPECT_FALSE(parse_digest("sha256:" + hex.substr(1)));
  EXPECT_FALSE(parse_digest("sha256:../" + std::string(61, 'a')));
  EXPECT_FALSE(parse_digest("sha512:" + hex));
}

}  // namespace
}  // namespace hearth::models
