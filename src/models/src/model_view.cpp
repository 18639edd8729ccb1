// SPDX-License-Identifier: Apache-2.0
#include "model_view.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "file_io.hpp"
#include "image_text.hpp"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> digests_of_kind(const Manifest& manifest, LayerKind kind) {
  std::vector<std::string> out;
  for (const auto& layer : manifest.layers) {
    if (layer_kind(layer.media_type) == kind) out.push_back(layer.digest);
  }
  return out;
}

Result<GgufInfo> read_weights(const Blobs& blobs, const Manifest& manifest) {
  std::vector<GgufInfo> shards;
  for (const auto& digest : digests_of_kind(manifest, LayerKind::model)) {
    HEARTH_TRY(auto info, read_gguf(blobs.path(digest)));
    shards.push_back(std::move(info));
  }
  if (shards.empty()) {
    return fail(ErrorCode::unsupported, "the image has no GGUF layer; Hearth runs GGUF models only", "model");
  }
  return merge_shards(std::move(shards));
}

void apply(const Facts& facts, Model& model) {
  model.family = facts.family;
  model.parameter_size = facts.parameter_size;
  model.quantization = facts.quantization;
  model.context_length = facts.context_length;
  model.embedding_length = facts.embedding_length;
  model.capabilities = capabilities(facts, model.template_text, model.projector.has_value());
}

Result<> add_text_layer(Model& model, LayerKind kind, const fs::path& file) {
  HEARTH_TRY(auto text, read_file(file, kTextLayerBytesMax));
  switch (kind) {
    case LayerKind::chat_template: model.template_text = std::move(text); break;
    case LayerKind::system: model.system = std::move(text); break;
    case LayerKind::license: model.licenses.push_back(std::move(text)); break;
    case LayerKind::params: {
      HEARTH_TRY(auto parameters, parse_parameters(text));
      for (auto& parameter : parameters) model.parameters.push_back(std::move(parameter));
      break;
    }
    case LayerKind::messages: {
      HEARTH_TRY(model.messages, parse_messages(text));
      break;
    }
    default: break;
  }
  return {};
}

Result<> add_layer(Model& model, const Layer& layer, const fs::path& file) {
  const auto kind = layer_kind(layer.media_type);
  if (kind == LayerKind::other) return {};
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    return fail(ErrorCode::corrupt_data, fmt::format("model '{}' lacks its blob sha256:{}; try: hearth pull {}",
                                                     model.name, layer.digest, model.name));
  }
  switch (kind) {
    case LayerKind::model:
      model.weights.push_back(file);
      if (model.parent.empty() && !is_path(layer.from)) model.parent = layer.from;
      return {};
    case LayerKind::adapter: model.adapters.push_back(file); return {};
    case LayerKind::projector: model.projector = file; return {};
    default: return add_text_layer(model, kind, file);
  }
}

}  // namespace

bool is_path(std::string_view name) {
  return name.starts_with('/') || name.starts_with("./") || name.starts_with("../") || name.starts_with("~/");
}

fs::path expand_path(std::string_view name) {
  const char* home = std::getenv("HOME");
  if (name.starts_with("~/") && home != nullptr) return fs::path{home} / name.substr(2);
  std::error_code error;
  return fs::absolute(name, error).lexically_normal();
}

Result<Facts> facts_of_layers(StoreContext& context, const Manifest& manifest) {
  const auto key = joint_digest(digests_of_kind(manifest, LayerKind::model));
  if (auto known = context.facts.find(key)) return *std::move(known);
  HEARTH_TRY(const auto info, read_weights(context.catalog.blobs(), manifest));
  auto facts = facts_of(info);
  context.facts.insert(key, facts);
  return facts;
}

Result<> check_layers(const Blobs& blobs, const Manifest& manifest) {
  HEARTH_TRY(const auto info, read_weights(blobs, manifest));
  HEARTH_CHECKED(check_model(info));
  for (const auto& digest : digests_of_kind(manifest, LayerKind::adapter)) {
    HEARTH_TRY(const auto adapter, read_gguf(blobs.path(digest)));
    HEARTH_CHECKED(check_adapter(adapter, info));
  }
  for (const auto& digest : digests_of_kind(manifest, LayerKind::projector)) {
    HEARTH_CHECKED(read_gguf(blobs.path(digest)));
  }
  return {};
}

Result<Model> view_model(StoreContext& context, const StoredManifest& stored) {
  Model model;
  model.name = stored.name.display();
  model.digest = stored.digest;
  model.modified = stored.modified;
  model.size = total_size(stored.manifest);
  for (const auto& layer : stored.manifest.layers) {
    HEARTH_CHECKED(add_layer(model, layer, context.catalog.blobs().path(layer.digest)));
  }
  model.weights_digest = joint_digest(digests_of_kind(stored.manifest, LayerKind::model));
  HEARTH_TRY(const auto facts, facts_of_layers(context, stored.manifest));
  apply(facts, model);
  return model;
}

Result<Model> view_file(StoreContext& context, const fs::path& file) {
  HEARTH_TRY(auto shards, shard_paths(file));
  Model model;
  model.name = file.string();
  HEARTH_TRY(const auto version, version_of(shards));
  model.size = version.bytes;
  model.modified = version.modified;
  model.weights = std::move(shards);
  const auto key = "file " + version.text;
  auto facts = context.facts.find(key);
  if (!facts) {
    HEARTH_TRY(const auto info, read_model(file));
    facts = facts_of(info);
    context.facts.insert(key, *facts);
  }
  HEARTH_TRY(model.digest, context.file_digests.of(model.weights, version.text));
  model.weights_digest = model.digest;
  apply(*facts, model);
  return model;
}

}  // namespace hearth::models
