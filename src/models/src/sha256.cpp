// SPDX-License-Identifier: Apache-2.0
#include "sha256.hpp"

#include <fcntl.h>
#include <openssl/evp.h>

#include <array>
#include <vector>

#include "file_io.hpp"
#include "hearth/base/check.hpp"

namespace hearth::models {
namespace {

constexpr std::size_t kReadBytes = 1U << 20;

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_{std::make_unique<State>()} {
  HEARTH_CHECK(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  HEARTH_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  HEARTH_CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), &length) == 1);
  std::string out;
  for (unsigned int i = 0; i < length; ++i) {
    out += kDigits[digest[i] >> 4];
    out += kDigits[digest[i] & 15];
  }
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

Result<std::string> sha256_file(const std::filesystem::path& path, const OnBytes& on_bytes) {
  HEARTH_TRY(const Fd fd, open_file(path, O_RDONLY));
  Sha256 hash;
  std::vector<char> buffer(kReadBytes);
  std::uint64_t total = 0;
  while (true) {
    HEARTH_TRY(const std::size_t n, read_some(fd, buffer, path));
    if (n == 0) return hash.hex();
    hash.update({buffer.data(), n});
    total += n;
    if (on_bytes) on_bytes(total);
  }
}

}  // namespace hearth::models
