// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/base/secret.hpp"

namespace hearth::models {

/// Logins at registries, as `docker login`, `podman login` and `oras login` keep them: the `auths` of a config.json,
/// base64 of "user:password" by host. Credential helpers are programs, and none is ever started. Immutable.
class RegistryLogins {
 public:
  /// corrupt_data if the file is not JSON of that shape; a file that is not there holds no login.
  static Result<RegistryLogins> load(const std::filesystem::path& file);

  /// The value of `Authorization` ("Basic …") for a host as URLs have it, with its port if that is not the scheme's.
  std::optional<Secret> find(std::string_view host) const;

 private:
  std::map<std::string, Secret, std::less<>> basic_;
};

}  // namespace hearth::models
