// SPDX-License-Identifier: Apache-2.0
#include "head.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "chain.hpp"

namespace hearth::audit {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kSignatureBytes = 64;

struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyFree>;
struct ContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextFree>;
struct FileClose {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileClose>;

std::filesystem::path head_file(const std::filesystem::path& home) { return folder_of(home) / "head.json"; }

std::string signed_text(const Head& head) { return fmt::format("{} {} {}", head.seq, head.hash, head.at_ms); }

std::unexpected<Error> broken(const std::filesystem::path& file, std::string_view what) {
  return fail(ErrorCode::corrupt_data, fmt::format("{}: {}", file.string(), what));
}

File open_new(const std::filesystem::path& file, mode_t mode) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  return File{fd < 0 ? nullptr : ::fdopen(fd, "w")};
}

Result<Key> make_key(const std::filesystem::path& home) {
  Key key{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
  if (!key) return fail(ErrorCode::internal, "cannot make a key to sign the audit log with");
  const File secret = open_new(home / "audit.key", 0600);
  if (!secret || PEM_write_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return broken(home / "audit.key", "cannot be written");
  }
  std::error_code ignored;
  std::filesystem::remove(home / "audit.pub", ignored);
  const File known = open_new(home / "audit.pub", 0644);
  if (!known || PEM_write_PUBKEY(known.get(), key.get()) != 1) return broken(home / "audit.pub", "cannot be written");
  return key;
}

Result<Key> read_key(const std::filesystem::path& file, bool secret) {
  const File in{std::fopen(file.c_str(), "re")};
  if (!in) return broken(file, "cannot be read");
  Key key{secret ? PEM_read_PrivateKey(in.get(), nullptr, nullptr, nullptr)
                 : PEM_read_PUBKEY(in.get(), nullptr, nullptr, nullptr)};
  if (!key) return broken(file, "is no key");
  return key;
}

std::string to_hex(const std::array<unsigned char, kSignatureBytes>& bytes) {
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

std::optional<std::array<unsigned char, kSignatureBytes>> from_hex(const std::string& text) {
  std::array<unsigned char, kSignatureBytes> out{};
  if (text.size() != 2 * out.size() || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<unsigned char>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  }
  return out;
}

class SignerImpl final : public Signer {
 public:
  SignerImpl(std::filesystem::path home, Key key) : home_{std::move(home)}, key_{std::move(key)} {}

  Result<> write(const Head& head) override {
    const std::string text = signed_text(head);
    std::array<unsigned char, kSignatureBytes> signature{};
    std::size_t size = signature.size();
    const Context context{EVP_MD_CTX_new()};
    const auto* data = reinterpret_cast<const unsigned char*>(text.data());
    const bool done = EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
                      EVP_DigestSign(context.get(), signature.data(), &size, data, text.size()) == 1;
    if (!done) return fail(ErrorCode::internal, "the head of the audit log cannot be signed");
    const Json json{{"seq", head.seq}, {"hash", head.hash}, {"at_ms", head.at_ms}, {"signature", to_hex(signature)}};
    const std::filesystem::path file = head_file(home_);
    const std::filesystem::path next = file.string() + ".next";
    {
      std::ofstream out{next, std::ios::trunc};
      out << json.dump() << '\n';
      if (!out.flush()) return broken(next, "cannot be written");
    }
    std::error_code failed;
    std::filesystem::rename(next, file, failed);
    if (failed) return broken(file, failed.message());
    return {};
  }

 private:
  const std::filesystem::path home_;
  const Key key_;
};

}  // namespace

Result<std::unique_ptr<Signer>> Signer::open(const std::filesystem::path& home) {
  const bool there = std::filesystem::exists(home / "audit.key");
  auto key = there ? read_key(home / "audit.key", true) : make_key(home);
  if (!key) return fail(std::move(key).error());
  return std::make_unique<SignerImpl>(home, std::move(*key));
}

Result<std::optional<Head>> read_head(const std::filesystem::path& home) {
  const std::filesystem::path file = head_file(home);
  std::ifstream in{file};
  if (!in) return std::optional<Head>{};
  const Json json = Json::parse(in, nullptr, false);
  if (!json.is_object() || !json.contains("seq") || !json["seq"].is_number_unsigned() || !json.contains("hash") ||
      !json["hash"].is_string() || !json.contains("at_ms") || !json["at_ms"].is_number_integer() ||
      !json.contains("signature") || !json["signature"].is_string()) {
    return broken(file, "is no head");
  }
  Head head{.seq = json["seq"].get<std::uint64_t>(),
            .hash = json["hash"].get<std::string>(),
            .at_ms = json["at_ms"].get<std::int64_t>()};
  const auto signature = from_hex(json["signature"].get<std::string>());
  HEARTH_TRY(const Key key, read_key(home / "audit.pub", false));
  const std::string text = signed_text(head);
  const Context context{EVP_MD_CTX_new()};
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  const bool good = signature && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                    EVP_DigestVerify(context.get(), signature->data(), signature->size(), data, text.size()) == 1;
  if (!good) return broken(file, "was not signed with this home's key");
  return std::optional<Head>{std::move(head)};
}

}  // namespace hearth::audit
