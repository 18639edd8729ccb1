// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <vector>

#include "command.hpp"
#include "hearth/app/store_session.hpp"

namespace hearth::cli {
namespace {

Result<> copy(const Globals& globals, const std::string& from, const std::string& to) {
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  HEARTH_CHECKED(session->run(session->store().async_copy(from, to)));
  std::printf("copied %s to %s\n", from.c_str(), to.c_str());
  return {};
}

Result<> remove(const Globals& globals, const std::vector<std::string>& names) {
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  for (const std::string& name : names) {
    HEARTH_CHECKED(session->run(session->store().async_remove(name)));
    std::printf("removed %s\n", name.c_str());
  }
  return {};
}

}  // namespace

void add_cp(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("cp", "Give a model a second name");
  auto names = std::make_shared<std::pair<std::string, std::string>>();
  command->add_option("FROM", names->first)->required();
  command->add_option("TO", names->second)->required();
  const auto chosen = [&globals, &action, names] {
    action = [&globals, names] { return copy(globals, names->first, names->second); };
  };
  command->callback(chosen);
}

void add_rm(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("rm", "Remove models; data no other name uses goes too");
  auto names = std::make_shared<std::vector<std::string>>();
  command->add_option("MODEL", *names)->required();
  const auto chosen = [&globals, &action, names] { action = [&globals, names] { return remove(globals, *names); }; };
  command->callback(chosen);
}

}  // namespace hearth::cli
