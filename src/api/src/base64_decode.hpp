// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::api {

/// RFC 4648 base64, standard or URL alphabet, padding optional, line breaks allowed; nullopt when it is anything else.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace hearth::api
