// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "hearth/models/gguf.hpp"
#include "hearth/models/store.hpp"

namespace hearth::api::ollama {

/// The GGUF's metadata under its own keys. Arrays are null unless `verbose`; then those that were kept are there. The
/// chat template is left out, since it is a field of its own.
nlohmann::json model_info_json(const models::GgufInfo& info, bool verbose);

/// The answer of POST /api/show.
nlohmann::json show_json(const models::Model& model, const models::GgufInfo& info, bool verbose);

}  // namespace hearth::api::ollama
