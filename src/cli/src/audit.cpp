// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "hearth/audit/audit_log.hpp"

namespace hearth::cli {
namespace {

Result<> verify(const Globals& globals, bool json) {
  HEARTH_TRY(const audit::Verdict verdict, audit::verify(globals.config().home));
  if (json) {
    const nlohmann::json out{{"records", verdict.records},    {"first", verdict.first},
                             {"last", verdict.last},          {"pruned", verdict.pruned},
                             {"unsigned", verdict.unsigned_}, {"unfinished", verdict.unfinished}};
    std::printf("%s\n", out.dump().c_str());
    return {};
  }
  std::printf(
      "the chain is whole: %s\n",
      fmt::format("{} records, {} to {}{}{}{}", verdict.records, verdict.first, verdict.last,
                  verdict.pruned > 0 ? fmt::format("; {} before them were pruned by retention", verdict.pruned) : "",
                  verdict.unsigned_ > 0 ? fmt::format("; the last {} are not signed yet", verdict.unsigned_) : "",
                  verdict.unfinished ? "; a crash left an unfinished line at the end" : "")
          .c_str());
  return {};
}

Result<> print_line(std::string_view line) {
  if (std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fputc('\n', stdout) != EOF) return {};
  return fail(ErrorCode::cancelled, "the output was closed");
}

}  // namespace

void add_audit(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("audit", "Check and read the records of what was allowed to go where");
  command->require_subcommand(1);
  auto json = std::make_shared<bool>(false);
  CLI::App* verified = command->add_subcommand("verify", "Find what was changed, removed, moved, added or cut off");
  verified->add_flag("--json", *json, "As JSON");
  verified->callback([&globals, &action, json] { action = [&globals, json] { return verify(globals, *json); }; });
  CLI::App* exported = command->add_subcommand("export", "All records as JSON lines");
  exported->callback(
      [&globals, &action] { action = [&globals] { return audit::read(globals.config().home, print_line); }; });
}

}  // namespace hearth::cli
