// SPDX-License-Identifier: Apache-2.0
#include "file_digests.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "file_io.hpp"

namespace hearth::models {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kEntryBytesMax = 1 << 20;  // 512 shards with long paths

/// An entry: the digest, a line feed, the version.
std::string digest_in(std::string_view entry, std::string_view version) {
  constexpr std::size_t kHex = 64;
  const bool matches = entry.size() > kHex && entry[kHex] == '\n' && entry.substr(kHex + 1) == version;
  return matches ? std::string{entry.substr(0, kHex)} : std::string{};
}

Result<std::string> hash(const std::vector<fs::path>& shards) {
  std::vector<std::string> digests;
  for (const auto& shard : shards) {
    HEARTH_TRY(auto hex, sha256_file(shard));
    digests.push_back(std::move(hex));
  }
  return joint_digest(digests);
}

}  // namespace

FileDigests::FileDigests(const fs::path& root, const Blobs& blobs, std::size_t capacity, std::chrono::seconds settled)
    : folder_{root / "digests"}, blobs_{blobs}, recent_{capacity}, settled_{settled} {}

Result<std::string> FileDigests::of(const std::vector<fs::path>& shards, const std::string& version) {
  if (auto known = recent_.find(version)) return *std::move(known);
  // Named after the first path, so that a file that is edited again and again has one entry.
  const auto entry = folder_ / sha256_hex(shards.front().string());
  const auto stored = read_file(entry, kEntryBytesMax);
  std::string digest = stored ? digest_in(*stored, version) : "";
  if (digest.empty()) {
    const bool settled = std::ranges::all_of(shards, [&](const auto& file) { return untouched_for(file, settled_); });
    HEARTH_TRY(digest, hash(shards));
    // Only saves time: where the folder cannot be written, the next start reads the file again.
    if (settled && make_folders(folder_)) {
      (void)write_file(entry, fmt::format("{}\n{}", digest, version), blobs_.temporary());
    }
  }
  recent_.insert(version, digest);
  return digest;
}

Result<FileVersion> version_of(const std::vector<fs::path>& files) {
  FileVersion out;
  for (const auto& file : files) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0) return fail(file_error("read", file));
    out.text += fmt::format("{} {} {} {} {}.{} {}.{}\n", file.string(), info.st_dev, info.st_ino, info.st_size,
                            info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
    out.bytes += static_cast<std::uint64_t>(info.st_size);
    out.modified = std::max(out.modified, WallClock::from_time_t(info.st_mtim.tv_sec));
  }
  return out;
}

std::string joint_digest(const std::vector<std::string>& digests) {
  return digests.size() == 1 ? digests.front() : sha256_hex(fmt::format("{}", fmt::join(digests, ",")));
}

}  // namespace hearth::models
