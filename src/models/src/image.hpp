// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "context.hpp"

namespace hearth::models {

/// A model while it is made: file layers that lie in the blob folder, and the texts that become small blobs.
struct Image {
  std::vector<Layer> files;  // weights in order, adapters, projector; sizes are filled in by finish_image
  std::optional<std::string> template_text;
  std::string system;
  std::vector<std::string> licenses;
  Parameters parameters;
  std::vector<SeedMessage> messages;
};

Layer file_layer(LayerKind kind, std::string digest, std::string from, std::string name);
/// What a GGUF file is by its header: weights, adapter or projector. Blocks.
Result<LayerKind> kind_of_file(const std::filesystem::path& file);

/// The image of a model that is here. Blocks.
Result<Image> open_image(StoreContext& context, const StoredManifest& stored);
/// Writes the small blobs and the configuration; the manifest's bytes. Blocks.
Result<std::string> finish_image(StoreContext& context, Image image);

}  // namespace hearth::models
