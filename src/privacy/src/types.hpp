// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "hearth/privacy/finding.hpp"

namespace hearth::privacy {

/// The types that come with the program, in the order of built_in_types(). Custom ones follow.
enum BuiltIn : std::uint16_t {
  kEmail,
  kPhone,
  kCard,
  kIban,
  kSsn,
  kNhs,
  kNino,
  kSteuerId,
  kNir,
  kDni,
  kCodiceFiscale,
  kMyNumber,
  kIp,
  kMac,
  kUrlCredentials,
  kUrl,
  kDateOfBirth,
  kDate,
  kMrn,
  kDriverLicense,
  kSecret,
  kPrivateKey,
  // Guessed from the words around (name_model.hpp):
  kPerson,
  kAddress,
  kLocation,
  kOrganization,
  kNationality,
  kTitle,
  kAge,
  kBuiltIns
};

/// Bytes [begin, end) of a text.
inline Finding finding_of(std::uint16_t type, std::size_t begin, std::size_t end, float score) {
  return {
      .type = type, .begin = static_cast<std::uint32_t>(begin), .end = static_cast<std::uint32_t>(end), .score = score};
}

}  // namespace hearth::privacy
