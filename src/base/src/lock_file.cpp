// SPDX-License-Identifier: Apache-2.0
#include "hearth/base/lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace hearth {

LockFile::LockFile(const std::filesystem::path& file)
    : descriptor_{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)} {
  held_ = descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
}

LockFile::~LockFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace hearth
