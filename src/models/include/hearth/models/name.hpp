// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"

namespace hearth::models {

/// [scheme://][host/][namespace/]model[:tag] with Ollama's defaults: registry.ollama.ai / library / latest.
/// A parsed name is safe as a path: no part is empty, ".", ".." or holds a separator (see the grammar in name.cpp).
struct Name {
  std::string scheme;  // "https", or "http" when written so
  std::string host;
  std::string space;  // the namespace
  std::string model;
  std::string tag;

  /// invalid_request that says which part is wrong.
  static Result<Name> parse(std::string_view text);
  std::string full() const;                     // host/namespace/model:tag
  std::string display() const;                  // without the defaults: "llama3.2:1b" (the tag is always there)
  std::filesystem::path manifest_path() const;  // host/namespace/model/tag
  bool operator==(const Name&) const = default;
};

/// The 64 digits of "sha256:" and 64 lower-case hex digits; anything else is refused before it comes near a path.
Result<std::string> parse_digest(std::string_view text);

}  // namespace hearth::models
