// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/base/error.hpp"

namespace hearth::inference {

/// The protocols of chats that clients and servers share.
enum class Wire : std::uint8_t { none, openai, anthropic, gemini, ollama };

/// A chat as its client wrote it, for servers that speak the client's own protocol: they get these bytes, with another
/// model's name, and not a translation of what Hearth understood. Immutable and shared; valid JSON, an object in which
/// no name that Hearth read comes twice.
struct Verbatim {
  Wire wire = Wire::none;
  std::shared_ptr<const std::string> body;
  std::vector<std::pair<std::string, std::string>> headers;  // that belong to the protocol: anthropic-beta
  /// The first thing in it that nobody but such a server can do: to everyone else the request is this error.
  /// `unsupported` for what Hearth knows, invalid_request for a field that it has never heard of.
  std::optional<Error> beyond;
};
using VerbatimPtr = std::shared_ptr<const Verbatim>;

}  // namespace hearth::inference
