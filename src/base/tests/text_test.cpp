// SPDX-License-Identifier: Apache-2.0
#include "hearth/base/text.hpp"

#include <gtest/gtest.h>

#include <set>

#include "hearth/base/id.hpp"

namespace hearth {
namespace {

TEST(Utf8, IncompleteTailIsHeldBack) {
  const std::string euro = "\xE2\x82\xAC";
  EXPECT_EQ(text::complete_utf8_prefix("a" + euro), 4U);
  EXPECT_EQ(text::complete_utf8_prefix("a" + euro.substr(0, 1)), 1U);
  EXPECT_EQ(text::complete_utf8_prefix("a" + euro.substr(0, 2)), 1U);
  EXPECT_EQ(text::complete_utf8_prefix("\xF0\x9F\x98"), 0U);
}

TEST(Utf8, InvalidBytesNeverStick) {
  EXPECT_EQ(text::complete_utf8_prefix("a\xFF"), 2U);
  EXPECT_EQ(text::complete_utf8_prefix("\xED\xA0"), 2U) << "a surrogate is invalid at its second byte already";
  EXPECT_EQ(text::to_valid_utf8("a\xFF"
                                "b\xE2\x82"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_FALSE(text::is_valid_utf8("\xC0\xAF"));
}

TEST(Utf8, AsciiEndsAtTheFirstOtherByteWhereverItIs) {
  for (std::size_t size = 0; size < 20; ++size) {
    EXPECT_EQ(text::ascii_prefix(std::string(size, '\x7F')), size);
    for (std::size_t at = 0; at < size; ++at) {
      std::string bytes(size, 'a');
      bytes[at] = '\x80';
      EXPECT_EQ(text::ascii_prefix(bytes), at) << size;
      EXPECT_FALSE(text::is_valid_utf8(bytes)) << size << " " << at;
    }
  }
}

TEST(Text, Base64MatchesRfc4648) {
  EXPECT_EQ(text::base64_encode(""), "");
  EXPECT_EQ(text::base64_encode("f"), "Zg==");
  EXPECT_EQ(text::base64_encode("fo"), "Zm8=");
  EXPECT_EQ(text::base64_encode("foobar"), "Zm9vYmFy");
}

TEST(Text, HumanBytes) {
  EXPECT_EQ(text::human_bytes(999), "999 B");
  EXPECT_EQ(text::human_bytes(1363552), "1.4 MB");
  EXPECT_EQ(text::human_bytes(47'000'000'000), "47 GB");
}

TEST(Id, IsUniqueAndPrefixed) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(random_id("resp_")).second);
  EXPECT_EQ(seen.begin()->size(), 5U + 24U);
}

}  // namespace
}  // namespace hearth
