// SPDX-License-Identifier: Apache-2.0
#include "image.hpp"

#include <fmt/format.h>

#include <system_error>

#include "file_io.hpp"
#include "image_text.hpp"
#include "model_view.hpp"

namespace hearth::models {
namespace {

Result<> add_text(const Blobs& blobs, Manifest& manifest, LayerKind kind, std::string_view text) {
  HEARTH_TRY(auto digest, blobs.put(text));
  manifest.layers.push_back({media_type_of(kind), std::move(digest), text.size(), {}, {}});
  return {};
}

Result<> add_config(StoreContext& context, Manifest& manifest, std::string_view template_text, bool projector) {
  HEARTH_TRY(const auto facts, facts_of_layers(context, manifest));
  ImageConfig config{facts.family,
                     facts.parameter_size,
                     facts.quantization,
                     facts.context_length,
                     facts.embedding_length,
                     capabilities(facts, template_text, projector),
                     {}};
  for (const auto& layer : manifest.layers) config.layers.push_back(layer.digest);
  const auto text = encode_config(config);
  HEARTH_TRY(auto digest, context.catalog.blobs().put(text));
  manifest.config = {std::string{kConfigType}, std::move(digest), text.size(), {}, {}};
  return {};
}

}  // namespace

Layer file_layer(LayerKind kind, std::string digest, std::string from, std::string name) {
  return {media_type_of(kind), std::move(digest), 0, std::move(from), std::move(name)};
}

Result<LayerKind> kind_of_file(const std::filesystem::path& file) {
  HEARTH_TRY(const auto info, read_gguf(file));
  if (info.text("general.type") == "adapter") return LayerKind::adapter;
  if (info.text("general.type") == "mmproj" || info.architecture() == "clip") return LayerKind::projector;
  return LayerKind::model;
}

Result<Image> open_image(StoreContext& context, const StoredManifest& stored) {
  HEARTH_TRY(auto model, view_model(context, stored));
  Image image;
  for (const auto& layer : stored.manifest.layers) {
    const auto kind = layer_kind(layer.media_type);
    if (kind != LayerKind::model && kind != LayerKind::adapter && kind != LayerKind::projector) continue;
    image.files.push_back(file_layer(kind, layer.digest, stored.name.display(), layer.name));
  }
  if (!model.template_text.empty()) image.template_text = std::move(model.template_text);
  image.system = std::move(model.system);
  image.licenses = std::move(model.licenses);
  image.parameters = std::move(model.parameters);
  image.messages = std::move(model.messages);
  return image;
}

Result<std::string> finish_image(StoreContext& context, Image image) {
  const auto& blobs = context.catalog.blobs();
  Manifest manifest;
  bool projector = false;
  for (auto& layer : image.files) {
    std::error_code error;
    layer.size = std::filesystem::file_size(blobs.path(layer.digest), error);
    if (error) return fail(ErrorCode::not_found, fmt::format("the blob sha256:{} is not here", layer.digest));
    projector = projector || layer_kind(layer.media_type) == LayerKind::projector;
    manifest.layers.push_back(std::move(layer));
  }
  const auto template_text = image.template_text.value_or("");
  if (!template_text.empty()) HEARTH_CHECKED(add_text(blobs, manifest, LayerKind::chat_template, template_text));
  if (!image.system.empty()) HEARTH_CHECKED(add_text(blobs, manifest, LayerKind::system, image.system));
  for (const auto& license : image.licenses) {
    HEARTH_CHECKED(add_text(blobs, manifest, LayerKind::license, license));
  }
  if (!image.parameters.empty()) {
    HEARTH_CHECKED(add_text(blobs, manifest, LayerKind::params, encode_parameters(image.parameters)));
  }
  if (!image.messages.empty()) {
    HEARTH_CHECKED(add_text(blobs, manifest, LayerKind::messages, encode_messages(image.messages)));
  }
  HEARTH_CHECKED(add_config(context, manifest, template_text, projector));
  return encode_manifest(manifest);
}

}  // namespace hearth::models
