// SPDX-License-Identifier: Apache-2.0
#include "hearth/privacy/scanner.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "checksums.hpp"

namespace hearth::privacy {
namespace {

using inference::Label;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Scanner& patterns() {
  static const auto scanner = *Scanner::make({.names = false});
  return *scanner;
}

/// "email alice@example.org", one a finding.
std::vector<std::string> found(const Scanner& scanner, std::string_view text) {
  std::vector<std::string> out;
  for (const Finding& f : scanner.scan(text)) {
    out.push_back(fmt::format("{} {}", scanner.types()[f.type].name, text.substr(f.begin, f.end - f.begin)));
  }
  return out;
}
std::vector<std::string> found(std::string_view text) { return found(patterns(), text); }

TEST(Scanner, FindsEachKind) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"write to Alice.O+tag@mail.example.co.uk.", "email Alice.O+tag@mail.example.co.uk"},
      {"call +1 (415) 555-0132 now", "phone +1 (415) 555-0132"},
      {"my number is 0171 555 0132", "phone 0171 555 0132"},
      {"tel 01.84.17.61.18", "phone 01.84.17.61.18"},
      {"345-899-3560x4587", "phone 345-899-3560x4587"},
      {"pay with 4111 1111 1111 1111 please", "card 4111 1111 1111 1111"},
      {"card:378282246310005", "card 378282246310005"},
      {"IBAN de89 3704 0044 0532 0130 00 is mine", "iban de89 3704 0044 0532 0130 00"},
      {"his ssn is 219-09-9999", "ssn 219-09-9999"},
      {"SSN 219099999", "ssn 219099999"},
      {"NHS number 943 476 5919", "nhs 943 476 5919"},
      {"NI ab 12 34 56 c", "nino ab 12 34 56 c"},
      {"Steuer-ID 36 574 261 809", "steuer_id 36 574 261 809"},
      {"NIR 2 55 08 14 168 025 38", "nir 2 55 08 14 168 025 38"},
      {"DNI 12345678Z", "dni 12345678Z"},
      {"NIE X-1234567-L", "dni X-1234567-L"},
      {"c.f. rssmra85t10a562s", "codice_fiscale rssmra85t10a562s"},
      {"my number 1234 5678 9018", "my_number 1234 5678 9018"},
      {"from 203.0.113.7:8080", "ip 203.0.113.7"},
      {"at 2001:db8::8a2e:370:7334.", "ip 2001:db8::8a2e:370:7334"},
      {"mac 00:1b:44:11:3a:b7", "mac 00:1b:44:11:3a:b7"},
      {"clone https://bob:hunter2@git.example.org/x", "url_credentials https://bob:hunter2@git.example.org/x"},
      {"see https://example.org/a?b=1.", "url https://example.org/a?b=1"},
      {"born 12/31/1980 in Rome", "date_of_birth 12/31/1980"},
      {"born on October 1, 1954", "date_of_birth October 1, 1954"},
      {"due 2024-11-02 09:30", "date 2024-11-02 09:30"},
      {"MRN: 00482913", "mrn 00482913"},
      {"driver's license no. F162823540116", "driver_license F162823540116"},
      {"AKIAIOSFODNN7EXAMPLE", "secret AKIAIOSFODNN7EXAMPLE"},
      {"key sk-proj-a8Fj2kLmN0pQ4rStUvWx", "secret sk-proj-a8Fj2kLmN0pQ4rStUvWx"},
      {"api_key = \"9f8e7d6c5b4a39281706\"", "secret 9f8e7d6c5b4a39281706"},
      {"the password is hunter22", "secret hunter22"},
  };
  for (const auto& [text, expected] : cases) EXPECT_THAT(found(text), ElementsAre(expected)) << text;
}

TEST(Scanner, LeavesOthersAlone) {
  for (const std::string_view text :
       {"The year 1999 and 2001", "pi is 3.14159265358979", "1 2 3 4 5 6 7 8 9 10", "std::vector<int> a::b",
        "version 1.2.3.4", "12:30:45", "127.0.0.1", "order 4111111111111112", "0x1F 0x2A",
        "password = os.environ[\"PASSWORD\"]", "token = next(tokens)", "for (int i = 0; i < 10; ++i)", "f(a@b)",
        "1914 - 1918", "GB82WEST12345698765433", "the hotel in 24567821 rooms", "10 20 30 40"}) {
    EXPECT_THAT(found(text), IsEmpty()) << text;
  }
}

