// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// Check digits of cards, accounts and national identifiers. Each takes digits and letters alone, in upper case and
/// without separators, and says whether that is a possible number of its kind. Pure.
namespace hearth::privacy {

bool is_card(std::string_view digits);           // 12 to 19 digits of a known network; Luhn (ISO/IEC 7812-1)
bool is_iban(std::string_view text);             // the country's length; ISO 7064 mod 97-10
std::size_t iban_length(std::string_view text);  // by the first two letters; 0: no country that has IBANs
bool is_ssn(std::string_view digits);            // US: no check digit, but areas, groups and serials never given out
bool is_nhs(std::string_view digits);            // UK: mod 11
bool is_nino(std::string_view text);             // UK: prefixes in use
bool is_steuer_id(std::string_view digits);      // Germany: ISO 7064 mod 11,10, and its rule of repeated digits
bool is_nir(std::string_view text);  // France: 13 characters and a key, 97 less the rest; Corsica has a letter
bool is_dni(std::string_view text);  // Spain: DNI and NIE, a letter by the rest of 23
bool is_codice_fiscale(std::string_view text);  // Italy: a letter by the rest of 26
bool is_my_number(std::string_view digits);     // Japan: mod 11

}  // namespace hearth::privacy
