// SPDX-License-Identifier: Apache-2.0
#include "hearth/cli/cli.hpp"

#include <cstdio>

#include "command.hpp"
#include "hearth/base/version.hpp"

namespace hearth::cli {
namespace {

constexpr AddCommand kCommands[] = {add_serve};

}  // namespace

int run(int argc, char** argv) {
  CLI::App app{"Hearth runs language models on this machine and serves them over the OpenAI, Anthropic and Ollama APIs."};
  app.set_version_flag("--version", std::string{version()});
  app.require_subcommand(1);
  app.fallthrough();
  Globals globals;
  Action action;
  app.add_option("--home", globals.home, "Folder for models and history (default ~/.hearth, or HEARTH_HOME)");
  for (const AddCommand add : kCommands) add(app, globals, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  const Result<> done = action();
  if (done) return 0;
  std::fprintf(stderr, "hearth: %s\n", done.error().message.c_str());
  return 1;
}

}  // namespace hearth::cli
