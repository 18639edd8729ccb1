// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

/// Which files of a Hugging Face repository make the model that a name asks for. Data in, data out; any thread.
namespace hearth::models {

struct HubFile {
  std::string path;
  std::uint64_t size = 0;
  std::string sha256;  // the LFS oid; empty for a file kept in git itself
};

struct HubChoice {
  std::vector<HubFile> weights;    // the shards in order, or one file
  std::vector<HubFile> projector;  // none or one
};

inline constexpr std::size_t kHubFilesMax = 20'000;

/// Answer of /api/models/{repo}/refs: the commit of the branch `main`, else of the first branch.
Result<std::string> parse_hub_refs(std::string_view json);
/// Answer of /api/models/{repo}/tree/{commit}?recursive=true.
Result<std::vector<HubFile>> parse_hub_tree(std::string_view json);

/// `quant` without case, as a whole word of the file name ("Q4_K" does not mean Q4_K_M); empty or "latest": Q4_K_M,
/// else the first GGUF. not_found names the quants that there are; corrupt_data if a shard is missing.
Result<HubChoice> choose_hub_files(const std::vector<HubFile>& files, std::string_view quant);

}  // namespace hearth::models
