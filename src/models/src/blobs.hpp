// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "sha256.hpp"

namespace hearth::models {

/// The folder of content-addressed files: blobs/sha256-<hex>. A file has that name only after its sha256 was verified
/// and its bytes are on disk. Unfinished files are `*-partial*` beside them, and whatever lies in spool/.
/// Stateless but for the path: any thread; every call blocks on files.
class Blobs {
 public:
  explicit Blobs(std::filesystem::path root);
  Result<> make_folders() const;

  std::filesystem::path path(std::string_view hex) const;
  bool has(std::string_view hex) const;
  /// Where a download named `key` (a digest, or something unique) is put together; see PartialFile.
  std::filesystem::path partial(std::string_view key) const;
  const std::filesystem::path& folder() const noexcept { return blobs_; }
  const std::filesystem::path& spool() const noexcept { return spool_; }
  /// A new name in spool().
  std::filesystem::path temporary() const;

  /// Names `file` after its digest, which the caller computed from its content.
  Result<> adopt(const std::filesystem::path& file, std::string_view hex) const;
  /// Hashes `file` first and refuses (invalid_request) if it is not `hex`. The file is gone afterwards either way.
  Result<> take(const std::filesystem::path& file, std::string_view hex) const;
  /// A blob of these bytes; its digest.
  Result<std::string> put(std::string_view bytes) const;
  /// A blob with the content of a file that stays where it is; its digest. not_found if it is no regular file.
  Result<std::string> put_file(const std::filesystem::path& file, const OnBytes& on_bytes) const;
  void remove(std::string_view hex) const noexcept;
  /// Deletes unfinished files that nobody holds and nobody has touched for `age`.
  void sweep_leftovers(std::chrono::seconds age) const;

 private:
  std::filesystem::path blobs_;
  std::filesystem::path spool_;
};

/// True if nobody has written, linked or renamed the file for `age`. (ctime: a linked file keeps an old mtime.)
bool untouched_for(const std::filesystem::path& file, std::chrono::seconds age);

}  // namespace hearth::models
