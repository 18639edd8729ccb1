// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "fetch.hpp"
#include "hearth/base/text.hpp"
#include "pull.hpp"

namespace hearth::models {
namespace {

net::Headers manifest_headers() {
  net::Headers headers;
  headers.set("Accept", fmt::format("{}, {}, {}, {}", kDockerManifest, kOciManifest, kDockerIndex, kOciIndex));
  return headers;
}

Result<> check_answered_digest(const net::ClientResponse& response, std::string_view asked) {
  const auto actual = with_algorithm(sha256_hex(response.body));
  const auto told = response.headers.get("docker-content-digest").value_or(asked);
  for (const auto& expected : {told, asked}) {
    if (!expected.starts_with("sha256:") || expected == actual) continue;
    return fail(ErrorCode::corrupt_data,
                fmt::format("digest mismatch: the manifest is {}, expected {}", actual, expected));
  }
  return {};
}

// The manifest's bytes as the registry has them: their sha256 is the model's digest everywhere.
Task<Result<std::string>> async_manifest(Web& web, Name name) {
  std::string reference = name.tag;
  for (const bool nested : {false, true}) {
    HEARTH_CO_TRY(auto url, registry_url(name, "manifests/" + reference));
    auto response =
        co_await web.async_get(std::move(url), manifest_headers(), "pulling the manifest", kManifestBytesMax);
    if (!response) {
      auto error = std::move(response).error();
      if (error.code == ErrorCode::not_found) {
        error.message = fmt::format("pull model manifest: '{}' does not exist at {}", name.display(), name.host);
      }
      co_return fail(std::move(error));
    }
    HEARTH_CO_CHECKED(check_answered_digest(*response, nested ? reference : ""));
    HEARTH_CO_TRY(const auto entry, index_entry(response->body));
    if (entry.empty()) co_return std::move(response->body);
    reference = with_algorithm(entry);
  }
  co_return fail(ErrorCode::unsupported, "the manifest is an index of indexes");
}

Result<std::vector<Source>> sources_of(const Name& name, const Manifest& manifest) {
  bool has_model = false;
  std::vector<Source> sources;
  const auto add = [&](const Layer& layer) -> Result<> {
    HEARTH_TRY(auto url, registry_url(name, "blobs/" + with_algorithm(layer.digest)));
    sources.push_back({std::move(url), layer.digest, layer.digest, layer.size});
    return {};
  };
  for (const auto& layer : manifest.layers) {
    const auto kind = layer_kind(layer.media_type);
    has_model = has_model || kind == LayerKind::model;
    const bool text = kind != LayerKind::model && kind != LayerKind::adapter && kind != LayerKind::projector &&
                      kind != LayerKind::other;
    if (text && layer.size > kTextLayerBytesMax) {
      return fail(ErrorCode::corrupt_data, fmt::format("the manifest claims {} for a text layer ({})",
                                                       text::human_bytes(layer.size), layer.media_type));
    }
    HEARTH_CHECKED(add(layer));
  }
  if (!has_model) {
    return fail(ErrorCode::unsupported,
                fmt::format("'{}' has no GGUF layer; Hearth runs GGUF models only", name.display()), "model");
  }
  HEARTH_CHECKED(add(manifest.config));
  return sources;
}

}  // namespace

Task<Result<>> async_pull_registry(StoreContext& context, Name name, bool insecure, OnProgress progress) {
  Web web{co_await asio::this_coro::executor, context, insecure};
  report(progress, "pulling manifest");
  HEARTH_CO_TRY(const auto bytes, co_await async_manifest(web, name));
  HEARTH_CO_TRY(const auto manifest, parse_manifest(bytes));
  HEARTH_CO_TRY(const auto sources, sources_of(name, manifest));
  for (int i = 0; i < kCommitTries; ++i) {
    HEARTH_CO_CHECKED(co_await async_fetch(context, web, sources, progress));
    HEARTH_CO_TRY(const auto missing, co_await async_commit(context, name, bytes, progress));
    if (missing.empty()) co_return Result<>{};
  }
  co_return fail(raced_error(name));
}

}  // namespace hearth::models
