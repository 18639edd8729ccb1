// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "hearth/base/error.hpp"

namespace hearth::api {

/// Why `text`, which a parser refused, is not acceptable JSON: the byte and what was expected there. Never quotes the
/// text. For the error path only: it reads everything again.
Error explain_json_fault(std::string_view text);

}  // namespace hearth::api
