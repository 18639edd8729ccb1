// SPDX-License-Identifier: Apache-2.0
#include "checksums.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace hearth::privacy {
namespace {

int digit(char c) { return c - '0'; }
bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

bool luhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (auto c = digits.rbegin(); c != digits.rend(); ++c, twice = !twice) {
    const int value = digit(*c) * (twice ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 == 0;
}

/// Issuer ranges of the networks in use, by the first digits.
bool has_issuer(std::string_view digits) {
  const int first = digit(digits[0]);
  const int two = first * 10 + digit(digits[1]);
  const int four = two * 100 + digit(digits[2]) * 10 + digit(digits[3]);
  const std::size_t size = digits.size();
  if (first == 4) return size == 13 || size == 16 || size == 19;                                 // Visa
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return size == 16;             // Mastercard
  if (two == 34 || two == 37) return size == 15;                                                 // American Express
  if (two == 36 || two == 38 || two == 39 || (four >= 3000 && four <= 3059)) return size >= 14;  // Diners Club
  if (four == 2131 || four == 1800) return size == 15;                                           // JCB, old
  if (two == 35) return size == 15 || size >= 16;                                                // JCB
  if (two == 62 || two == 65 || four == 6011 || two == 64 || two == 60 || two == 81) return size >= 16;
  return (two == 50 || (two >= 56 && two <= 69)) && size >= 12;  // Maestro
}

/// The rest of a long number, read in pieces.
int mod(std::string_view digits, int by) {
  int rest = 0;
  for (const char c : digits) rest = (rest * 10 + digit(c)) % by;
  return rest;
}

struct Country {
  std::string_view code;
  std::size_t length;
};
// SWIFT's IBAN registry, release 99.
constexpr auto kCountries = std::to_array<Country>(
    {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22},
     {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27},
     {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27},
     {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22},
     {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32},
     {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19},
     {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
     {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
     {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28}, {"TL", 23},
     {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30}});

/// What a character counts at an odd place of a codice fiscale (D.M. 23/12/1976); letters count as their digits do.
constexpr std::array<int, 26> kOdd{1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                   20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};

}  // namespace

bool is_card(std::string_view digits) {
  if (digits.size() < 12 || digits.size() > 19 || !all_digits(digits)) return false;
  return has_issuer(digits) && luhn(digits);
}

std::size_t iban_length(std::string_view text) {
  const auto found = std::ranges::find(kCountries, text.substr(0, 2), &Country::code);
  return found == kCountries.end() ? 0 : found->length;
}

bool is_iban(std::string_view text) {
  if (text.size() < 15 || text.size() != iban_length(text)) return false;
  std::string digits;
  const auto add = [&](std::string_view part) {
    for (const char c : part) digits += is_upper(c) ? std::to_string(c - 'A' + 10) : std::string(1, c);
  };
  add(text.substr(4));
  add(text.substr(0, 4));
  return all_digits(digits) && mod(digits, 97) == 1;
}

bool is_ssn(std::string_view digits) {
  if (digits.size() != 9 || !all_digits(digits)) return false;
  const std::string_view area = digits.substr(0, 3);
  return area != "000" && area != "666" && area[0] != '9' && digits.substr(3, 2) != "00" &&
         digits.substr(5) != "0000" && digits != "123456789" && digits != "078051120";
}

bool is_nhs(std::string_view digits) {
  if (digits.size() != 10 || !all_digits(digits)) return false;
  int sum = 0;
  for (std::size_t i = 0; i < 9; ++i) sum += digit(digits[i]) * (10 - static_cast<int>(i));
  const int check = (11 - sum % 11) % 11;
  return check != 10 && check == digit(digits[9]) && digits.find_first_not_of(digits[0]) != std::string_view::npos;
}

bool is_nino(std::string_view text) {
  if (text.size() != 9 || !is_upper(text[0]) || !is_upper(text[1]) || !all_digits(text.substr(2, 6))) return false;
  constexpr auto kNever = std::to_array<std::string_view>({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"});
  constexpr std::string_view kNeverFirst = "DFIQUV";
  constexpr std::string_view kNeverSecond = "DFIOQUV";
  return kNeverFirst.find(text[0]) == std::string_view::npos && kNeverSecond.find(text[1]) == std::string_view::npos &&
         std::ranges::find(kNever, text.substr(0, 2)) == kNever.end() && text[8] >= 'A' && text[8] <= 'D';
}

bool is_steuer_id(std::string_view digits) {
  if (digits.size() != 11 || !all_digits(digits) || digits[0] == '0') return false;
  // Of the first ten digits one comes twice or three times, the others at most once.
  std::array<int, 10> seen{};
  for (const char c : digits.substr(0, 10)) ++seen[static_cast<std::size_t>(digit(c))];
  const auto repeated = std::ranges::count_if(seen, [](int n) { return n > 1; });
  if (repeated != 1 || std::ranges::max(seen) > 3) return false;
  int product = 10;
  for (const char c : digits.substr(0, 10)) {
    const int sum = (digit(c) + product) % 10;
    product = (sum == 0 ? 10 : sum) * 2 % 11;
  }
  return (11 - product) % 10 == digit(digits[10]);
}

bool is_nir(std::string_view text) {
  if (text.size() != 15) return false;
  std::string digits{text};
  // The departments of Corsica count as 19 and 18.
  if (text.substr(5, 2) == "2A") digits.replace(5, 2, "19");
  if (text.substr(5, 2) == "2B") digits.replace(5, 2, "18");
  if (!all_digits(digits)) return false;
  constexpr std::string_view kFirst = "12378";
  const int month = digit(digits[3]) * 10 + digit(digits[4]);
  const bool possible = (month >= 1 && month <= 12) || (month >= 20 && month <= 42) || month >= 50;
  return kFirst.find(digits[0]) != std::string_view::npos && possible &&
         97 - mod(std::string_view{digits}.substr(0, 13), 97) == mod(std::string_view{digits}.substr(13), 1000);
}

bool is_dni(std::string_view text) {
  if (text.size() != 9) return false;
  std::string digits{text.substr(0, 8)};
  if (digits[0] >= 'X' && digits[0] <= 'Z') digits[0] = static_cast<char>('0' + (digits[0] - 'X'));
  return all_digits(digits) &&
         text[8] == std::string_view{"TRWAGMYFPDXBNJZSQVHLCKE"}[static_cast<std::size_t>(mod(digits, 23))];
}

bool is_codice_fiscale(std::string_view text) {
  if (text.size() != 16 || !is_upper(text[15])) return false;
  int sum = 0;
  for (std::size_t i = 0; i < 15; ++i) {
    const char c = text[i];
    if (!is_upper(c) && (c < '0' || c > '9')) return false;
    const int value = is_upper(c) ? c - 'A' : digit(c);
    sum += i % 2 == 0 ? kOdd[static_cast<std::size_t>(value)] : value;
  }
  return sum % 26 == text[15] - 'A';
}

bool is_my_number(std::string_view digits) {
  if (digits.size() != 12 || !all_digits(digits)) return false;
  int sum = 0;
  for (int n = 1; n <= 11; ++n) sum += digit(digits[static_cast<std::size_t>(11 - n)]) * (n <= 6 ? n + 1 : n - 5);
  const int rest = sum % 11;
  return (rest <= 1 ? 0 : 11 - rest) == digit(digits[11]) &&
         digits.find_first_not_of(digits[0]) != std::string_view::npos;
}

}  // namespace hearth::privacy
