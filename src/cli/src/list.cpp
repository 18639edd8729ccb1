// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "hearth/app/store_session.hpp"
#include "hearth/base/text.hpp"
#include "table.hpp"

namespace hearth::cli {
namespace {

double age_seconds(WallClock::time_point when) {
  return std::chrono::duration<double>(WallClock::now() - when).count();
}

void print_json(const std::vector<models::Model>& models) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const models::Model& model : models) {
    list.push_back(
        {{"name", model.name},
         {"digest", model.digest},
         {"size", model.size},
         {"family", model.family},
         {"parameter_size", model.parameter_size},
         {"quantization", model.quantization},
         {"context_length", model.context_length},
         {"capabilities", model.capabilities},
         {"modified", std::chrono::duration_cast<std::chrono::seconds>(model.modified.time_since_epoch()).count()}});
  }
  std::printf("%s\n", list.dump(2).c_str());
}

Result<> list(const Globals& globals, bool json) {
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  HEARTH_TRY(const std::vector<models::Model> models, session->run(session->store().async_list()));
  if (json) {
    print_json(models);
    return {};
  }
  std::vector<std::vector<std::string>> rows{{"NAME", "ID", "SIZE", "PARAMETERS", "QUANTIZATION", "MODIFIED"}};
  for (const models::Model& model : models) {
    rows.push_back({model.name, short_digest(model.digest), text::human_bytes(model.size), model.parameter_size,
                    model.quantization, human_age(age_seconds(model.modified))});
  }
  std::fputs(format_table(rows).c_str(), stdout);
  if (models.empty()) std::fputs("No models yet. Get one with: hearth pull llama3.2:1b\n", stderr);
  return {};
}

}  // namespace

void add_list(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("list", "List the models on this machine")->alias("ls");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  const auto chosen = [&globals, &action, json] { action = [&globals, json] { return list(globals, *json); }; };
  command->callback(chosen);
}

}  // namespace hearth::cli
