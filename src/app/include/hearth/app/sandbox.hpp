// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "hearth/app/config.hpp"

/// What is left to somebody who makes the process do what a model file or a request says.
namespace hearth::app {

/// The parts of the file system that a server needs; nothing else can be opened, and nothing executed.
struct Sandbox {
  std::vector<std::filesystem::path> read;
  std::vector<std::filesystem::path> write;
};
/// The system's own folders, those of the files that the configuration names, the certificates and logins that the
/// environment names, and the home to write to.
Sandbox sandbox_of(const Config& config, const std::filesystem::path& config_file, const Environment& environment);

/// Landlock (Linux 5.13), for this thread and all that it starts later: call it while it is the only one. There is no
/// way back. False: this kernel has no Landlock. Paths that do not exist are left out.
Result<bool> enter(const Sandbox& sandbox);

/// No core file, and no other process of this user may look into this one: for a process that holds keys.
void hide_memory();
/// Keys of clients, or of servers elsewhere.
bool holds_keys(const Config& config);

}  // namespace hearth::app
