// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "hearth/app/config.hpp"
#include "hearth/base/result.hpp"

namespace hearth::cli {

/// What every subcommand may be told.
struct Globals {
  std::filesystem::path home;  // empty: HEARTH_HOME or ~/.hearth
  std::string host;            // of a running server; empty: HEARTH_HOST or 127.0.0.1:4327

  /// The default configuration with the chosen home.
  app::Config config() const;
};

/// What the chosen subcommand does, after the whole line was understood.
using Action = std::function<Result<>()>;

/// Adds one subcommand; its callback puts its Action into `action`. One file a subcommand.
using AddCommand = void (*)(CLI::App& app, const Globals& globals, Action& action);

void add_serve(CLI::App& app, const Globals& globals, Action& action);
void add_run(CLI::App& app, const Globals& globals, Action& action);
void add_pull(CLI::App& app, const Globals& globals, Action& action);
void add_push(CLI::App& app, const Globals& globals, Action& action);
void add_list(CLI::App& app, const Globals& globals, Action& action);
void add_show(CLI::App& app, const Globals& globals, Action& action);
void add_ps(CLI::App& app, const Globals& globals, Action& action);
void add_audit(CLI::App& app, const Globals& globals, Action& action);
void add_keys(CLI::App& app, const Globals& globals, Action& action);
void add_privacy(CLI::App& app, const Globals& globals, Action& action);
void add_explain(CLI::App& app, const Globals& globals, Action& action);
void add_router(CLI::App& app, const Globals& globals, Action& action);
void add_stop(CLI::App& app, const Globals& globals, Action& action);
void add_create(CLI::App& app, const Globals& globals, Action& action);
void add_import(CLI::App& app, const Globals& globals, Action& action);
void add_cp(CLI::App& app, const Globals& globals, Action& action);
void add_rm(CLI::App& app, const Globals& globals, Action& action);
void add_estimate(CLI::App& app, const Globals& globals, Action& action);
void add_quantize(CLI::App& app, const Globals& globals, Action& action);
void add_bench(CLI::App& app, const Globals& globals, Action& action);
void add_bench_constrain(CLI::App& bench, const Globals& globals, Action& action);
void add_config(CLI::App& app, const Globals& globals, Action& action);
void add_doctor(CLI::App& app, const Globals& globals, Action& action);
void add_completion(CLI::App& app, const Globals& globals, Action& action);

}  // namespace hearth::cli
