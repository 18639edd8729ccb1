// SPDX-License-Identifier: Apache-2.0
#include "fetch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "hearth/base/log.hpp"
#include "hearth/base/text.hpp"
#include "model_view.hpp"

namespace hearth::models {
namespace {

// How often we look whether somebody else who downloads the same blob is done.
constexpr std::chrono::milliseconds kPartialPoll{100};

// One blob on its way. `file` is empty if the blob is there already.
struct Fetched {
  Source source;
  std::optional<PartialFile> file;
  bool resumed = false;
};

Result<> check_disk(const StoreContext& context, const std::vector<Source>& sources) {
  const auto& blobs = context.catalog.blobs();
  std::uint64_t needed = 0;
  for (const auto& source : sources) {
    if (!source.sha256.empty() && blobs.has(source.sha256)) continue;
    needed += source.size.value_or(0);
    const auto state = read_file(blobs.partial(source.key).string() + ".state", kManifestBytesMax);
    const auto partial = state ? PartialState::parse(*state) : std::nullopt;
    if (partial) needed -= std::min(needed, partial->bytes_done());
  }
  HEARTH_TRY(const auto free, free_bytes(blobs.folder()));
  if (needed == 0 || free >= needed + context.options.disk_reserve_bytes) return {};
  return fail(
      ErrorCode::insufficient_memory,
      fmt::format("the model needs {} more on disk, {} has {} free ({} are kept in reserve); free some space or "
                  "move the model folder (--home)",
                  text::human_bytes(needed), context.options.root.string(), text::human_bytes(free),
                  text::human_bytes(context.options.disk_reserve_bytes)));
}

// Waits while another process, or another pull here, downloads the same blob. Nothing if the blob came meanwhile.
Task<Result<std::optional<PartialFile>>> async_claim(StoreContext& context, const Source& source) {
  const auto& blobs = context.catalog.blobs();
  asio::steady_timer timer{co_await asio::this_coro::executor};
  while (true) {
    auto claim = [&]() -> Result<std::optional<PartialFile>> {
      if (!source.sha256.empty() && blobs.has(source.sha256)) return std::optional<PartialFile>{};
      HEARTH_TRY(auto file, PartialFile::open(blobs.partial(source.key)));
      // Whoever held it before us may have finished between the two looks.
      if (file && !source.sha256.empty() && blobs.has(source.sha256)) {
        file->discard();
        return std::optional<PartialFile>{};
      }
      return file;
    };
    auto claimed = co_await context.pool.async_run(std::move(claim));
    if (!claimed || *claimed) co_return claimed;
    auto there = [&] { return !source.sha256.empty() && blobs.has(source.sha256); };
    if (co_await context.pool.async_run(std::move(there))) co_return claimed;
    timer.expires_after(kPartialPoll);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

Task<Result<Fetched>> async_download(StoreContext& context, Web& web, Source source, const OnProgress& progress) {
  Fetched out{source, std::nullopt, false};
  HEARTH_CO_TRY(out.file, co_await async_claim(context, out.source));
  if (!out.file) {
    Meter meter{progress, source};
    meter.add(static_cast<std::int64_t>(source.size.value_or(0)));
    co_return out;
  }
  Download download{context, web, source, *out.file, progress};
  auto done = co_await download.async_run();
  if (!done) {
    auto error = std::move(done).error();
    error.message = fmt::format("pulling {}: {}", source.key.substr(0, 12), error.message);
    co_return fail(std::move(error));
  }
  out.resumed = download.resumed();
  co_return out;
}

// The digest of what was downloaded; the blob has its name then. Blocks.
Result<std::string> verify(const Blobs& blobs, const Fetched& fetched) {
  if (!fetched.file) return fetched.source.sha256;
  HEARTH_TRY(auto hex, sha256_file(fetched.file->path()));
  if (!fetched.source.sha256.empty() && hex != fetched.source.sha256) {
    fetched.file->discard();
    return fail(ErrorCode::corrupt_data,
                fmt::format("digest mismatch: {} sent sha256:{}, wanted sha256:{}; the download was deleted, try again",
                            fetched.source.url.host, hex, fetched.source.sha256));
  }
  HEARTH_CHECKED(blobs.adopt(fetched.file->path(), hex));
  fetched.file->forget_state();
  return hex;
}

// Each once, in the order of their keys: claims are held until all blobs are there, and two pulls that claim the same
// blobs in different orders would wait for each other for ever.
std::vector<Source> in_order(std::vector<Source> sources) {
  std::ranges::sort(sources, {}, &Source::key);
  const auto doubled = std::ranges::unique(sources, {}, &Source::key);
  sources.erase(doubled.begin(), doubled.end());
  return sources;
}

using Digests = std::map<std::string, std::string>;  // by Source::key

// Adds what it gets to `digests`, whose sources it leaves out. False: what an earlier run had left of a blob was wrong
// (power loss, another version) and is gone; the claims too, so that the next run takes them in their order again.
Task<Result<bool>> async_fetch_once(StoreContext& context, Web& web, const std::vector<Source>& sources,
                                    const OnProgress& progress, Digests& digests) {
  std::vector<Fetched> fetched;
  for (const Source& source : sources) {
    if (digests.contains(source.key)) continue;
    HEARTH_CO_TRY(auto one, co_await async_download(context, web, source, progress));
    fetched.push_back(std::move(one));
  }
  report(progress, "verifying sha256 digest");
  for (Fetched& one : fetched) {
    auto check = [&] { return verify(context.catalog.blobs(), one); };
    auto hex = co_await context.pool.async_run(std::move(check));
    if (!hex && hex.error().code == ErrorCode::corrupt_data && one.resumed) {
      log::warn("resumed download is wrong, starting over", {{"blob", one.source.key}});
      co_return false;
    }
    if (!hex) co_return fail(std::move(hex).error());
    digests.emplace(one.source.key, *std::move(hex));
    one.file.reset();
  }
  co_return true;
}

}  // namespace

void report(const OnProgress& progress, std::string status) {
  if (progress) progress(Progress{std::move(status), {}, 0, 0});
}

Error raced_error(const Name& name) {
  return Error{
      ErrorCode::conflict,
      fmt::format("another process keeps deleting the blobs of '{}'; try again when it is done", name.display()),
      {},
      {}};
}

Task<Result<std::vector<std::string>>> async_fetch(StoreContext& context, Web& web, std::vector<Source> sources,
                                                   const OnProgress& progress) {
  auto check = [&] { return check_disk(context, sources); };
  HEARTH_CO_CHECKED(co_await context.pool.async_run(std::move(check)));
  Digests digests;
  const std::vector<Source> ordered = in_order(sources);
  bool whole = false;
  while (!whole) {  // each time over is for a blob that is fetched from zero then
    HEARTH_CO_TRY(whole, co_await async_fetch_once(context, web, ordered, progress, digests));
  }
  std::vector<std::string> out;
  for (const Source& source : sources) out.push_back(digests.at(source.key));
  co_return out;
}

Task<Result<std::vector<std::string>>> async_commit(StoreContext& context, Name name, std::string manifest,
                                                    const OnProgress& progress) {
  auto check = [&]() -> Result<> {
    HEARTH_TRY(const auto parsed, parse_manifest(manifest));
    auto checked = check_layers(context.catalog.blobs(), parsed);
    // not_found: another process deleted a blob; commit() finds out which.
    if (checked || checked.error().code == ErrorCode::not_found) return {};
    context.catalog.drop_unused(digests_of(parsed));
    return fail(std::move(checked).error());
  };
  HEARTH_CO_CHECKED(co_await context.pool.async_run(std::move(check)));
  report(progress, "writing manifest");
  auto commit = [&] { return context.catalog.commit(name, manifest); };
  HEARTH_CO_TRY(auto missing, co_await context.pool.async_run(std::move(commit)));
  if (!missing.empty()) co_return missing;
  report(progress, "removing any unused layers");
  report(progress, "success");
  co_return missing;
}

}  // namespace hearth::models
