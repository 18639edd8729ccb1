// SPDX-License-Identifier: Apache-2.0
#include "catalog.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <system_error>

#include "file_io.hpp"
#include "hearth/base/log.hpp"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLockFile = ".lock";
constexpr int kNameDepth = 3;  // host/namespace/model/tag, counted from 0

std::string hex_of_blob(const std::string& file_name) {
  constexpr std::string_view kPrefix = "sha256-";
  if (!file_name.starts_with(kPrefix)) return {};
  auto hex = parse_digest("sha256:" + file_name.substr(kPrefix.size()));
  return hex ? *std::move(hex) : std::string{};
}

WallClock::time_point modified_at(const fs::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return {};
  const auto since = std::chrono::seconds{info.st_mtim.tv_sec} + std::chrono::nanoseconds{info.st_mtim.tv_nsec};
  return WallClock::time_point{std::chrono::duration_cast<WallClock::duration>(since)};
}

}  // namespace

std::vector<std::string> digests_of(const Manifest& manifest) {
  std::set<std::string> unique{manifest.config.digest};
  for (const auto& layer : manifest.layers) unique.insert(layer.digest);
  return {unique.begin(), unique.end()};
}

Catalog::Catalog(fs::path root) : root_{root}, manifests_{root / "manifests"}, blobs_{root} {}

Result<> Catalog::make_folders() const {
  HEARTH_CHECKED(models::make_folders(manifests_));
  return blobs_.make_folders();
}

Result<StoredManifest> Catalog::read_file_of(const Name& name) const {
  HEARTH_TRY(auto bytes, read_file(file(name), kManifestBytesMax));
  HEARTH_TRY(auto manifest, parse_manifest(bytes));
  auto digest = sha256_hex(bytes);
  return StoredManifest{name, std::move(manifest), std::move(bytes), std::move(digest), modified_at(file(name))};
}

Result<StoredManifest> Catalog::read(const Name& name) const {
  auto stored = read_file_of(name);
  if (stored || stored.error().code != ErrorCode::not_found) return stored;
  return fail(ErrorCode::not_found,
              fmt::format("model '{}' not found; try: hearth pull {}", name.display(), name.display()), "model");
}

std::vector<Name> Catalog::names() const {
  std::vector<Name> out;
  std::error_code error;
  for (fs::recursive_directory_iterator it{manifests_, error}, end; !error && it != end; it.increment(error)) {
    if (it.depth() != kNameDepth) continue;
    it.disable_recursion_pending();
    const auto relative = it->path().lexically_relative(manifests_);
    std::vector<std::string> parts;
    for (const auto& part : relative) parts.push_back(part.string());
    auto name = Name::parse(fmt::format("{}/{}/{}:{}", parts[0], parts[1], parts[2], parts[3]));
    if (name) {
      out.push_back(*std::move(name));
    } else {
      log::warn("manifest left out", {{"file", relative.string()}, {"why", name.error().message}});
    }
  }
  return out;
}

std::vector<StoredManifest> Catalog::read_all() const {
  std::vector<StoredManifest> out;
  for (const auto& name : names()) {
    auto stored = read_file_of(name);
    if (stored) {
      out.push_back(*std::move(stored));
    } else if (stored.error().code != ErrorCode::not_found) {  // removed meanwhile
      log::warn("manifest left out", {{"model", name.display()}, {"why", stored.error().message}});
    }
  }
  return out;
}

// Every digest in use, or nothing if that cannot be known: a manifest that does not parse may need any blob.
std::optional<std::set<std::string>> Catalog::used() const {
  std::set<std::string> out;
  for (const auto& name : names()) {
    const auto stored = read_file_of(name);
    if (!stored) {
      log::warn("no blobs are removed while a manifest is broken", {{"model", name.display()}});
      return std::nullopt;
    }
    for (auto& digest : digests_of(stored->manifest)) out.insert(std::move(digest));
  }
  return out;
}

void Catalog::drop_unused_locked(const std::vector<std::string>& digests) const {
  const auto in_use = used();
  if (!in_use) return;
  for (const auto& digest : digests) {
    if (!in_use->contains(digest)) blobs_.remove(digest);
  }
}

Result<std::vector<std::string>> Catalog::commit(const Name& name, const std::string& bytes) const {
  HEARTH_TRY(const auto manifest, parse_manifest(bytes));
  HEARTH_TRY(const auto lock, FileLock::acquire(root_ / kLockFile));
  std::vector<std::string> missing;
  for (const auto& digest : digests_of(manifest)) {
    if (!blobs_.has(digest)) missing.push_back(digest);
  }
  if (!missing.empty()) return missing;
  const auto replaced = read_file_of(name);
  HEARTH_CHECKED(models::make_folders(file(name).parent_path()));
  HEARTH_CHECKED(write_file(file(name), bytes, blobs_.temporary()));
  if (replaced) drop_unused_locked(digests_of(replaced->manifest));
  return missing;
}

Result<> Catalog::remove(const Name& name) const {
  HEARTH_TRY(const auto lock, FileLock::acquire(root_ / kLockFile));
  const auto stored = read(name);
  if (!stored && stored.error().code != ErrorCode::corrupt_data) return fail(stored.error());
  remove_quietly(file(name));
  std::error_code error;
  for (auto folder = file(name).parent_path(); folder != manifests_ && fs::remove(folder, error);) {
    folder = folder.parent_path();  // ends at the first folder that is not empty
  }
  if (stored) drop_unused_locked(digests_of(stored->manifest));
  return {};
}

void Catalog::drop_unused(const std::vector<std::string>& digests) const {
  const auto lock = FileLock::acquire(root_ / kLockFile);
  if (lock) drop_unused_locked(digests);
}

void Catalog::sweep(std::chrono::seconds age) const {
  blobs_.sweep_leftovers(age);
  const auto lock = FileLock::acquire(root_ / kLockFile);
  if (!lock) return;
  std::vector<std::string> old;
  std::error_code error;
  for (fs::directory_iterator it{blobs_.folder(), error}, end; !error && it != end; it.increment(error)) {
    auto hex = hex_of_blob(it->path().filename().string());
    if (!hex.empty() && untouched_for(it->path(), age)) old.push_back(std::move(hex));
  }
  if (!old.empty()) drop_unused_locked(old);
}

}  // namespace hearth::models
