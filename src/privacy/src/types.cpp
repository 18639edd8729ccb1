// SPDX-License-Identifier: Apache-2.0
#include "types.hpp"

#include <vector>

namespace hearth::privacy {

std::span<const Type> built_in_types() {
  using enum inference::Label;
  // What is only guessed raises no label of itself: a wrong guess would take a target away that the user may use, and a
  // right one cannot be relied on. `privacy.labels` changes it.
  static const std::vector<Type> types{{"email", confidential},
                                       {"phone", confidential},
                                       {"card", restricted},
                                       {"iban", restricted},
                                       {"ssn", restricted},
                                       {"nhs", restricted},
                                       {"nino", restricted},
                                       {"steuer_id", restricted},
                                       {"nir", restricted},
                                       {"dni", restricted},
                                       {"codice_fiscale", restricted},
                                       {"my_number", restricted},
                                       {"ip", internal},
                                       {"mac", internal},
                                       {"url_credentials", restricted},
                                       {"url", public_},
                                       {"date_of_birth", confidential},
                                       {"date", public_},
                                       {"mrn", restricted},
                                       {"driver_license", restricted},
                                       {"secret", restricted},
                                       {"private_key", restricted},
                                       {"person", public_},
                                       {"address", public_},
                                       {"location", public_},
                                       {"organization", public_},
                                       {"nationality", public_},
                                       {"title", public_},
                                       {"age", public_}};
  return types;
}

}  // namespace hearth::privacy
