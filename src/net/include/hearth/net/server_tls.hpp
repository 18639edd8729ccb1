// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "hearth/base/result.hpp"

namespace hearth::net {

/// Files in PEM.
struct TlsFiles {
  std::filesystem::path certificate;  // the server's, with those between it and the root
  std::filesystem::path key;
  std::filesystem::path
      client_ca;             // clients may show a certificate that one of these has signed; empty: none is asked for
  bool client_must = false;  // who shows none is not let in

  bool operator==(const TlsFiles&) const = default;
};

/// What a server shows its clients, replaced while it runs: connections that are open keep what they began with.
/// TLS 1.2 and 1.3, HTTP/1.1 only. Any thread.
class ServerTls {
 public:
  /// invalid_request names the file that cannot be read, is expired or does not fit its key.
  static Result<std::shared_ptr<ServerTls>> load(TlsFiles files);
  virtual ~ServerTls() = default;
  /// Reads the files again, if one of them has changed; on failure the old ones stay. True: there are new ones.
  /// Reads files: not on io threads.
  virtual Result<bool> refresh() = 0;
};

}  // namespace hearth::net
