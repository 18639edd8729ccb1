// SPDX-License-Identifier: Apache-2.0
#include "hearth/cli/cli.hpp"

#include <cstdio>

#include "command.hpp"
#include "hearth/base/version.hpp"

namespace hearth::cli {
namespace {

constexpr AddCommand kCommands[] = {
    add_serve, add_run,      add_pull,     add_list,    add_show,   add_ps,     add_stop,       add_explain,
    add_keys,  add_audit,    add_router,   add_privacy, add_create, add_import, add_cp,         add_rm,
    add_push,  add_quantize, add_estimate, add_bench,   add_config, add_doctor, add_completion,
};

}  // namespace

app::Config Globals::config() const {
  app::Config config;
  config.home = home.empty() ? app::default_home(app::process_environment()) : std::filesystem::absolute(home);
  return config;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Hearth runs language models on this machine and serves them over the OpenAI, Anthropic and Ollama APIs.",
      "hearth"};
  app.set_version_flag("--version", std::string{version()});
  app.require_subcommand(1);
  app.fallthrough();
  Globals globals;
  Action action;
  app.add_option("--home", globals.home, "Folder for models and history (default ~/.hearth, or HEARTH_HOME)");
  app.add_option("--host", globals.host, "Running server to talk to (default 127.0.0.1:4327, or HEARTH_HOST)");
  for (const AddCommand add : kCommands) add(app, globals, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  log::init(LogLevel::warn, log::Format::text);  // a command prints its own words; serve asks for more
  const Result<> done = action();
  if (done) return 0;
  std::fprintf(stderr, "hearth: %s\n", done.error().message.c_str());
  return 1;
}

}  // namespace hearth::cli
