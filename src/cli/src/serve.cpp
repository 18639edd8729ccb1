// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "command.hpp"
#include "hearth/app/app.hpp"

namespace hearth::cli {
namespace {

struct ServeOptions {
  std::filesystem::path config;
  std::string listen;
};

Result<> serve(const Globals& globals, const ServeOptions& options) {
  const app::Environment environment = app::process_environment();
  Result<app::Config> config =
      options.config.empty() ? Result<app::Config>{globals.config()} : app::load_config(options.config, environment);
  HEARTH_TRY(app::Config chosen, std::move(config));
  if (!globals.home.empty()) chosen.home = std::filesystem::absolute(globals.home);
  if (!options.listen.empty()) HEARTH_CHECKED(app::set_listen(chosen, options.listen));
  log::init(chosen.log_level, chosen.log_format);
  HEARTH_TRY(const std::unique_ptr<app::App> server, app::App::create(std::move(chosen)));
  server->start();
  std::printf("listening on %s\n", server->url().c_str());
  std::fflush(stdout);
  server->wait_for_signal();
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