TEST(Scanner, FindsAWholePrivateKeyAlsoWithoutItsEnd) {
  const std::string begin = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow";
  EXPECT_THAT(found("x " + begin + "\n-----END RSA PRIVATE KEY----- y"),
              ElementsAre("private_key " + begin + "\n-----END RSA PRIVATE KEY-----"));
  EXPECT_THAT(found(begin), ElementsAre("private_key " + begin));
}

TEST(Scanner, SeesThroughDisguises) {
  EXPECT_EQ(found("４１１１ １１１１ １１１１ １１１１").size(), 1U);                   // full width
  EXPECT_EQ(found("4111\u200B1111\u200B1111\u200B1111").size(), 1U);                    // zero-width spaces
  EXPECT_EQ(found("41\u00AD11 1111 1111 1111").size(), 1U);                             // soft hyphen
  EXPECT_EQ(found("4111\u20131111\u20131111\u20131111").size(), 1U);                    // en dashes
  EXPECT_EQ(found("٤١١١١١١١١١١١١١١١").size(), 1U);                                      // Arabic digits
  EXPECT_EQ(found("\u0430lice@ex\u0430mple.org").size(), 1U);                           // Cyrillic a
  EXPECT_EQ(found("see bWFpbCBib2JAZXhhbXBsZS5vcmcgbm93IHBsZWFzZQ== now").size(), 1U);  // base64
  const auto names = *Scanner::make({.names = false});
  EXPECT_EQ(found(*names, "Это просто русский текст без данных").size(), 0U);
}

TEST(Scanner, TellsWhereInTheTextThatWasGiven) {
  const std::string_view text = "é ４１１１ １１１１ １１１１ １１１１!";
  const Findings findings = patterns().scan(text);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(text.substr(findings[0].begin, findings[0].end - findings[0].begin), "４１１１ １１１１ １１１１ １１１１");
}

/// Numbers drawn at random and completed by search with the published rule: nearly all are found, bare and in groups.
TEST(Scanner, RecallOfCheckedNumbers) {
  struct Kind {
    std::string_view type;
    bool (*check)(std::string_view);
    std::size_t size;
    std::string_view begins;
    std::string_view sentence;
  };
  const Kind kinds[] = {{"card", is_card, 16, "4", "I paid with {} yesterday."},
                        {"nhs", is_nhs, 10, "", "The NHS number of the patient is {}."},
                        {"steuer_id", is_steuer_id, 11, "", "Meine Steuer-ID lautet {}, danke."},
                        {"nir", is_nir, 15, "1850", "Mon NIR est {}"},
                        {"my_number", is_my_number, 12, "", "My Number: {}"}};
  std::mt19937 random{7};
  for (const Kind& kind : kinds) {
    int right = 0;
    constexpr int kTries = 200;
    for (int i = 0; i < kTries; ++i) {
      std::string number;
      do {
        number = kind.begins;
        while (number.size() < kind.size) number += static_cast<char>('0' + random() % 10);
      } while (!kind.check(number));
      const std::string text = fmt::format(fmt::runtime(kind.sentence), number);
      for (const std::string& one : found(text)) right += one == fmt::format("{} {}", kind.type, number) ? 1 : 0;
    }
    EXPECT_GE(right, kTries * 99 / 100) << kind.type;
  }
}

TEST(Scanner, GivesTheHighestLabel) {
  const Scanner& s = patterns();
  EXPECT_EQ(s.label_of(s.scan("nothing here")), Label::public_);
  EXPECT_EQ(s.label_of(s.scan("mail a.b@example.org")), Label::confidential);
  EXPECT_EQ(s.label_of(s.scan("mail a.b@example.org about 4111111111111111")), Label::restricted);
}

TEST(Scanner, AHarmlessFindingHidesNoSensitiveOne) {
  for (const std::string_view text :
       {"password=415-555-0132x9 ok", "see https://example.org/?token=9f8e7d6c5b4a39281706",
        "call me: https://bob:pa55word@example.org/"}) {
    EXPECT_EQ(patterns().label_in(text), Label::restricted) << text;
  }
  EXPECT_THAT(found("my phone has the number 86.121.97.248"), ElementsAre("ip 86.121.97.248"));
}

