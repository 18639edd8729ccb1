// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "hearth/net/server_tls.hpp"

namespace hearth::net {

using SslContextPtr = std::shared_ptr<SSL_CTX>;

class ServerTlsImpl final : public ServerTls {
 public:
  explicit ServerTlsImpl(TlsFiles files) : files_{std::move(files)} {}
  Result<bool> refresh() override;
  /// For the next connection.
  SslContextPtr context() const { return context_.load(); }

 private:
  Result<SslContextPtr> read() const;
  std::string stamp() const;

  TlsFiles files_;
  std::string stamp_;  // of the files that were read
  std::atomic<SslContextPtr> context_;
};

/// The server's side of TLS over a socket that does not block: each call does what can be done now. The socket is the
/// caller's and outlives it.
class TlsSocket {
 public:
  enum class Io : std::uint8_t { done, want_read, want_write, closed };

  TlsSocket(SslContextPtr context, int socket);

  Io handshake();
  Io read(char* data, std::size_t size, std::size_t& bytes);
  Io write(const void* data, std::size_t size, std::size_t& bytes);
  /// Bytes of a record that were decrypted and not read yet: the socket says nothing of them.
  std::size_t pending() const { return static_cast<std::size_t>(SSL_pending(ssl_.get())); }
  /// Says goodbye, without waiting for an answer.
  void shutdown();
  /// After the handshake: the URI of the client's certificate (RFC 5280 section 4.2.1.6), else its common name; empty
  /// when it showed none. It was verified.
  std::string client_name() const;

 private:
  Io outcome(int result);
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  SslContextPtr context_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace hearth::net
