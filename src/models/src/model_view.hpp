// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "context.hpp"

/// From manifests and GGUF headers to `Model`. All of it blocks on files.
namespace hearth::models {

Result<Model> view_model(StoreContext& context, const StoredManifest& stored);
/// A GGUF file outside the store, with the shards beside it.
Result<Model> view_file(StoreContext& context, const std::filesystem::path& file);

/// Reads every GGUF that the manifest names and refuses what libllama should not see. corrupt_data, one line.
Result<> check_layers(const Blobs& blobs, const Manifest& manifest);
/// Facts of the weights; from the cache if they were read before.
Result<Facts> facts_of_layers(StoreContext& context, const Manifest& manifest);

/// True for "./x", "../x", "/x" and "~/x".
bool is_path(std::string_view name);
/// With "~" replaced by $HOME; absolute.
std::filesystem::path expand_path(std::string_view name);

}  // namespace hearth::models
