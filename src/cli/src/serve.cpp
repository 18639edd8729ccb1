// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "command.hpp"
#include "hearth/app/app.hpp"
#include "hearth/app/sandbox.hpp"
#include "hearth/base/log.hpp"

namespace hearth::cli {
namespace {

struct ServeOptions {
  std::filesystem::path config;
  std::string listen;
};

/// The file, and what the command line overrides.
Result<app::Config> read_config(const Globals& globals, const ServeOptions& options) {
  app::Config config = globals.config();
  if (!options.config.empty()) {
    HEARTH_TRY(config, app::load_config(options.config, app::process_environment()));
  }
  if (!globals.home.empty()) config.home = std::filesystem::absolute(globals.home);
  if (!options.listen.empty()) HEARTH_CHECKED(app::set_listen(config, options.listen));
  return config;
}

/// A configuration that is broken now must not end a server that works.
void reload(app::App& server, const Globals& globals, const ServeOptions& options) {
  const Result<app::Config> config = read_config(globals, options);
  if (config && app::holds_keys(*config)) app::hide_memory();
  const Result<> done = config ? server.reload(*config) : fail(config.error());
  if (!done) log::error("reload: the old configuration stays", {{"reason", done.error().message}});
}

/// Before there is a second thread.
Result<> shut_in(const app::Config& config, const std::filesystem::path& file) {
  if (app::holds_keys(config)) app::hide_memory();
  if (!config.sandbox) return {};
  std::error_code error;
  std::filesystem::create_directories(config.home, error);
  if (error)
    return fail(ErrorCode::unavailable, fmt::format("cannot make {}: {}", config.home.string(), error.message()));
  HEARTH_TRY(const bool entered, app::enter(app::sandbox_of(config, file, app::process_environment())));
  if (!entered) log::info("no sandbox: this kernel has no Landlock");
  return {};
}

Result<> serve(const Globals& globals, const ServeOptions& options) {
  HEARTH_TRY(app::Config chosen, read_config(globals, options));
  log::init(chosen.log_level, chosen.log_format);
  HEARTH_CHECKED(shut_in(chosen, options.config));
  HEARTH_TRY(const std::unique_ptr<app::App> server, app::App::create(std::move(chosen)));
  server->start();
  std::printf("listening on %s\n", server->url().c_str());
  std::fflush(stdout);
  while (server->wait_for_signal() == app::App::Signal::reload) reload(*server, globals, options);
  server->stop();
  return {};
}

}  // namespace

void add_serve(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("serve", "Serve models over HTTP until interrupted");
  auto options = std::make_shared<ServeOptions>();
  command->add_option("--config", options->config, "Configuration file (YAML)")->check(CLI::ExistingFile);
  command->add_option("--listen", options->listen,
                      "ADDR:PORT to listen on (default 127.0.0.1:4327; port 0: any free one)");
  const auto chosen = [&globals, &action, options] {
    action = [&globals, options] { return serve(globals, *options); };
  };
  command->callback(chosen);
}

}  // namespace hearth::cli
