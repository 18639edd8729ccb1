// SPDX-License-Identifier: Apache-2.0
#include "hearth/privacy/name_model.hpp"

#include <gtest/gtest.h>

#include <string>

#include "types.hpp"

namespace hearth::privacy {
namespace {

std::vector<MarkedText> greetings(std::initializer_list<std::string_view> names) {
  std::vector<MarkedText> texts;
  for (const std::string_view name : names) {
    const std::string begin = "Hello, my name is ";
    texts.push_back({.text = begin + std::string{name} + " and I live here.",
                     .findings = {{.type = kPerson,
                                   .begin = static_cast<std::uint32_t>(begin.size()),
                                   .end = static_cast<std::uint32_t>(begin.size() + name.size()),
                                   .score = 1}}});
  }
  return texts;
}

TEST(NameModel, LearnsFromTheWordsAround) {
  const auto texts = greetings({"Anna Berg", "Tom", "Carla de Souza", "Li Wei"});
  const NameModel model = NameModel::train(texts, std::vector<Findings>(texts.size()));
  const std::string_view text = "Hello, my name is Jordan Pell and I live here.";
  Findings out;
  model.find(text, {}, out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].type, kPerson);
  EXPECT_EQ(text.substr(out[0].begin, out[0].end - out[0].begin), "Jordan Pell");
}

TEST(NameModel, LooksAroundWhatPatternsFound) {
  const std::string_view text = "my name is Anna";
  Findings out;
  NameModel::built_in().find(text, {{.type = kEmail, .begin = 0, .end = 15, .score = 1}}, out);
  EXPECT_TRUE(out.empty());
}

TEST(NameModel, IsWhatItsFileSays) {
  const auto texts = greetings({"Anna Berg", "Tom"});
  const NameModel model = NameModel::train(texts, std::vector<Findings>(texts.size()));
  const std::string bytes = model.save();
  ASSERT_TRUE(NameModel::load(bytes));
  EXPECT_EQ(NameModel::load(bytes)->save(), bytes);
  std::string damaged = bytes;
  damaged[100] = static_cast<char>(damaged[100] ^ 1);
  EXPECT_FALSE(NameModel::load(damaged));
  EXPECT_FALSE(NameModel::load(bytes.substr(1)));
  EXPECT_FALSE(NameModel::load(""));
}

}  // namespace
}  // namespace hearth::privacy
