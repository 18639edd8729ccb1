// SPDX-License-Identifier: Apache-2.0
#include "tls_socket.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <string_view>
#include <system_error>

namespace hearth::net {
namespace {

auto wrong(std::string_view what, const std::filesystem::path& file) {
  std::string why;
  if (const unsigned long code = ERR_get_error(); code != 0) {
    const char* reason = ERR_reason_error_string(code);
    why = fmt::format(": {}", reason != nullptr ? reason : "unknown reason");
  }
  ERR_clear_error();
  return fail(ErrorCode::invalid_request, fmt::format("tls: {} {}{}", what, file.string(), why), "tls");
}

/// HTTP/1.1 is all that is spoken here (RFC 7301).
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned size,
                    void*) {
  constexpr std::string_view kProtocol{"\x08http/1.1"};
  const auto* ours = reinterpret_cast<const unsigned char*>(kProtocol.data());
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, ours, kProtocol.size(), in, size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string uri_of(X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier));
    return {text, static_cast<std::size_t>(ASN1_STRING_length(name->d.uniformResourceIdentifier))};
  }
  return {};
}

std::string common_name_of(X509* certificate) {
  char name[256] = {};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  return size > 0 ? std::string{name, static_cast<std::size_t>(size)} : std::string{};
}

/// A name that a log line or a header can hold.
std::string printable(std::string name) {
  constexpr std::size_t kLongest = 256;
  const bool plain =
      name.size() <= kLongest && std::ranges::all_of(name, [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  return plain ? std::move(name) : std::string{};
}

}  // namespace

Result<std::shared_ptr<ServerTls>> ServerTls::load(TlsFiles files) {
  auto tls = std::make_shared<ServerTlsImpl>(std::move(files));
  HEARTH_CHECKED(tls->refresh());
  return std::shared_ptr<ServerTls>{std::move(tls)};
}

std::string ServerTlsImpl::stamp() const {
  std::string out;
  for (const auto& file : {files_.certificate, files_.key, files_.client_ca}) {
    std::error_code none;
    const auto time = std::filesystem::last_write_time(file, none);
    out += fmt::format("{} {};", none ? 0 : time.time_since_epoch().count(),
                       none ? 0 : std::filesystem::file_size(file, none));
  }
  return out;
}

Result<bool> ServerTlsImpl::refresh() {
  const std::string now = stamp();
  if (now == stamp_) return false;
  HEARTH_TRY(SslContextPtr context, read());
  context_.store(std::move(context));
  stamp_ = now;
  return true;
}

Result<SslContextPtr> ServerTlsImpl::read() const {
  ERR_clear_error();
  SslContextPtr context{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  SSL_CTX* ctx = context.get();
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(ctx, files_.certificate.c_str()) != 1) {
    return wrong("cannot use the certificate", files_.certificate);
  }
  if (X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx))) <= 0) {
    return wrong("the certificate has expired:", files_.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(ctx, files_.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return wrong("cannot use the key", files_.key);
  }
  if (SSL_CTX_check_private_key(ctx) != 1) return wrong("the certificate belongs to another key than", files_.key);
  if (files_.client_ca.empty()) return context;
  if (SSL_CTX_load_verify_locations(ctx, files_.client_ca.c_str(), nullptr) != 1) {
    return wrong("cannot use client_ca", files_.client_ca);
  }
  SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(files_.client_ca.c_str()));
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (files_.client_must ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  // A session that is resumed must be of this server, and is verified anew where its certificate counts.
  static constexpr unsigned char kSessions[] = "hearth";
  SSL_CTX_set_session_id_context(ctx, kSessions, sizeof kSessions - 1);
  return context;
}

TlsSocket::TlsSocket(SslContextPtr context, int socket) : context_{std::move(context)}, ssl_{SSL_new(context_.get())} {
  SSL_set_fd(ssl_.get(), socket);
  SSL_set_accept_state(ssl_.get());
}

TlsSocket::Io TlsSocket::outcome(int result) {
  if (result > 0) return Io::done;
  const int error = SSL_get_error(ssl_.get(), result);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_READ) return Io::want_read;
  return error == SSL_ERROR_WANT_WRITE ? Io::want_write : Io::closed;
}

TlsSocket::Io TlsSocket::handshake() {
  ERR_clear_error();
  return outcome(SSL_do_handshake(ssl_.get()));
}

TlsSocket::Io TlsSocket::read(char* data, std::size_t size, std::size_t& bytes) {
  ERR_clear_error();
  bytes = 0;
  return outcome(SSL_read_ex(ssl_.get(), data, size, &bytes));
}

TlsSocket::Io TlsSocket::write(const void* data, std::size_t size, std::size_t& bytes) {
  ERR_clear_error();
  bytes = 0;
  return outcome(SSL_write_ex(ssl_.get(), data, size, &bytes));
}

void TlsSocket::shutdown() {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::string TlsSocket::client_name() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  std::string uri = printable(uri_of(certificate));
  return uri.empty() ? printable(common_name_of(certificate)) : uri;
}

}  // namespace hearth::net
