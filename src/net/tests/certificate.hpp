// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace hearth::net::test {

/// A self-signed certificate for "localhost", with its key, and in files.
struct Certificate {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  X509* x509 = X509_new();
  std::filesystem::path file =
      std::filesystem::path{testing::TempDir()} / ("hearth_net_ca_" + std::to_string(::getpid()) + ".pem");

  std::filesystem::path key_file = file.string() + ".key";

  /// `left`: seconds until it expires.
  explicit Certificate(long left = 3600) {
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x509), left);
    X509_set_pubkey(x509, key);
    X509_NAME* name = X509_get_subject_name(x509);
    const std::string common = "localhost";
    const auto* bytes = reinterpret_cast<const unsigned char*>(common.c_str());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, bytes, -1, -1, 0);
    X509_set_issuer_name(x509, name);
    X509_EXTENSION* alt = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(x509, alt, -1);
    X509_EXTENSION_free(alt);
    X509_sign(x509, key, EVP_sha256());
    FILE* out = std::fopen(file.c_str(), "w");
    PEM_write_X509(out, x509);
    std::fclose(out);
    out = std::fopen(key_file.c_str(), "w");
    PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
  }
  ~Certificate() {
    std::filesystem::remove(file);
    std::filesystem::remove(key_file);
    X509_free(x509);
    EVP_PKEY_free(key);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
};

}  // namespace hearth::net::test
