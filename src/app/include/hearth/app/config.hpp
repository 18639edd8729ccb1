// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hearth/app/routing_config.hpp"
#include "hearth/base/log.hpp"
#include "hearth/base/result.hpp"
#include "hearth/identity/token.hpp"
#include "hearth/net/server_tls.hpp"
#include "hearth/provider/local.hpp"

namespace hearth::app {

/// Everything that can be set. A default-constructed one is what a first start without a file uses.
struct Config {
  std::string address = "127.0.0.1";
  std::uint16_t port = 4327;
  std::filesystem::path home;  // models, history, keys
  /// none: whoever reaches the server is let in, which it must be on loopback for; keys: see identity; oidc: keys, and
  /// tokens of an issuer.
  enum class Auth : std::uint8_t { none, keys, oidc };
  Auth auth = Auth::none;
  identity::Issuer issuer;           // of auth oidc
  std::optional<net::TlsFiles> tls;  // none: plain HTTP
  std::vector<provider::ConfiguredModel> models;
  Routing routing;
  std::chrono::seconds keep_alive{300};
  std::uint64_t memory_budget = 0;             // bytes; 0: nine tenths of what is available at the start
  std::uint64_t prefix_memory = 256ULL << 20;  // bytes a model, of computed prefixes that lost their KV cells
  std::uint64_t prefix_disk = 0;               // the same in files under home: they hold what users wrote
  LogLevel log_level = LogLevel::info;
  log::Format log_format = log::Format::text;
  std::size_t max_connections = 4096;
  std::uint64_t max_body_bytes = 64ULL << 20;
  std::chrono::seconds shutdown_grace{10};
  bool sandbox = true;  // of `hearth serve`, where the kernel can
  bool audit = true;    // a durable record before content leaves the machine
  static constexpr std::chrono::hours kForEver{24 * 365 * 100};
  std::chrono::hours audit_keep{24 * 365};
  bool ledger = true;  // off for `hearth run`, which may run beside a server on the same home
  bool paths = false;  // model names may be paths: only where the client is this process's own user (hearth run)
};

/// The value of an environment variable, or nullopt.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

/// ~/.hearth, or HEARTH_HOME.
std::filesystem::path default_home(const Environment& environment);

/// Reads a configuration file's text. Relative paths are meant from `folder`. Every mistake is found in one go: the
/// error's message has one line each, with the line number, what is wrong and how to mend it.
Result<Config> parse_config(const std::string& yaml, const std::filesystem::path& folder,
                            const Environment& environment);
Result<Config> load_config(const std::filesystem::path& file, const Environment& environment);

/// "127.0.0.1:4327", "[::1]:4327", ":4327", "4327".
Result<> set_listen(Config& config, const std::string& listen);
bool is_loopback(const std::string& address);

/// The whole configuration as YAML, defaults included. Holds no secret.
std::string print_config(const Config& config);

}  // namespace hearth::app
