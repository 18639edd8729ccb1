// SPDX-License-Identifier: Apache-2.0
#include "hearth/net/http.hpp"

#include "ascii.hpp"

namespace hearth::net {

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [name](const auto& field) { return ascii::equal_ignoring_case(field.first, name); });
  fields_.emplace_back(std::string{name}, std::move(value));
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (ascii::equal_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

}  // namespace hearth::net
