// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "hearth/models/store.hpp"
#include "route.hpp"

namespace hearth::api::ollama {

/// Progress lines that may wait for a slow reader; further ones fold into the last or are dropped.
inline constexpr std::size_t kMaxWaitingProgress = 64;

/// A pull, push or create: calls back on the caller's io thread and ends with its result.
using Operation = std::function<Task<Result<>>(models::OnProgress)>;

/// Newer progress of the same layer replaces older progress. True if `item` was folded into `last`.
bool fold(models::Progress& last, const models::Progress& item);

/// Runs `operation` and answers with its progress as NDJSON, then {"status":"success"}; unstreamed with the last line
/// alone. A failure before the first line is returned; later ones are a line {"error": …}. A reader that is slow delays
/// lines and never the operation; a reader that goes away cancels it.
Task<Result<>> async_answer_progress(Call& call, bool stream, Operation operation);

}  // namespace hearth::api::ollama
