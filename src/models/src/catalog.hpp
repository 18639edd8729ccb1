// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "blobs.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/models/name.hpp"
#include "manifest.hpp"

namespace hearth::models {

/// A manifest as it lies on disk.
struct StoredManifest {
  Name name;
  Manifest manifest;
  std::string bytes;
  std::string digest;  // hex sha256 of bytes
  WallClock::time_point modified;
};

/// manifests/<host>/<namespace>/<model>/<tag> and the rule which blobs live: those that some manifest names.
/// Changes happen under a lock of the folder that other processes respect, so a blob is never deleted between the
/// moment a manifest was found to need it and the moment that manifest is written.
/// Stateless but for paths: any thread; every call blocks on files.
class Catalog {
 public:
  explicit Catalog(std::filesystem::path root);
  Result<> make_folders() const;
  const Blobs& blobs() const noexcept { return blobs_; }

  /// not_found names the command that would fetch it.
  Result<StoredManifest> read(const Name& name) const;
  /// Every manifest that can be read; the others are logged.
  std::vector<StoredManifest> read_all() const;

  /// Writes the manifest if every blob it names is there. If not: the digests that are missing, and nothing is written.
  /// Blobs that only the replaced manifest named are deleted.
  Result<std::vector<std::string>> commit(const Name& name, const std::string& bytes) const;
  Result<> remove(const Name& name) const;
  /// Deletes those of `digests` that no manifest names: what a refused download leaves behind.
  void drop_unused(const std::vector<std::string>& digests) const;
  /// At start: leftovers, and blobs that no manifest has named for `age`.
  void sweep(std::chrono::seconds age) const;

 private:
  std::filesystem::path file(const Name& name) const { return manifests_ / name.manifest_path(); }
  Result<StoredManifest> read_file_of(const Name& name) const;
  std::vector<Name> names() const;
  std::optional<std::set<std::string>> used() const;
  void drop_unused_locked(const std::vector<std::string>& digests) const;

  std::filesystem::path root_;
  std::filesystem::path manifests_;
  Blobs blobs_;
};

/// Every digest that the manifest names, once each.
std::vector<std::string> digests_of(const Manifest& manifest);

}  // namespace hearth::models
