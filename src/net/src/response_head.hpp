// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hearth/net/http.hpp"

namespace hearth::net {

/// How the body of an answer is delimited.
struct ResponseFraming {
  std::optional<std::uint64_t> content_length;  // none: chunked or until close
  bool chunked = false;
  bool keep_alive = true;
};

/// Status line and fields with the empty line. Framing fields (Content-Length, Transfer-Encoding, Connection) of
/// `headers` are left out, as the server decides them; CR, LF and NUL in a value become a space, so no caller can
/// split the answer. `date` is an IMF-fixdate.
std::string response_head(int status, const Headers& headers, const ResponseFraming& framing, std::string_view date);

/// 1xx, 204 and 304 have no body (RFC 9110, 6.4.1).
bool status_has_body(int status) noexcept;

/// The present second as IMF-fixdate (RFC 9110, 5.6.7). Any thread.
std::string http_date();

}  // namespace hearth::net
