// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "hearth/app/store_session.hpp"
#include "hearth/base/text.hpp"
#include "hearth/models/modelfile.hpp"
#include "table.hpp"

namespace hearth::cli {
namespace {

struct ShowOptions {
  std::string name;
  bool json = false;
  bool modelfile = false;
  bool tmpl = false;
  bool system = false;
  bool parameters = false;
  bool license = false;
};

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : between) + part;
  return all;
}

std::string parameters_of(const models::Model& model) {
  std::string all;
  for (const auto& [name, value] : model.parameters) all += name + " " + value + "\n";
  return all;
}

void print_json(const models::Model& model) {
  nlohmann::ordered_json parameters = nlohmann::ordered_json::array();
  for (const auto& [name, value] : model.parameters) parameters.push_back({{"name", name}, {"value", value}});
  std::vector<std::string> files;
  for (const auto& path : model.weights) files.push_back(path.string());
  const nlohmann::ordered_json out{{"name", model.name},
                                   {"digest", model.digest},
                                   {"size", model.size},
                                   {"family", model.family},
                                   {"parameter_size", model.parameter_size},
                                   {"quantization", model.quantization},
                                   {"context_length", model.context_length},
                                   {"embedding_length", model.embedding_length},
                                   {"capabilities", model.capabilities},
                                   {"files", files},
                                   {"parent", model.parent},
                                   {"system", model.system},
                                   {"template", model.template_text},
                                   {"parameters", parameters},
                                   {"licenses", model.licenses}};
  std::printf("%s\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void print_summary(const models::Model& model) {
  std::fputs(format_table({{"name", model.name},
                           {"architecture", model.family},
                           {"parameters", model.parameter_size},
                           {"quantization", model.quantization},
                           {"context length", std::to_string(model.context_length)},
                           {"embedding length", std::to_string(model.embedding_length)},
                           {"size", text::human_bytes(model.size)},
                           {"capabilities", joined(model.capabilities, ", ")}})
                 .c_str(),
             stdout);
  if (!model.parameters.empty()) std::printf("\nParameters\n%s", parameters_of(model).c_str());
  if (!model.system.empty()) std::printf("\nSystem\n%s\n", model.system.c_str());
}

Result<> show(const Globals& globals, const ShowOptions& options) {
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  HEARTH_TRY(const models::Model model, session->run(session->store().async_find(options.name)));
  if (options.json) {
    print_json(model);
  } else if (options.modelfile) {
    std::fputs(models::print_modelfile(model).c_str(), stdout);
  } else if (options.tmpl) {
    std::printf("%s\n", model.template_text.c_str());
  } else if (options.system) {
    std::printf("%s\n", model.system.c_str());
  } else if (options.parameters) {
    std::fputs(parameters_of(model).c_str(), stdout);
  } else if (options.license) {
    std::printf("%s\n", joined(model.licenses, "\n\n").c_str());
  } else {
    print_summary(model);
  }
  return {};
}

}  // namespace

void add_show(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("show", "Show what a model is made of");
  auto options = std::make_shared<ShowOptions>();
  command->add_option("MODEL", options->name, "Name, or path of a GGUF file")->required();
  command->add_flag("--json", options->json, "Everything as JSON");
  command->add_flag("--modelfile", options->modelfile, "The Modelfile that would make it again");
  command->add_flag("--template", options->tmpl, "Its TEMPLATE");
  command->add_flag("--system", options->system, "Its SYSTEM text");
  command->add_flag("--parameters", options->parameters, "Its PARAMETERs");
  command->add_flag("--license", options->license, "Its licence");
  const auto chosen = [&globals, &action, options] {
    action = [&globals, options] { return show(globals, *options); };
  };
  command->callback(chosen);
}

}  // namespace hearth::cli
