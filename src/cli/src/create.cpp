// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "command.hpp"
#include "hearth/app/store_session.hpp"
#include "hearth/models/modelfile.hpp"
#include "progress_bar.hpp"

namespace hearth::cli {
namespace {

struct CreateOptions {
  std::string name;
  std::filesystem::path file = "Modelfile";
  std::string quantize;
};

models::OnProgress printer() {
  auto shared = std::make_shared<ProgressPrinter>();
  return [shared](const models::Progress& progress) { (*shared)(progress); };
}

Result<> create(const Globals& globals, const CreateOptions& options) {
  std::ifstream in{options.file};
  if (!in) {
    return fail(ErrorCode::not_found,
                fmt::format("cannot read {}; write one that begins with \"FROM model\", or name it with -f",
                            options.file.string()));
  }
  std::stringstream text;
  text << in.rdbuf();
  HEARTH_TRY(models::CreateRequest request,
             models::parse_modelfile(text.str(), std::filesystem::absolute(options.file).parent_path()));
  request.name = options.name;
  request.quantize = options.quantize;
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  return session->run(session->store().async_create(std::move(request), printer()));
}

struct ImportOptions {
  std::filesystem::path file;
  std::string name;
};

Result<> import(const Globals& globals, const ImportOptions& options) {
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  const std::string name = options.name.empty() ? options.file.stem().string() : options.name;
  HEARTH_TRY(const models::Model model, session->run(session->store().async_import(options.file, name, printer())));
  std::printf("%s\ntry: hearth run %s\n", model.name.c_str(), model.name.c_str());
  return {};
}

}  // namespace

void add_create(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("create", "Make a model from a Modelfile");
  auto options = std::make_shared<CreateOptions>();
  command->add_option("NAME", options->name, "Name of the new model")->required();
  command->add_option("-f,--file", options->file, "The Modelfile (default ./Modelfile)");
  command->add_option("-q,--quantize", options->quantize, "Quantize to this type, such as Q4_K_M");
  const auto chosen = [&globals, &action, options] {
    action = [&globals, options] { return create(globals, *options); };
  };
  command->callback(chosen);
}

void add_import(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("import", "Take a GGUF file on this machine into the store");
  auto options = std::make_shared<ImportOptions>();
  command->add_option("FILE", options->file, "The GGUF file; of a split model, any part")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--name", options->name, "Name of the model (default: the file's)");
  const auto chosen = [&globals, &action, options] {
    action = [&globals, options] { return import(globals, *options); };
  };
  command->callback(chosen);
}

}  // namespace hearth::cli
