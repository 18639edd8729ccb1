// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "hearth/base/result.hpp"

namespace hearth::cli {

/// What every subcommand may be told.
struct Globals {
  std::filesystem::path home;  // empty: HEARTH_HOME or ~/.hearth
  bool json = false;           // listings as JSON
};

/// What the chosen subcommand does, after the whole line was understood.
using Action = std::function<Result<>()>;

/// Adds one subcommand; its callback puts its Action into `action`. One function a file.
using AddCommand = void (*)(CLI::App& app, const Globals& globals, Action& action);

void add_serve(CLI::App& app, const Globals& globals, Action& action);

}  // namespace hearth::cli
