// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "hearth/net/http.hpp"

namespace hearth::api {

/// "localhost", "*.localhost", 127.0.0.0/8, [::1]; with or without a port. `authority` as in Host or after a scheme.
bool is_loopback_authority(std::string_view authority) noexcept;

/// For a server on loopback: Host must be loopback (a name of the web that resolves to 127.0.0.1 is DNS rebinding), and
/// Origin, if there is one, loopback or a desktop scheme (app, file, tauri, vscode-webview), as Ollama allows.
Result<> check_origin(const net::Request& request);

/// CORS for loopback origins: the origin is reflected. No header at all for others.
void add_origin_headers(net::Headers& headers, const net::Request& request);

}  // namespace hearth::api
