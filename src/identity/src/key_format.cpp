// SPDX-License-Identifier: Apache-2.0
#include "key_format.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "hearth/base/check.hpp"

namespace hearth::identity {
namespace {

constexpr std::string_view kPrefix = "hth-";
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648, lower case
constexpr std::size_t kPepperBytes = 32;

bool is_base32(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return kAlphabet.find(c) != std::string_view::npos; });
}

/// HMAC with a key that seldom changes: OpenSSL spends more on finding the algorithm and on the key than on the text.
class Mac {
 public:
  Mac() = default;
  Mac(const Mac&) = delete;
  Mac& operator=(const Mac&) = delete;
  ~Mac() { EVP_MAC_CTX_free(context_); }

  KeyHash of(const Secret& pepper, std::string_view text) {
    if (context_ == nullptr || !(pepper == pepper_)) set(pepper);
    KeyHash out{};
    std::size_t size = 0;
    const auto* data = reinterpret_cast<const unsigned char*>(text.data());
    const bool done = EVP_MAC_init(context_, nullptr, 0, nullptr) == 1 &&
                      EVP_MAC_update(context_, data, text.size()) == 1 &&
                      EVP_MAC_final(context_, out.data(), &size, out.size()) == 1;
    HEARTH_CHECK(done && size == out.size());  // it has no other input that could fail
    return out;
  }

 private:
  void set(const Secret& pepper) {
    EVP_MAC_CTX_free(context_);
    EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
    context_ = EVP_MAC_CTX_new(algorithm);
    EVP_MAC_free(algorithm);
    std::string digest = "SHA256";
    const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                                OSSL_PARAM_construct_end()};
    pepper_ = pepper;
    const std::string& bytes = pepper_.reveal();
    const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
    HEARTH_CHECK(EVP_MAC_init(context_, data, bytes.size(), parameters.data()) == 1);
  }

  Secret pepper_;
  EVP_MAC_CTX* context_ = nullptr;
};

}  // namespace

Result<std::string> random_base32(std::size_t characters) {
  std::vector<unsigned char> bytes(characters);
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return fail(ErrorCode::internal, "the system gives no random bytes");
  }
  std::string out;
  for (const unsigned char byte : bytes) out += kAlphabet[byte % kAlphabet.size()];  // 256 is a multiple of 32
  return out;
}

std::string key_of(std::string_view id, std::string_view secret) { return fmt::format("{}{}-{}", kPrefix, id, secret); }

std::optional<std::string_view> id_of(std::string_view key) {
  if (key.size() != kPrefix.size() + kIdSize + 1 + kSecretSize || !key.starts_with(kPrefix)) return std::nullopt;
  key.remove_prefix(kPrefix.size());
  const std::string_view id = key.substr(0, kIdSize);
  if (key[kIdSize] != '-' || !is_base32(id) || !is_base32(key.substr(kIdSize + 1))) return std::nullopt;
  return id;
}

KeyHash hash_of(const Secret& pepper, std::string_view key) {
  thread_local Mac mac;
  return mac.of(pepper, key);
}

bool same(const KeyHash& a, const KeyHash& b) { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

std::string to_hex(const KeyHash& hash) {
  std::string out;
  for (const std::uint8_t byte : hash) out += fmt::format("{:02x}", byte);
  return out;
}

std::optional<KeyHash> from_hex(std::string_view text) {
  KeyHash out{};
  if (text.size() != 2 * out.size()) return std::nullopt;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return out;
}

Result<Secret> pepper_of(const std::filesystem::path& home, bool may_make) {
  const std::filesystem::path file = home / "keys.secret";
  if (may_make) {
    // Only the first of two processes makes it: O_EXCL.
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
      const Result<std::string> made = random_base32(2 * kPepperBytes);
      const bool written =
          made && ::write(fd, made->data(), made->size()) == static_cast<ssize_t>(made->size()) && ::fsync(fd) == 0;
      ::close(fd);
      if (!written) {
        std::filesystem::remove(file);
        return fail(ErrorCode::internal, fmt::format("cannot write {}", file.string()));
      }
    }
  }
  std::ifstream in{file, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (text.size() >= kPepperBytes) return Secret{std::move(text)};
  return fail(ErrorCode::corrupt_data,
              fmt::format("{} cannot be read or is too short; without it no key can be checked. Put it back from a "
                          "backup, or remove keys.db too and make new keys",
                          file.string()));
}

}  // namespace hearth::identity
