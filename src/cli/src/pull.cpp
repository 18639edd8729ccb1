// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "command.hpp"
#include "hearth/app/store_session.hpp"
#include "progress_bar.hpp"

namespace hearth::cli {
namespace {

struct TransferOptions {
  std::string name;
  bool insecure = false;
};

Result<> pull(const Globals& globals, const TransferOptions& options) {
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  auto printer = std::make_shared<ProgressPrinter>();
  const auto show = [printer](const models::Progress& progress) { (*printer)(progress); };
  return session->run(session->store().async_pull(options.name, options.insecure, show));
}

Result<> push(const Globals& globals, const TransferOptions& options) {
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  auto printer = std::make_shared<ProgressPrinter>();
  const auto show = [printer](const models::Progress& progress) { (*printer)(progress); };
  return session->run(session->store().async_push(options.name, options.insecure, show));
}

void add_transfer(CLI::App& app, Action& action, const Globals& globals, const char* name, const char* help,
                  Result<> (*transfer)(const Globals&, const TransferOptions&)) {
  CLI::App* command = app.add_subcommand(name, help);
  auto options = std::make_shared<TransferOptions>();
  command
      ->add_option("MODEL", options->name,
                   "llama3.2:1b, hf.co/user/repo:Q4_K_M, registry.example/ns/model:tag or a URL of a .gguf")
      ->required();
  command->add_flag("--insecure", options->insecure, "Allow http to any host; certificates are verified in any case");
  const auto chosen = [&globals, &action, options, transfer] {
    action = [&globals, options, transfer] { return transfer(globals, *options); };
  };
  command->callback(chosen);
}

}  // namespace

void add_pull(CLI::App& app, const Globals& globals, Action& action) {
  add_transfer(app, action, globals, "pull", "Download a model", pull);
}

void add_push(CLI::App& app, const Globals& globals, Action& action) {
  add_transfer(app, action, globals, "push", "Upload a model to a registry", push);
}

}  // namespace hearth::cli
