// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "blobs.hpp"
#include "hearth/base/clock.hpp"
#include "recent_map.hpp"

namespace hearth::models {

/// What sha256 plain files have, so that a model given by path is not read whole at every start. An entry counts as
/// long as device, inode, size and times of the files are as they were; the change time cannot be set back. Any thread.
class FileDigests {
 public:
  /// A file that changes again within the clock tick of its time stamps looks unchanged (Git calls it racy).
  static constexpr std::chrono::seconds kSettled{2};
  /// Keeps one small file for each model under `root`/digests, of models that were `settled` when they were read.
  FileDigests(const std::filesystem::path& root, const Blobs& blobs, std::size_t capacity,
              std::chrono::seconds settled = kSettled);

  /// The digest of `shards` taken as one thing. Blocks for as long as reading them takes when they are new here.
  /// `version` as from version_of, taken before.
  Result<std::string> of(const std::vector<std::filesystem::path>& shards, const std::string& version);

 private:
  std::filesystem::path folder_;
  const Blobs& blobs_;
  RecentMap<std::string> recent_;  // by version
  const std::chrono::seconds settled_;
};

struct FileVersion {
  std::string text;  // differs when the files do
  std::uint64_t bytes = 0;
  WallClock::time_point modified;  // the newest
};
Result<FileVersion> version_of(const std::vector<std::filesystem::path>& files);

/// One digest for all weights: shards count as one thing.
std::string joint_digest(const std::vector<std::string>& digests);

}  // namespace hearth::models
