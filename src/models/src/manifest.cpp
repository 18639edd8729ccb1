// SPDX-License-Identifier: Apache-2.0
#include "manifest.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "hearth/models/name.hpp"

namespace hearth::models {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kOllamaPrefix = "application/vnd.ollama.image.";
constexpr std::array<std::pair<LayerKind, std::string_view>, 8> kOllamaKinds{{
    {LayerKind::model, "model"},
    {LayerKind::adapter, "adapter"},
    {LayerKind::projector, "projector"},
    {LayerKind::chat_template, "template"},
    {LayerKind::system, "system"},
    {LayerKind::params, "params"},
    {LayerKind::messages, "messages"},
    {LayerKind::license, "license"},
}};
// No model is larger; it also keeps sums of sizes far from overflow.
constexpr std::uint64_t kLayerBytesMax = 1ULL << 50;

auto corrupt(std::string_view why) {
  return fail(ErrorCode::corrupt_data, fmt::format("the manifest is not one: {}", why));
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Result<Layer> parse_layer(const Json& json, std::string_view what) {
  if (!json.is_object()) return corrupt(fmt::format("{} is not an object", what));
  auto digest = parse_digest(text_of(json, "digest"));
  if (!digest) return corrupt(fmt::format("the digest of {}: {}", what, digest.error().message));
  const auto size = json.find("size");
  if (size == json.end() || !size->is_number_unsigned() || size->get<std::uint64_t>() > kLayerBytesMax) {
    return corrupt(fmt::format("the size of {} is missing or absurd", what));
  }
  Layer layer{text_of(json, "mediaType"), *std::move(digest), size->get<std::uint64_t>(), text_of(json, "from"),
              text_of(json, "name")};
  if (const auto notes = json.find("annotations"); layer.name.empty() && notes != json.end() && notes->is_object()) {
    layer.name = text_of(*notes, "org.opencontainers.image.title");
  }
  return layer;
}

Json layer_json(const Layer& layer) {
  Json out{{"mediaType", layer.media_type}, {"digest", with_algorithm(layer.digest)}, {"size", layer.size}};
  if (!layer.from.empty()) out["from"] = layer.from;
  if (!layer.name.empty()) out["name"] = layer.name;
  return out;
}

}  // namespace

LayerKind layer_kind(std::string_view media_type) {
  if (media_type.starts_with(kOllamaPrefix)) {
    const auto rest = media_type.substr(kOllamaPrefix.size());
    for (const auto& [kind, name] : kOllamaKinds) {
      if (rest == name) return kind;
    }
    return LayerKind::other;
  }
  const auto has = [&](std::string_view part) { return media_type.find(part) != std::string_view::npos; };
  if (has("mmproj")) return LayerKind::projector;
  if (has("lora")) return LayerKind::adapter;
  if (has("gguf")) return LayerKind::model;
  if (has("chat.template")) return LayerKind::chat_template;
  if (has(".license")) return LayerKind::license;
  return LayerKind::other;
}

std::string media_type_of(LayerKind kind) {
  for (const auto& [known, name] : kOllamaKinds) {
    if (known == kind) return fmt::format("{}{}", kOllamaPrefix, name);
  }
  return {};
}

Result<Manifest> parse_manifest(std::string_view text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return corrupt("it is not a JSON object");
  Manifest manifest;
  if (auto type = text_of(json, "mediaType"); !type.empty()) manifest.media_type = std::move(type);
  const auto config = json.find("config");
  if (config == json.end()) return corrupt("config is missing");
  HEARTH_TRY(manifest.config, parse_layer(*config, "config"));
  const auto layers = json.find("layers");
  if (layers == json.end() || !layers->is_array()) return corrupt("layers are missing");
  if (layers->size() > kLayersMax) return corrupt(fmt::format("it has more than {} layers", kLayersMax));
  for (std::size_t i = 0; i < layers->size(); ++i) {
    HEARTH_TRY(auto layer, parse_layer((*layers)[i], fmt::format("layer {}", i)));
    manifest.layers.push_back(std::move(layer));
  }
  return manifest;
}

std::string encode_manifest(const Manifest& manifest) {
  Json layers = Json::array();
  for (const auto& layer : manifest.layers) layers.push_back(layer_json(layer));
  const Json out{{"schemaVersion", 2},
                 {"mediaType", manifest.media_type},
                 {"config", layer_json(manifest.config)},
                 {"layers", std::move(layers)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> index_entry(std::string_view text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return corrupt("it is not a JSON object");
  const auto entries = json.find("manifests");
  if (entries == json.end()) return std::string{};
  if (!entries->is_array() || entries->empty()) return corrupt("the index lists no manifest");
  HEARTH_TRY(auto first, parse_layer(entries->front(), "the first entry"));
  return std::move(first.digest);
}

std::uint64_t total_size(const Manifest& manifest) {
  return std::accumulate(manifest.layers.begin(), manifest.layers.end(), manifest.config.size,
                         [](std::uint64_t sum, const Layer& layer) { return sum + layer.size; });
}

std::string with_algorithm(std::string_view hex) { return fmt::format("sha256:{}", hex); }

}  // namespace hearth::models
