// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "command.hpp"
#include "hearth/policy/policy.hpp"

namespace hearth::cli {
namespace {

Result<app::Config> load(const Globals& globals, const std::filesystem::path& file) {
  if (file.empty()) return globals.config();
  HEARTH_TRY(app::Config config, app::load_config(file, app::process_environment()));
  if (!globals.home.empty()) config.home = std::filesystem::absolute(globals.home);
  return config;
}

}  // namespace

void add_config(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("config", "Check or print a configuration");
  command->require_subcommand(1);
  auto file = std::make_shared<std::filesystem::path>();

  CLI::App* check = command->add_subcommand("check", "Find every mistake in a configuration file; start nothing");
  check->add_option("FILE", *file)->required();
  const auto on_check = [&globals, &action, file] {
    action = [&globals, file]() -> Result<> {
      HEARTH_TRY(const app::Config config, load(globals, *file));
      const auto& policy = config.routing.policy;
      std::string doubts;
      for (const policy::RuleMistake& mistake : policy::mistakes_of(policy)) {
        doubts += fmt::format("{}line {}: policy.rules[{}] {}", doubts.empty() ? "" : "\n",
                              policy.rules[mistake.rule].line, mistake.rule, mistake.why);
      }
      // Such a file can be served, and is: but somebody meant something else when they wrote it.
      if (!doubts.empty()) return fail(ErrorCode::invalid_request, std::move(doubts));
      std::printf("%s: ok, %zu model%s\n", file->string().c_str(), config.models.size(),
                  config.models.size() == 1 ? "" : "s");
      return {};
    };
  };
  check->callback(on_check);

  CLI::App* print = command->add_subcommand("print", "Print the whole configuration, defaults included");
  print->add_option("FILE", *file);
  const auto on_print = [&globals, &action, file] {
    action = [&globals, file]() -> Result<> {
      HEARTH_TRY(const app::Config config, load(globals, *file));
      std::fputs(app::print_config(config).c_str(), stdout);
      return {};
    };
  };
  print->callback(on_print);
}

}  // namespace hearth::cli
