// SPDX-License-Identifier: Apache-2.0
// Each test enters the sandbox in a process of its own: there is no way out of one.
#include "hearth/app/sandbox.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>

namespace hearth::app {
namespace {

namespace fs = std::filesystem;

constexpr int kNoLandlock = 77;

struct SandboxTest : testing::Test {
  fs::path folder = fs::temp_directory_path() / ("hearth-sandbox-" + std::to_string(::getpid()));
  Sandbox sandbox{.read = {"/usr", "/lib", "/lib64", folder / "shown"}, .write = {folder / "home"}};

  SandboxTest() {
    for (const char* name : {"shown", "hidden", "home"}) fs::create_directories(folder / name);
    for (const char* name : {"shown/a", "hidden/a", "home/a"}) std::ofstream{folder / name} << "x";
  }
  ~SandboxTest() override { fs::remove_all(folder); }

  /// What `trial` returns in a process inside the sandbox.
  template <class Trial>
  int inside(Trial trial) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto entered = enter(sandbox);
      ::_exit(!entered ? 99 : *entered ? trial() : kNoLandlock);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

#define HEARTH_SKIP_WITHOUT_LANDLOCK(code) \
  if ((code) == kNoLandlock) GTEST_SKIP() << "this kernel has no Landlock"

TEST_F(SandboxTest, OpensWhatIsShownAndNothingElse) {
  const auto can_open = [&](const char* name, int flags) {
    return inside([&] { return ::open((folder / name).c_str(), flags | O_CREAT, 0600) >= 0 ? 1 : 0; });
  };
  HEARTH_SKIP_WITHOUT_LANDLOCK(can_open("shown/a", O_RDONLY));
  EXPECT_EQ(inside([&] { return ::open((folder / "shown/a").c_str(), O_RDONLY) >= 0 ? 1 : 0; }), 1);
  EXPECT_EQ(inside([&] { return ::open((folder / "hidden/a").c_str(), O_RDONLY) >= 0 ? 1 : 0; }), 0);
  EXPECT_EQ(can_open("shown/a", O_WRONLY), 0);
  EXPECT_EQ(can_open("shown/new", O_WRONLY), 0);
  EXPECT_EQ(can_open("home/new", O_WRONLY), 1);
  EXPECT_EQ(can_open("home/a", O_RDWR), 1);
}

TEST_F(SandboxTest, MovesWithinTheHome) {
  const int moved = inside([&] {
    fs::create_directory(folder / "home" / "deep");
    fs::rename(folder / "home" / "a", folder / "home" / "deep" / "b");
    return fs::exists(folder / "home" / "deep" / "b") ? 1 : 0;
  });
  HEARTH_SKIP_WITHOUT_LANDLOCK(moved);
  EXPECT_EQ(moved, 1);
}

TEST_F(SandboxTest, StartsNoProgram) {
  const int started = inside([] {
    ::execl("/usr/bin/true", "true", nullptr);
    return errno == EACCES ? 3 : 4;
  });
  HEARTH_SKIP_WITHOUT_LANDLOCK(started);
  EXPECT_EQ(started, 3);
}

TEST_F(SandboxTest, PathsThatAreNotThereAreLeftOut) {
  sandbox.read.push_back(folder / "nowhere");
  const int entered = inside([] { return 5; });
  HEARTH_SKIP_WITHOUT_LANDLOCK(entered);
  EXPECT_EQ(entered, 5);
}

TEST(HideMemory, LeavesNoCoreFile) {
  const pid_t child = ::fork();
  if (child == 0) {
    hide_memory();
    rlimit core{};
    ::getrlimit(RLIMIT_CORE, &core);
    ::_exit(core.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(SandboxOf, ShowsTheFoldersOfWhatIsConfigured) {
  Config config;
  config.home = "/home/hearth";
  config.models.push_back({.name = "m", .source = "/models/a/m.gguf"});
  config.tls = {.certificate = "/certs/c.pem", .key = "/keys/k.pem"};
  const std::map<std::string, std::string> variables{{"SSL_CERT_FILE", "/ours/ca.pem"}, {"HOME", "/home/ann"}};
  const auto environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional{at->second};
  };
  const Sandbox sandbox = sandbox_of(config, "/conf/hearth.yaml", environment);
  const auto has = [](const std::vector<fs::path>& paths, const char* path) {
    return std::ranges::find(paths, fs::path{path}) != paths.end();
  };
  for (const char* path :
       {"/models/a", "/certs", "/keys", "/conf", "/usr", "/ours/ca.pem", "/home/ann/.docker/config.json"})
    EXPECT_TRUE(has(sandbox.read, path)) << path;
  EXPECT_TRUE(has(sandbox.write, "/home/hearth"));
  for (const char* path : {"/", "/ours", "/home/ann", "/home/ann/.docker"})
    EXPECT_FALSE(has(sandbox.read, path)) << path;
  EXPECT_FALSE(has(sandbox.write, "/usr"));
}

}  // namespace
}  // namespace hearth::app
