// SPDX-License-Identifier: Apache-2.0
#include "checksums.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hearth::privacy {
namespace {

struct Case {
  bool (*check)(std::string_view);
  std::string_view right;
};

// Published examples: ISO 13616, the issuers' test cards, the authorities' own samples.
constexpr Case kCases[] = {{is_card, "4111111111111111"},
                           {is_card, "378282246310005"},
                           {is_card, "5555555555554444"},
                           {is_card, "6011111111111117"},
                           {is_card, "3530111333300000"},
                           {is_card, "30569309025904"},
                           {is_iban, "GB82WEST12345698765432"},
                           {is_iban, "DE89370400440532013000"},
                           {is_iban, "NO9386011117947"},
                           {is_iban, "MT84MALT011000012345MTLCAST001S"},
                           {is_ssn, "219099999"},
                           {is_nhs, "9434765919"},
                           {is_nino, "AB123456C"},
                           {is_steuer_id, "36574261809"},
                           {is_steuer_id, "86095742719"},
                           {is_nir, "255081416802538"},
                           {is_nir, "197122A07512369"},
                           {is_dni, "12345678Z"},
                           {is_dni, "X1234567L"},
                           {is_codice_fiscale, "RSSMRA85T10A562S"},
                           {is_my_number, "123456789018"}};

TEST(Checksums, AcceptPublishedExamples) {
  for (const Case& c : kCases) EXPECT_TRUE(c.check(c.right)) << c.right;
}

/// What each check digit is for: one digit mistyped.
TEST(Checksums, NoticeEveryWrongDigit) {
  for (const Case& c : kCases) {
    if (c.check == is_ssn || c.check == is_nino) continue;  // have none
    for (std::size_t i = 0; i < c.right.size(); ++i) {
      if (c.right[i] < '0' || c.right[i] > '9') continue;
      for (char d = '0'; d <= '9'; ++d) {
        std::string wrong{c.right};
        wrong[i] = d;
        if (wrong != c.right) EXPECT_FALSE(c.check(wrong)) << wrong;
      }
    }
  }
}

TEST(Checksums, RefuseWhatIsNeverGivenOut) {
  for (const std::string_view ssn : {"000123456", "666123456", "900123456", "219009999", "219090000", "078051120"}) {
    EXPECT_FALSE(is_ssn(ssn)) << ssn;
  }
  for (const std::string_view nino : {"BG123456A", "DA123456A", "AO123456A", "AB123456E", "ZZ123456A"}) {
    EXPECT_FALSE(is_nino(nino)) << nino;
  }
  EXPECT_FALSE(is_card("0000000000000000"));
  EXPECT_FALSE(is_nhs("0000000000"));
  EXPECT_FALSE(is_iban("ZZ82WEST12345698765432"));
  EXPECT_FALSE(is_iban("GB82WEST1234569876543"));
}

TEST(Checksums, TakeNothingAndRubbish) {
  for (const Case& c : kCases) {
    for (const std::string_view text : {"", "1", "abc", "12345678901234567890123456789012345", "\xff\xfe"}) {
      EXPECT_FALSE(c.check(text)) << text;
    }
  }
}

}  // namespace
}  // namespace hearth::privacy
