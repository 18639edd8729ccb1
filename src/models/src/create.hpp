// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "context.hpp"

namespace hearth::models {

/// Makes a model of what is on this machine and reports Ollama's lines. Blocks for as long as copying, hashing and
/// quantizing take; `tell` is called on this thread.
/// not_found: FROM names a model that is not here (nothing is fetched); invalid_request: what is asked for makes no
/// model.
Result<> create_model(StoreContext& context, const CreateRequest& request, const OnProgress& tell);

}  // namespace hearth::models
