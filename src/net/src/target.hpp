// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "fault.hpp"

namespace hearth::net {

struct Target {
  std::string path;                          // decoded
  std::map<std::string, std::string> query;  // decoded, "+" is a space; of a repeated name the first counts
};

/// Judges and takes apart a request target (RFC 9112, 3.2). Accepted: origin-form; absolute-form whose authority equals
/// `host`; "*" for OPTIONS. Refused: fragments, control characters, a broken percent escape, an escaped NUL, "." and
/// ".." segments also when escaped. Raw bytes from 0x80 on are taken as they are: they carry no framing.
std::expected<Target, Fault> parse_target(std::string_view target, std::string_view method, std::string_view host);

}  // namespace hearth::net
