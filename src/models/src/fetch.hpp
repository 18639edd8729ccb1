// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "context.hpp"
#include "download.hpp"

namespace hearth::models {

/// Gets every source into the blob folder and returns their digests in order: "pulling …" for each, then
/// "verifying sha256 digest". Blobs that are there are not fetched; unfinished ones are continued. A blob has its name
/// only after its sha256 was computed and, where one was promised, found equal (else corrupt_data, and it is gone).
/// Refuses before the first byte if the disk is too small (insufficient_memory).
Task<Result<std::vector<std::string>>> async_fetch(StoreContext& context, Web& web, std::vector<Source> sources,
                                                   const OnProgress& progress);

/// Writes the manifest, with the lines "writing manifest", "removing any unused layers" and "success", once its GGUF
/// layers were checked. If the check fails, what nobody else needs of it is deleted.
/// The result lists blobs that another process deleted meanwhile; then nothing was written: fetch them again.
Task<Result<std::vector<std::string>>> async_commit(StoreContext& context, Name name, std::string manifest,
                                                    const OnProgress& progress);

/// How often a pull starts over because another process deleted its blobs between download and manifest.
inline constexpr int kCommitTries = 3;
Error raced_error(const Name& name);

void report(const OnProgress& progress, std::string status);

}  // namespace hearth::models
