// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "api_client.hpp"
#include "command.hpp"
#include "hearth/app/store_session.hpp"
#include "hearth/base/text.hpp"
#include "hearth/base/version.hpp"
#include "hearth/engine/pressure.hpp"

namespace hearth::cli {
namespace {

struct Finding {
  const char* what;
  bool ok;
  std::string text;
};

Finding check_home(const app::Config& config) {
  std::error_code error;
  std::filesystem::create_directories(config.home, error);
  const auto probe = config.home / ".doctor";
  const bool writable = !error && static_cast<bool>(std::ofstream{probe} << "x");
  std::filesystem::remove(probe, error);
  return {"home", writable,
          writable ? config.home.string() : config.home.string() + " cannot be written; choose another with --home"};
}

Finding check_disk(const app::Config& config) {
  std::error_code error;
  const auto space = std::filesystem::space(config.home, error);
  const bool ok = !error && space.available > 2'000'000'000;
  return {"disk", ok,
          fmt::format("{} free{}", text::human_bytes(error ? 0 : space.available),
                      ok ? "" : "; most models need more than 2 GB")};
}

Finding check_memory() {
  const engine::MemorySample memory = engine::read_memory();
  const bool ok = engine::classify(memory, engine::Pressure::none) == engine::Pressure::none;
  return {"memory", ok,
          fmt::format("{} of {} available{}", text::human_bytes(memory.available), text::human_bytes(memory.total),
                      ok ? "" : "; models may be unloaded early")};
}

Finding check_models(const app::Config& config) {
  const auto session = app::StoreSession::open(config);
  if (!session) return {"models", false, session.error().message};
  const auto list = (*session)->run((*session)->store().async_list());
  if (!list) return {"models", false, list.error().message};
  return {"models", true,
          list->empty() ? "none yet; try: hearth pull llama3.2:1b" : fmt::format("{} in the store", list->size())};
}

Finding check_server(const Globals& globals) {
  auto client = ApiClient::at(globals);
  if (!client) return {"server", false, client.error().message};
  return {"server", true,
          client->reachable() ? "answers at " + client->url() : "not running (start it with: hearth serve)"};
}

Result<> doctor(const Globals& globals, bool json) {
  const app::Config config = globals.config();
  const Finding findings[] = {{"version", true, std::string{version()}},
                              {"cores", true, std::to_string(std::thread::hardware_concurrency())},
                              check_home(config),
                              check_disk(config),
                              check_memory(),
                              check_models(config),
                              check_server(globals)};
  bool healthy = true;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    healthy = healthy && finding.ok;
    if (json) {
      list.push_back({{"check", finding.what}, {"ok", finding.ok}, {"text", finding.text}});
    } else {
      std::printf("%s  %-8s %s\n", finding.ok ? "ok  " : "FAIL", finding.what, finding.text.c_str());
    }
  }
  if (json) std::printf("%s\n", list.dump(2).c_str());
  return healthy ? Result<>{} : fail(ErrorCode::internal, "something needs attention, see above");
}

}  // namespace

void add_doctor(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("doctor", "Check this machine and installation");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  const auto chosen = [&globals, &action, json] { action = [&globals, json] { return doctor(globals, *json); }; };
  command->callback(chosen);
}

}  // namespace hearth::cli
