// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "gguf_reader.hpp"

namespace hearth::models {
namespace {

constexpr unsigned kShardsMax = 1'000;

// pread and not mmap: a file that another program cuts short must be an error here, not a SIGBUS.
class FileSource : public ByteSource {
 public:
  FileSource(int fd, std::uint64_t bytes) : fd_{fd}, bytes_{bytes} {}
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override { ::close(fd_); }

  std::uint64_t size() const override { return bytes_; }
  Result<> read_at(std::uint64_t position, std::span<std::byte> out) override {
    while (!out.empty()) {
      const auto n = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(position));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0)
        return fail(ErrorCode::corrupt_data,
                    fmt::format("cannot be read at byte {}: {}", position, std::strerror(errno)));
      if (n == 0)
        return fail(ErrorCode::corrupt_data, fmt::format("became shorter while it was read, at byte {}", position));
      position += static_cast<std::uint64_t>(n);
      out = out.subspan(static_cast<std::size_t>(n));
    }
    return {};
  }

 private:
  int fd_;
  std::uint64_t bytes_;
};

std::unexpected<Error> unreadable(const std::filesystem::path& path, int error) {
  return fail(error == ENOENT ? ErrorCode::not_found : ErrorCode::invalid_request,
              fmt::format("{}: {}", path.string(), std::strerror(error)));
}

struct ShardName {
  std::string prefix;
  unsigned number = 0;  // from 1
  unsigned count = 0;
};

// "prefix-00002-of-00003.gguf"
std::optional<ShardName> parse_shard_name(const std::string& file) {
  constexpr std::string_view kEnd = ".gguf";
  constexpr std::size_t kTail = std::string_view{"-00001-of-00003.gguf"}.size();
  if (file.size() <= kTail || !file.ends_with(kEnd)) return std::nullopt;
  const std::string_view tail = std::string_view{file}.substr(file.size() - kTail);
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-") return std::nullopt;
  ShardName out{file.substr(0, file.size() - kTail), 0, 0};
  for (const auto& [from, target] : {std::pair{std::size_t{1}, &out.number}, std::pair{std::size_t{10}, &out.count}}) {
    const char* begin = tail.data() + from;
    const auto [end, error] = std::from_chars(begin, begin + 5, *target);
    if (error != std::errc{} || end != begin + 5) return std::nullopt;
  }
  return out.number == 0 || out.number > out.count ? std::nullopt : std::optional{out};
}

Result<> check_shard(const GgufInfo& info, std::size_t index, std::size_t count) {
  const auto number = info.integer("split.no");
  const auto claimed = info.integer("split.count");
  // libllama reads split.no of the later shards without looking at its type, and aborts if it is another
  const GgufValue* raw = info.find("split.no");
  if (!number || !claimed || raw->type != GgufType::u16 || info.find("split.count")->type != GgufType::u16) {
    return gguf::corrupt(fmt::format("shard {} of {}: split.no and split.count (u16) are missing", index + 1, count));
  }
  if (*number != static_cast<std::int64_t>(index) || *claimed != static_cast<std::int64_t>(count)) {
    return gguf::corrupt(
        fmt::format("shard {} of {} says that it is shard {} of {}", index + 1, count, *number + 1, *claimed));
  }
  return {};
}

}  // namespace

Result<GgufInfo> read_gguf(const std::filesystem::path& path, const GgufLimits& limits) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unreadable(path, errno);
  struct stat status{};
  const bool known = ::fstat(fd, &status) == 0;
  FileSource source{fd, known ? static_cast<std::uint64_t>(status.st_size) : 0};
  if (!known) return unreadable(path, errno);
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::invalid_request, fmt::format("{}: not a regular file", path.string()));
  }
  auto info = parse_gguf(source, limits);
  if (!info) {
    Error error = std::move(info).error();
    error.message = fmt::format("{}: {}", path.string(), error.message);
    return fail(std::move(error));
  }
  return info;
}

Result<std::vector<std::filesystem::path>> shard_paths(const std::filesystem::path& path) {
  const auto shard = parse_shard_name(path.filename().string());
  if (!shard) return std::vector{path};
  if (shard->count > kShardsMax) {
    return fail(ErrorCode::invalid_request,
                fmt::format("{}: {} shards, at most {} are allowed", path.string(), shard->count, kShardsMax));
  }
  std::vector<std::filesystem::path> paths;
  for (unsigned i = 1; i <= shard->count; ++i) {
    auto one = path.parent_path() / fmt::format("{}-{:05}-of-{:05}.gguf", shard->prefix, i, shard->count);
    std::error_code error;
    if (!std::filesystem::exists(one, error)) {
      return fail(ErrorCode::not_found, fmt::format("{}: shard {} of {} is missing; put it beside the others",
                                                    one.string(), i, shard->count));
    }
    paths.push_back(std::move(one));
  }
  return paths;
}

Result<GgufInfo> merge_shards(std::vector<GgufInfo> shards) {
  if (shards.empty()) return fail(ErrorCode::invalid_request, "a model needs at least one GGUF file");
  const std::size_t count = shards.size();
  if (count == 1 && shards.front().split_count() > 1) {
    return fail(
        ErrorCode::corrupt_data,
        fmt::format("this file is one of {} shards; give the first, named like model-00001-of-{:05}.gguf, with the "
                    "others beside it",
                    shards.front().split_count(), shards.front().split_count()));
  }
  std::unordered_set<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    if (count > 1) HEARTH_CHECKED(check_shard(shards[i], i, count));
    for (const auto& t : shards[i].tensors) {
      if (!names.insert(t.name).second) {
        return gguf::corrupt(fmt::format("tensor '{}' is in two shards", gguf::shown(t.name)));
      }
    }
  }
  GgufInfo whole = std::move(shards.front());
  for (std::size_t i = 1; i < count; ++i) {
    whole.file_bytes += shards[i].file_bytes;
    whole.alignment = std::min(whole.alignment, shards[i].alignment);
    for (auto& t : shards[i].tensors) whole.tensors.push_back(std::move(t));
  }
  const auto claimed = whole.integer("split.tensors.count");
  if (count > 1 && (!claimed || *claimed != static_cast<std::int64_t>(whole.tensors.size()))) {
    return gguf::corrupt(fmt::format("split.tensors.count is {}, but the {} shards hold {} tensors",
                                     claimed.value_or(0), count, whole.tensors.size()));
  }
  return whole;
}

Result<GgufInfo> read_model(const std::filesystem::path& path, const GgufLimits& limits) {
  HEARTH_TRY(const auto paths, shard_paths(path));
  std::vector<GgufInfo> shards;
  for (const auto& one : paths) {
    HEARTH_TRY(auto info, read_gguf(one, limits));
    shards.push_back(std::move(info));
  }
  auto whole = merge_shards(std::move(shards));
  if (whole) {
    if (auto fits = check_model(*whole); !fits) whole = fail(std::move(fits).error());
  }
  if (whole) return whole;
  Error error = std::move(whole).error();
  error.message = fmt::format("{}: {}", path.string(), error.message);
  return fail(std::move(error));
}

}  // namespace hearth::models
