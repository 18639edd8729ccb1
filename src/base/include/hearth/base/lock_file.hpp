// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace hearth {

/// Keeps other processes away from what the file stands for, for as long as it lives; the kernel lets go of it however
/// the process ends. The file itself stays. Advisory: flock(2).
class LockFile {
 public:
  /// Makes the file, readable by its owner only, where there is none. Does not wait.
  explicit LockFile(const std::filesystem::path& file);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  /// False: another process holds it, or the file cannot be made.
  bool held() const noexcept { return held_; }

 private:
  int descriptor_;
  bool held_ = false;
};

}  // namespace hearth
