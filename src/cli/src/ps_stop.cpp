// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "api_client.hpp"
#include "command.hpp"
#include "hearth/base/text.hpp"
#include "table.hpp"

namespace hearth::cli {
namespace {

Result<> ps(const Globals& globals, bool json) {
  HEARTH_TRY(ApiClient client, ApiClient::at(globals));
  HEARTH_TRY(const std::string body, client.get("/api/ps"));
  if (json) {
    std::printf("%s\n", body.c_str());
    return {};
  }
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (!parsed.is_object()) return fail(ErrorCode::upstream_error, "the server's answer is not JSON");
  std::vector<std::vector<std::string>> rows{{"NAME", "ID", "SIZE", "CONTEXT", "UNTIL"}};
  for (const auto& model : parsed.value("models", nlohmann::json::array())) {
    rows.push_back({model.value("name", ""), short_digest(model.value("digest", "")),
                    text::human_bytes(model.value("size", std::uint64_t{0})),
                    std::to_string(model.value("context_length", 0)), model.value("expires_at", "")});
  }
  std::fputs(format_table(rows).c_str(), stdout);
  return {};
}

Result<> stop(const Globals& globals, const std::string& model) {
  HEARTH_TRY(ApiClient client, ApiClient::at(globals));
  const nlohmann::json request{{"model", model}, {"keep_alive", 0}, {"stream", false}};
  HEARTH_CHECKED(client.post("/api/generate", request.dump()));
  return {};
}

}  // namespace

void add_ps(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("ps", "List the models a running server has loaded");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  const auto chosen = [&globals, &action, json] { action = [&globals, json] { return ps(globals, *json); }; };
  command->callback(chosen);
}

void add_stop(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("stop", "Unload a model from a running server");
  auto model = std::make_shared<std::string>();
  command->add_option("MODEL", *model)->required();
  const auto chosen = [&globals, &action, model] { action = [&globals, model] { return stop(globals, *model); }; };
  command->callback(chosen);
}

}  // namespace hearth::cli
