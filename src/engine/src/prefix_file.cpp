// SPDX-License-Identifier: Apache-2.0
#include "prefix_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "hearth/base/checksum.hpp"

namespace hearth::engine {
namespace {

constexpr std::uint64_t kMagic = 0x3158464552504548;  // "HEPREFX1"
constexpr std::uint64_t kMostTokens = 1U << 24U;
constexpr std::uint64_t kMostSalt = 1U << 16U;

struct Fixed {
  std::uint64_t magic = kMagic;
  std::uint64_t key = 0;
  std::uint64_t tokens = 0;
  std::uint64_t salt = 0;
  std::uint64_t state = 0;
  std::uint64_t head_sum = 0;  // of tokens and salt
  std::uint64_t state_sum = 0;
};
static_assert(std::has_unique_object_representations_v<Fixed>);

std::string_view bytes_of(const std::vector<inference::TokenId>& tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(inference::TokenId)};
}
std::uint64_t head_sum(const PrefixHead& head) { return mixed(checksum(bytes_of(head.tokens))) ^ checksum(head.salt); }

bool read_into(std::ifstream& in, void* to, std::uint64_t bytes) {
  in.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  return static_cast<std::uint64_t>(in.gcount()) == bytes;
}

/// The file behind its head, standing at the state.
struct Opened {
  std::ifstream in;
  Fixed fixed;
  PrefixHead head;
};
std::optional<Opened> open_prefix(const std::filesystem::path& file, const std::string& key) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(file, error);
  Opened out{.in = std::ifstream{file, std::ios::binary}, .fixed = {}, .head = {}};
  if (error || !read_into(out.in, &out.fixed, sizeof out.fixed)) return std::nullopt;
  const Fixed& f = out.fixed;
  if (f.magic != kMagic || f.key != checksum(key) || f.tokens > kMostTokens || f.salt > kMostSalt) return std::nullopt;
  if (size != sizeof f + f.tokens * sizeof(inference::TokenId) + f.salt + f.state) return std::nullopt;
  out.head.tokens.resize(f.tokens);
  out.head.salt.resize(f.salt);
  out.head.state_bytes = f.state;
  if (!read_into(out.in, out.head.tokens.data(), bytes_of(out.head.tokens).size()) ||
      !read_into(out.in, out.head.salt.data(), f.salt) || head_sum(out.head) != f.head_sum) {
    return std::nullopt;
  }
  return out;
}

bool write_all(int fd, const void* from, std::size_t bytes) {
  const char* at = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t wrote = ::write(fd, at, bytes);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    at += wrote;
    bytes -= static_cast<std::size_t>(wrote);
  }
  return true;
}

}  // namespace

std::uint64_t sum_of(std::span<const std::uint8_t> bytes) noexcept {
  std::uint64_t sum = bytes.size();
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    sum = (sum ^ word) * 1099511628211ULL;
    sum ^= sum >> 29U;
  }
  for (const std::uint8_t byte : bytes) sum = (sum ^ byte) * 1099511628211ULL;
  return mixed(sum);
}

bool write_prefix(const std::filesystem::path& file, const std::string& key, const PrefixHead& head,
                  std::span<const std::uint8_t> state) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all, error);
  std::filesystem::path temp = file;
  temp += ".part";
  const int fd = ::open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return false;
  const Fixed fixed{.key = checksum(key),
                    .tokens = head.tokens.size(),
                    .salt = head.salt.size(),
                    .state = state.size(),
                    .head_sum = head_sum(head),
                    .state_sum = sum_of(state)};
  const bool whole = write_all(fd, &fixed, sizeof fixed) &&
                     write_all(fd, head.tokens.data(), bytes_of(head.tokens).size()) &&
                     write_all(fd, head.salt.data(), head.salt.size()) && write_all(fd, state.data(), state.size());
  ::close(fd);
  // No fsync: what a power cut leaves of it, its sums refuse.
  if (whole) std::filesystem::rename(temp, file, error);
  if (whole && !error) return true;
  std::filesystem::remove(temp, error);
  return false;
}

std::optional<PrefixHead> read_prefix_head(const std::filesystem::path& file, const std::string& key) {
  auto opened = open_prefix(file, key);
  if (!opened) return std::nullopt;
  return std::move(opened->head);
}

std::optional<std::vector<std::uint8_t>> read_prefix_state(const std::filesystem::path& file, const std::string& key) {
  auto opened = open_prefix(file, key);
  if (!opened) return std::nullopt;
  std::vector<std::uint8_t> state(opened->fixed.state);
  if (!read_into(opened->in, state.data(), state.size()) || sum_of(state) != opened->fixed.state_sum) {
    return std::nullopt;
  }
  return state;
}

}  // namespace hearth::engine
