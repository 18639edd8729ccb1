// SPDX-License-Identifier: Apache-2.0
// Pulls of bare GGUF files: the manifest is made here.
#include <fmt/format.h>

#include <algorithm>

#include "bearer_challenge.hpp"
#include "fetch.hpp"
#include "hub_plan.hpp"
#include "image.hpp"
#include "pull.hpp"

namespace hearth::models {
namespace {

constexpr std::uint64_t kHubAnswerMax = 32U << 20;
constexpr int kTreePagesMax = 20;

struct WantedFile {
  Source source;
  LayerKind kind = LayerKind::model;
  std::string name;  // of the file, for the manifest
};

// Fetches the files and makes an image of them.
Task<Result<>> async_take_files(StoreContext& context, Web& web, Name name, std::vector<WantedFile> files,
                                const OnProgress& progress) {
  std::vector<Source> sources;
  for (const auto& file : files) sources.push_back(file.source);
  for (int i = 0; i < kCommitTries; ++i) {
    HEARTH_CO_TRY(const auto digests, co_await async_fetch(context, web, sources, progress));
    auto finish = [&]() -> Result<std::string> {
      Image image;
      for (std::size_t k = 0; k < files.size(); ++k) {
        image.files.push_back(file_layer(files[k].kind, digests[k], files[k].source.url.text(), files[k].name));
      }
      auto manifest = finish_image(context, std::move(image));
      if (!manifest) context.catalog.drop_unused(digests);
      return manifest;
    };
    HEARTH_CO_TRY(auto manifest, co_await context.pool.async_run(std::move(finish)));
    HEARTH_CO_TRY(const auto missing, co_await async_commit(context, name, std::move(manifest), progress));
    if (missing.empty()) co_return Result<>{};
  }
  co_return fail(raced_error(name));
}

Result<net::Url> hub_url(const StoreContext& context, std::string_view path) {
  auto endpoint = std::string_view{context.options.hub_endpoint};
  while (endpoint.ends_with('/')) endpoint.remove_suffix(1);
  return net::Url::parse(fmt::format("{}{}", endpoint, path));
}

// `<https://…>; rel="next"` (RFC 8288), which the hub sends while a file list goes on. Empty: it does not.
std::string next_page(const net::ClientResponse& response) {
  const auto link = response.headers.get("link").value_or("");
  const auto end = link.find('>');
  if (!link.starts_with('<') || end == std::string_view::npos) return {};
  return link.find("rel=\"next\"", end) == std::string_view::npos ? std::string{}
                                                                  : std::string{link.substr(1, end - 1)};
}

Task<Result<std::vector<HubFile>>> async_tree(Web& web, net::Url url) {
  std::vector<HubFile> files;
  for (int page = 0; page < kTreePagesMax; ++page) {
    HEARTH_CO_TRY(const auto response,
                  co_await web.async_get(url, {}, "listing the repository's files", kHubAnswerMax));
    HEARTH_CO_TRY(auto some, parse_hub_tree(response.body));
    files.insert(files.end(), some.begin(), some.end());
    const auto next = next_page(response);
    if (next.empty()) co_return files;
    HEARTH_CO_TRY(auto next_url, resolve(url, next));
    if (next_url.origin() != url.origin())
      co_return fail(ErrorCode::forbidden, "the hub's file list goes on elsewhere");
    url = std::move(next_url);
  }
  co_return fail(ErrorCode::unsupported, "the repository has too many files");
}

// The hub answers 401 for what does not exist, too.
Error with_token_hint(Error error, const std::string& repository) {
  if (error.code == ErrorCode::unauthenticated || error.code == ErrorCode::forbidden) {
    error.message +=
        fmt::format("; if '{}' exists it needs a token: accept its terms there and set HF_TOKEN", repository);
  }
  return error;
}

Result<WantedFile> wanted(const StoreContext& context, const std::string& repository, const std::string& commit,
                          const HubFile& file, LayerKind kind) {
  HEARTH_TRY(auto url,
             hub_url(context, fmt::format("/{}/resolve/{}/{}", repository, commit, percent_encode_path(file.path))));
  auto key = file.sha256.empty() ? sha256_hex(url.text()) : file.sha256;
  return WantedFile{{std::move(url), std::move(key), file.sha256, file.size}, kind, file.path};
}

Task<Result<HubChoice>> async_choose(StoreContext& context, Web& web, Name name, std::string repository,
                                     std::string& commit) {
  HEARTH_CO_TRY(auto refs_url, hub_url(context, fmt::format("/api/models/{}/refs", repository)));
  auto refs = co_await web.async_get(std::move(refs_url), {}, "asking for the repository", kHubAnswerMax);
  if (!refs) co_return fail(with_token_hint(std::move(refs).error(), repository));
  HEARTH_CO_TRY(commit, parse_hub_refs(refs->body));
  HEARTH_CO_TRY(auto tree_url,
                hub_url(context, fmt::format("/api/models/{}/tree/{}?recursive=true", repository, commit)));
  HEARTH_CO_TRY(const auto files, co_await async_tree(web, std::move(tree_url)));
  co_return choose_hub_files(files, name.tag);
}

}  // namespace

Task<Result<>> async_pull_hub(StoreContext& context, Name name, bool insecure, OnProgress progress) {
  Web web{co_await asio::this_coro::executor, context, insecure};
  HEARTH_CO_TRY(const auto origin, hub_url(context, "/"));
  if (!context.options.hub_token.empty()) web.set_bearer(origin, Secret{context.options.hub_token});
  report(progress, "pulling manifest");
  const auto repository = fmt::format("{}/{}", name.space, name.model);
  std::string commit;
  HEARTH_CO_TRY(const auto choice, co_await async_choose(context, web, name, repository, commit));
  std::vector<WantedFile> files;
  for (const auto& file : choice.weights) {
    HEARTH_CO_TRY(auto one, wanted(context, repository, commit, file, LayerKind::model));
    files.push_back(std::move(one));
  }
  for (const auto& file : choice.projector) {
    HEARTH_CO_TRY(auto one, wanted(context, repository, commit, file, LayerKind::projector));
    files.push_back(std::move(one));
  }
  auto pulled = co_await async_take_files(context, web, name, std::move(files), progress);
  if (!pulled) co_return fail(with_token_hint(std::move(pulled).error(), repository));
  co_return pulled;
}

Task<Result<>> async_pull_url(StoreContext& context, FileUrl file, bool insecure, OnProgress progress) {
  Web web{co_await asio::this_coro::executor, context, insecure};
  HEARTH_CO_TRY(const auto hub, hub_url(context, "/"));
  if (!context.options.hub_token.empty()) web.set_bearer(hub, Secret{context.options.hub_token});
  report(progress, "pulling manifest");
  const auto path = file.url.target.substr(0, file.url.target.find('?'));
  std::vector<WantedFile> files;
  files.push_back(
      {{file.url, sha256_hex(file.url.text()), {}, std::nullopt}, LayerKind::model, path.substr(path.rfind('/') + 1)});
  co_return co_await async_take_files(context, web, file.name, std::move(files), progress);
}

}  // namespace hearth::models
