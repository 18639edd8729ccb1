// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <chrono>
#include <string>
#include <thread>

#include "store_machine.hpp"

namespace hearth::models::testing {

/// Debian's docker-registry on a free loopback port, its storage in a temporary folder; killed when the test ends.
/// With `login` it serves nobody but the user "ada" with the password "lovelace".
class DockerRegistry {
 public:
  static constexpr const char* kBinary = "/usr/bin/docker-registry";
  static bool installed() { return fs::exists(kBinary); }

  explicit DockerRegistry(bool login = false) {
    const auto config = folder_.path() / "config.yml";
    port_ = free_port();
    std::string auth;
    if (login) {
      const auto passwords = folder_.path() / "htpasswd";
      write_text(passwords, "ada:$2b$05$abcdefghijklmnopqrstuuugyJgZetmHGvxwCJ1rpgM8bgT8KJ8.i\n");
      auth = "auth: {htpasswd: {realm: test, path: " + passwords.string() + "}}\n";
    }
    write_text(config,
               "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
               "storage: {filesystem: {rootdirectory: " +
                   (folder_.path() / "data").string() + "}, delete: {enabled: true}}\n" + auth +
                   "http: {addr: \"127.0.0.1:" + std::to_string(port_) + "\", secret: test}\n");
    std::string binary{kBinary};
    std::string serve{"serve"};
    std::string config_text = config.string();
    char* arguments[] = {binary.data(), serve.data(), config_text.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    EXPECT_EQ(posix_spawn(&process_, kBinary, &actions, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    EXPECT_TRUE(listens());
  }
  ~DockerRegistry() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  DockerRegistry(const DockerRegistry&) = delete;
  DockerRegistry& operator=(const DockerRegistry&) = delete;

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  /// Where the registry keeps a blob.
  fs::path blob(const std::string& hex) const {
    return folder_.path() / "data/docker/registry/v2/blobs/sha256" / hex.substr(0, 2) / hex / "data";
  }

 private:
  static std::uint16_t free_port() {
    asio::io_context io;
    asio::ip::tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    return acceptor.local_endpoint().port();
  }
  /// The registry says nothing when it is ready, so it is asked, for ten seconds at most.
  bool listens() const {
    for (int i = 0; i < 1'000; ++i) {
      asio::io_context io;
      asio::ip::tcp::socket socket{io};
      boost::system::error_code error;
      socket.connect({asio::ip::address_v4::loopback(), port_}, error);
      if (!error) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
  }

  TempFolder folder_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

}  // namespace hearth::models::testing
