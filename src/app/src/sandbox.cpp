// SPDX-License-Identifier: Apache-2.0
#include "hearth/app/sandbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "hearth/app/store_session.hpp"

namespace hearth::app {
namespace {

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kChange = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                  LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM;
// Nobody is given these: no program is started, and no device, socket or pipe made.
constexpr std::uint64_t kNever = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                 LANDLOCK_ACCESS_FS_MAKE_BLOCK;
constexpr std::uint64_t kRefer = 1ULL << 13;     // renaming between folders, since version 2
constexpr std::uint64_t kTruncate = 1ULL << 14;  // since version 3; kernel headers of Debian 12 know neither

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_{fd} {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<> allow(const Descriptor& rules, const std::filesystem::path& path, std::uint64_t rights) {
  const Descriptor at{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (at.get() < 0) return {};  // it is not there, so there is nothing to open
  std::error_code none;
  constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
  if (!std::filesystem::is_directory(path, none)) rights &= kOfFiles;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = at.get();
  if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) return {};
  return fail(ErrorCode::internal, fmt::format("sandbox: cannot allow {}: {}", path.string(), std::strerror(errno)));
}

/// As it is named and as it is, where links lead elsewhere.
void add(std::vector<std::filesystem::path>& to, const std::filesystem::path& path) {
  if (path.empty()) return;
  to.push_back(path);
  std::error_code none;
  if (auto real = std::filesystem::canonical(path, none); !none && real != path) to.push_back(std::move(real));
}
void add_folder_of(std::vector<std::filesystem::path>& to, const std::filesystem::path& file) {
  if (file.empty()) return;
  std::error_code none;
  add(to, std::filesystem::absolute(file, none).parent_path());
  if (const auto real = std::filesystem::canonical(file, none); !none) add(to, real.parent_path());
}

}  // namespace

Sandbox sandbox_of(const Config& config, const std::filesystem::path& config_file, const Environment& environment) {
  Sandbox out;
  for (const char* system : {"/usr", "/lib", "/lib64", "/etc", "/opt", "/proc", "/sys", "/run/systemd/resolve"}) {
    add(out.read, system);
  }
  add_folder_of(out.read, config_file);
  for (const provider::ConfiguredModel& model : config.models) {
    if (model.source.starts_with('/')) add_folder_of(out.read, model.source);
    if (!model.options.draft.empty()) add_folder_of(out.read, model.options.draft);
    for (const engine::Adapter& adapter : model.options.adapters) add_folder_of(out.read, adapter.path);
  }
  if (config.tls) {
    for (const auto& file : {config.tls->certificate, config.tls->key, config.tls->client_ca})
      add_folder_of(out.read, file);
  }
  add_folder_of(out.read, config.issuer.ca_file);
  // These alone: their folders are often a user's home.
  for (const char* trusted : {"SSL_CERT_FILE", "SSL_CERT_DIR"}) add(out.read, environment(trusted).value_or(""));
  add(out.read, logins_file(environment));
  // What is named from the configuration's own folder, which a reload reads again.
  const auto named = [&](const std::string& file) {
    if (!file.empty() && !file.starts_with("${")) add_folder_of(out.read, config_file.parent_path() / file);
  };
  for (const RemoteProvider& provider : config.routing.providers) {
    add_folder_of(out.read, provider.options.ca_file);
    named(provider.key_reference);
  }
  for (const RouteConfig& route : config.routing.routes) named(route.quality_model);
  named(config.routing.privacy.names_file);
  for (const auto& own : {config.home, config.home / "models", config.home / "models" / "blobs"}) add(out.write, own);
  add(out.write, "/dev");  // null, urandom, GPUs
  return out;
}

Result<bool> enter(const Sandbox& sandbox) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  std::uint64_t change = kChange;
  if (version >= 2) change |= kRefer;
  if (version >= 3) change |= kTruncate;
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = kRead | change | kNever;
  const Descriptor rules{static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0))};
  if (rules.get() < 0) return fail(ErrorCode::internal, fmt::format("sandbox: {}", std::strerror(errno)));
  for (const auto& path : sandbox.read) HEARTH_CHECKED(allow(rules, path, kRead));
  for (const auto& path : sandbox.write) HEARTH_CHECKED(allow(rules, path, kRead | change));
  // Without this a program with more rights than ours could be started to get around it.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0) {
    return fail(ErrorCode::internal, fmt::format("sandbox: {}", std::strerror(errno)));
  }
  return true;
}

void hide_memory() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

bool holds_keys(const Config& config) {
  return config.auth != Config::Auth::none || config.tls ||
         std::ranges::any_of(config.routing.providers,
                             [](const RemoteProvider& provider) { return !provider.options.key.empty(); });
}

}  // namespace hearth::app
