// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backoff.hpp"
#include "bearer_challenge.hpp"
#include "fetch.hpp"
#include "hearth/net/client.hpp"
#include "pull.hpp"

namespace hearth::models {
namespace {

/// One blob on its way to a registry: HEAD, POST, PATCH for each chunk, PUT (OCI distribution-spec, "pushing blobs").
class Upload {
 public:
  Upload(StoreContext& context, Web& web, Name name, Layer layer, const OnProgress& progress)
      : context_{context}, web_{web}, name_{std::move(name)}, layer_{std::move(layer)}, progress_{progress} {}

  Task<Result<>> async_run() {
    for (unsigned attempt = 0;; ++attempt) {
      auto sent = co_await async_once();
      if (sent) co_return sent;
      if (!worth_retrying(sent.error().code) || attempt >= context_.options.max_retries) co_return sent;
      co_await web_.async_back_off(attempt);
    }
  }

 private:
  void tell(std::uint64_t completed) const {
    if (!progress_) return;
    progress_(Progress{fmt::format("pushing {}", layer_.digest.substr(0, 12)), with_algorithm(layer_.digest),
                       layer_.size, completed});
  }

  Task<Result<>> async_once() {
    tell(0);
    HEARTH_CO_TRY(auto url, registry_url(name_, "blobs/" + with_algorithm(layer_.digest)));
    net::ClientRequest head;
    head.method = "HEAD";
    head.url = url;
    HEARTH_CO_TRY(const auto there, co_await web_.async_send(std::move(head)));
    if (!is_success(there.status)) {
      if (there.status != 404) co_return fail(status_error(there, url, "asking for a layer"));
      HEARTH_CO_CHECKED(co_await async_upload());
    }
    tell(layer_.size);
    co_return Result<>{};
  }

  Task<Result<>> async_upload() {
    net::ClientRequest post;
    post.method = "POST";
    HEARTH_CO_TRY(post.url, registry_url(name_, "blobs/uploads/"));
    HEARTH_CO_TRY(auto place, co_await async_step(std::move(post), "starting an upload"));
    for (std::uint64_t offset = 0; offset < layer_.size;) {
      const auto length = std::min(context_.options.push_chunk_bytes, layer_.size - offset);
      net::ClientRequest patch;
      patch.method = "PATCH";
      patch.url = std::move(place);
      patch.headers.set("Content-Type", "application/octet-stream");
      patch.headers.set("Content-Range", fmt::format("{}-{}", offset, offset + length - 1));
      patch.body_file = context_.catalog.blobs().path(layer_.digest).string();
      patch.body_offset = offset;
      patch.body_length = length;
      HEARTH_CO_TRY(place, co_await async_step(std::move(patch), "uploading a layer"));
      offset += length;
      tell(offset);
    }
    net::ClientRequest put;
    put.method = "PUT";
    put.url = std::move(place);
    put.url.target += fmt::format("{}digest={}", put.url.target.find('?') == std::string::npos ? "?" : "&",
                                  percent_encode(with_algorithm(layer_.digest)));
    const auto url = put.url;
    HEARTH_CO_TRY(const auto done, co_await web_.async_send(std::move(put)));
    if (!is_success(done.status)) co_return fail(status_error(done, url, "finishing a layer"));
    co_return Result<>{};
  }

  // Sends one request of an upload; where the next goes.
  Task<Result<net::Url>> async_step(net::ClientRequest request, std::string what) {
    const auto url = request.url;
    HEARTH_CO_TRY(const auto response, co_await web_.async_send(std::move(request)));
    if (!is_success(response.status)) co_return fail(status_error(response, url, what));
    const auto location = response.headers.get("location");
    if (!location) co_return fail(ErrorCode::upstream_error, fmt::format("{} does not say where to upload", url.host));
    co_return resolve(url, *location);
  }

  StoreContext& context_;
  Web& web_;
  Name name_;
  Layer layer_;
  const OnProgress& progress_;
};

Task<Result<>> async_put_manifest(StoreContext& context, Web& web, StoredManifest stored) {
  HEARTH_CO_TRY(const auto url, registry_url(stored.name, "manifests/" + stored.name.tag));
  for (unsigned attempt = 0;; ++attempt) {
    net::ClientRequest put;
    put.method = "PUT";
    put.url = url;
    put.headers.set("Content-Type", stored.manifest.media_type);
    put.body = stored.bytes;
    const auto done = co_await web.async_send(std::move(put));
    if (done && is_success(done->status)) co_return Result<>{};
    auto error = done ? status_error(*done, url, "pushing the manifest") : done.error();
    if (!worth_retrying(error.code) || attempt >= context.options.max_retries) co_return fail(std::move(error));
    co_await web.async_back_off(attempt);
  }
}

}  // namespace

Task<Result<>> async_push_registry(StoreContext& context, Name name, bool insecure, OnProgress progress) {
  if (is_hub(name)) co_return fail(ErrorCode::unsupported, "the hub takes no pushes; use its own tools", "model");
  Web web{co_await asio::this_coro::executor, context, insecure};
  report(progress, "retrieving manifest");
  auto read = [&] { return context.catalog.read(name); };
  HEARTH_CO_TRY(auto stored, co_await context.pool.async_run(std::move(read)));
  stored.name = name;  // with the scheme that was asked for
  auto layers = stored.manifest.layers;
  layers.push_back(stored.manifest.config);
  for (auto& layer : layers) {
    Upload upload{context, web, name, std::move(layer), progress};
    HEARTH_CO_CHECKED(co_await upload.async_run());
  }
  report(progress, "pushing manifest");
  HEARTH_CO_CHECKED(co_await async_put_manifest(context, web, std::move(stored)));
  report(progress, "success");
  co_return Result<>{};
}

}  // namespace hearth::models
