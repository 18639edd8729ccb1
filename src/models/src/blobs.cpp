// SPDX-License-Identifier: Apache-2.0
#include "blobs.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <system_error>

#include "file_io.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/base/id.hpp"
#include "hearth/base/log.hpp"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBlobPrefix = "sha256-";

}  // namespace

bool untouched_for(const fs::path& file, std::chrono::seconds age) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return false;
  return WallClock::now() - WallClock::from_time_t(info.st_ctim.tv_sec) >= age;
}

Blobs::Blobs(fs::path root) : blobs_{root / "blobs"}, spool_{root / "spool"} {}

Result<> Blobs::make_folders() const {
  HEARTH_CHECKED(models::make_folders(blobs_));
  return models::make_folders(spool_);
}

fs::path Blobs::path(std::string_view hex) const { return blobs_ / fmt::format("{}{}", kBlobPrefix, hex); }

bool Blobs::has(std::string_view hex) const {
  std::error_code error;
  return fs::is_regular_file(path(hex), error);
}

fs::path Blobs::partial(std::string_view key) const { return blobs_ / fmt::format("{}{}-partial", kBlobPrefix, key); }

fs::path Blobs::temporary() const { return spool_ / random_id("tmp-"); }

Result<> Blobs::adopt(const fs::path& file, std::string_view hex) const { return move_into_place(file, path(hex)); }

Result<> Blobs::take(const fs::path& file, std::string_view hex) const {
  const auto check_and_adopt = [&]() -> Result<> {
    HEARTH_TRY(const auto actual, sha256_file(file));
    if (actual != hex) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("digest mismatch: the content is sha256:{}, expected sha256:{}", actual, hex), "digest");
    }
    return adopt(file, hex);
  };
  auto taken = check_and_adopt();
  if (!taken) remove_quietly(file);
  return taken;
}

Result<std::string> Blobs::put(std::string_view bytes) const {
  auto hex = sha256_hex(bytes);
  if (!has(hex)) HEARTH_CHECKED(write_file(path(hex), bytes, temporary()));
  return hex;
}

Result<std::string> Blobs::put_file(const fs::path& file, const OnBytes& on_bytes) const {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    return fail(ErrorCode::not_found, fmt::format("{} is not a file", file.string()));
  }
  const auto temp = temporary();
  const auto link_and_adopt = [&]() -> Result<std::string> {
    // Linked or copied before it is hashed: what was hashed is what gets the name, even if `file` is replaced
    // meanwhile.
    HEARTH_CHECKED(link_or_copy(file, temp));
    HEARTH_TRY(auto hex, sha256_file(temp, on_bytes));
    if (has(hex)) {
      remove_quietly(temp);
      return hex;
    }
    HEARTH_CHECKED(adopt(temp, hex));
    return hex;
  };
  auto hex = link_and_adopt();
  if (!hex) remove_quietly(temp);
  return hex;
}

void Blobs::remove(std::string_view hex) const noexcept { remove_quietly(path(hex)); }

void Blobs::sweep_leftovers(std::chrono::seconds age) const {
  const auto sweep = [&](const fs::path& folder, auto is_leftover) {
    std::error_code error;
    for (fs::directory_iterator it{folder, error}, end; !error && it != end; it.increment(error)) {
      const auto& file = it->path();
      if (!is_leftover(file.filename().string()) || !untouched_for(file, age)) continue;
      // A download holds its partial file, and with it the state beside it.
      const auto held = file.extension() == ".state" ? fs::path{file}.replace_extension() : file;
      if (fs::exists(held, error)) {
        const auto lock = FileLock::try_acquire(held);
        if (!lock || !lock->held()) continue;
      }
      remove_quietly(file);
      log::info("unfinished file removed", {{"file", file.filename().string()}});
    }
  };
  sweep(blobs_, [](const std::string& name) { return name.find("-partial") != std::string::npos; });
  sweep(spool_, [](const std::string&) { return true; });
}

}  // namespace hearth::models
