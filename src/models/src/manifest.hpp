// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

/// Image manifests as Ollama's registry, Docker's and OCI's write them (OCI image-spec, "manifest.md"; Docker Image
/// Manifest V2, Schema 2). Data in, data out; any thread.
namespace hearth::models {

inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kDockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kConfigType = "application/vnd.docker.container.image.v1+json";

inline constexpr std::uint64_t kManifestBytesMax = 4U << 20;
inline constexpr std::size_t kLayersMax = 1024;
/// Layers that are text or JSON (template, system, params, messages, license, config).
inline constexpr std::uint64_t kTextLayerBytesMax = 4U << 20;

struct Layer {
  std::string media_type;
  std::string digest;  // 64 hex digits
  std::uint64_t size = 0;
  std::string from = {};  // the name or path that the layer came from
  std::string name = {};  // file name
};

struct Manifest {
  std::string media_type{kDockerManifest};
  Layer config;
  std::vector<Layer> layers;
};

/// What a layer is to us. The media types are Ollama's and Docker Model Runner's.
enum class LayerKind : std::uint8_t {
  model,
  adapter,
  projector,
  chat_template,
  system,
  params,
  messages,
  license,
  other
};
LayerKind layer_kind(std::string_view media_type);
/// Ollama's media type; not for `other`.
std::string media_type_of(LayerKind kind);

/// corrupt_data that says which field is wrong. Bounded by kLayersMax; digests are checked, sizes cannot overflow.
Result<Manifest> parse_manifest(std::string_view json);
std::string encode_manifest(const Manifest& manifest);
/// Hex digest of the first manifest of an index ("fat manifest"); empty if `json` is no index.
Result<std::string> index_entry(std::string_view json);

/// Bytes of configuration and layers.
std::uint64_t total_size(const Manifest& manifest);
std::string with_algorithm(std::string_view hex);  // "sha256:…"

}  // namespace hearth::models