TEST(Scanner, GuessesRaiseALabelOnlyWhereTheConfigurationSaysSo) {
  const std::string_view text = "My name is Johannes Varvio";
  const auto plain = *Scanner::make({});
  ASSERT_FALSE(plain->scan(text).empty());
  EXPECT_EQ(plain->label_in(text), Label::public_);
  const auto strict = *Scanner::make({.labels = {{"person", Label::confidential}}});
  EXPECT_EQ(strict->label_in(text), Label::confidential);
  EXPECT_EQ(plain->label_of({.type = *plain->type_named("phone"), .guessed = true}), Label::public_);
  EXPECT_EQ(plain->label_of({.type = *plain->type_named("phone")}), Label::confidential);
}

TEST(Scanner, TakesPatternsWordsAndLabelsOfTheConfiguration) {
  const auto scanner = Scanner::make({.patterns = {{.name = "employee", .pattern = "EMP-[0-9]{6}"}},
                                      .words = {{.name = "project", .words = {"blue bird", "C3PO"}}},
                                      .labels = {{"project", Label::restricted}, {"email", Label::public_}},
                                      .names = false});
  ASSERT_TRUE(scanner);
  EXPECT_THAT(found(**scanner, "EMP-123456 works on Blue Bird, not on bluebirds; a@example.org"),
              ElementsAre("employee EMP-123456", "project Blue Bird", "email a@example.org"));
  EXPECT_THAT(found(**scanner, "XEMP-1234567"), IsEmpty());
  EXPECT_EQ((*scanner)->label_of((*scanner)->scan("EMP-123456")), Label::confidential);
  EXPECT_EQ((*scanner)->label_of((*scanner)->scan("c3po")), Label::restricted);
  EXPECT_EQ((*scanner)->label_of((*scanner)->scan("a@example.org")), Label::public_);
}

TEST(Scanner, RefusesPatternsThatItCannotPromise) {
  const auto why = [](Scanner::Options options) {
    const auto scanner = Scanner::make(std::move(options));
    return scanner ? std::string{} : scanner.error().message;
  };
  EXPECT_THAT(why({.patterns = {{.name = "a", .pattern = "(a)\\1"}}}), HasSubstr("\"a\" cannot be used"));
  EXPECT_THAT(why({.patterns = {{.name = "a", .pattern = "(?=a)b"}}}), HasSubstr("cannot be used"));
  EXPECT_THAT(why({.patterns = {{.name = "a", .pattern = "a*"}}}),
              HasSubstr("cannot be used"));  // matches nothing at all
  EXPECT_THAT(why({.patterns = {{.name = "a", .pattern = "(?:(?:x{1,900}y){1,900}z){1,900}"}}}),
              HasSubstr("cannot be used"));
  EXPECT_THAT(why({.patterns = {{.name = "a", .pattern = std::string(600, 'x')}}}), HasSubstr("longer than 512"));
  EXPECT_THAT(why({.patterns = {{.name = "email", .pattern = "x"}}}), HasSubstr("another detector"));
  EXPECT_THAT(why({.words = {{.name = "w", .words = {"-x-"}}}}), HasSubstr("begin and end"));
  EXPECT_THAT(why({.labels = {{"nonsense", Label::public_}}}), HasSubstr("one of: email, phone"));
}

/// A reload makes another automaton, often where the last one was, and larger than that.
TEST(Scanner, MayBeReplacedByALargerOne) {
  for (int i = 0; i < 12; ++i) {
    Scanner::Options options{.names = false};
    for (int j = 0; j < i * 20; ++j) {
      options.patterns.push_back(
          {.name = fmt::format("p{}", j), .pattern = fmt::format("[a-f]{{{},40}}X{}", 1 + j % 30, j)});
    }
    const auto scanner = *Scanner::make(std::move(options));
    EXPECT_EQ(found(*scanner, "mail a@example.org now").size(), 1U);
  }
}

TEST(Scanner, LivesThroughRandomBytes) {
  std::mt19937 random{3};
  constexpr std::string_view kAlphabet = "0123456789 .-+()/@:abcAKIA_\n\xc3\xa9\xe2\x80\x8b\xff\"'=";
  const auto all = *Scanner::make({});
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    const std::size_t size = random() % 120;
    while (text.size() < size) text += kAlphabet[random() % kAlphabet.size()];
    std::uint32_t last = 0;
    for (const Finding& f : all->scan(text)) {
      ASSERT_LE(last, f.begin) << text;
      ASSERT_LT(f.begin, f.end) << text;
      ASSERT_LE(f.end, text.size()) << text;
      last = f.end;
    }
  }
}

}  // namespace
}  // namespace hearth::privacy
