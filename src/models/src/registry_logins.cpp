// SPDX-License-Identifier: Apache-2.0
#include "registry_logins.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace hearth::models {
namespace {

constexpr std::uintmax_t kBytesMax = 1U << 20;

// Keys are hosts, or URLs as the first of these programs wrote them.
std::string host_of(std::string key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.erase(0, scheme.size());
  }
  key.erase(std::min(key.find('/'), key.size()));
  return key == "index.docker.io" ? "registry-1.docker.io" : key;
}

bool is_base64(const std::string& text) {
  return !text.empty() && text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
                              std::string::npos;
}

}  // namespace

Result<RegistryLogins> RegistryLogins::load(const std::filesystem::path& file) {
  RegistryLogins logins;
  std::error_code missing;
  const auto size = std::filesystem::file_size(file, missing);
  if (missing) return logins;
  std::ifstream in{file, std::ios::binary};
  const auto json =
      size > kBytesMax ? nlohmann::json{} : nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return fail(ErrorCode::corrupt_data, fmt::format("{} is not a JSON object with logins", file.string()));
  }
  const auto auths = json.find("auths");
  if (auths == json.end() || !auths->is_object()) return logins;
  for (const auto& [key, entry] : auths->items()) {
    // No "auth": the password is with a credential helper.
    if (!entry.is_object() || !entry.contains("auth") || !entry["auth"].is_string()) continue;
    const auto text = entry["auth"].get<std::string>();
    if (is_base64(text)) logins.basic_[host_of(key)] = Secret{"Basic " + text};
  }
  return logins;
}

std::optional<Secret> RegistryLogins::find(std::string_view host) const {
  const auto found = basic_.find(host);
  return found == basic_.end() ? std::nullopt : std::optional{found->second};
}

}  // namespace hearth::models
