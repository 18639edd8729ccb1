// SPDX-License-Identifier: Apache-2.0
// Constrained output judged against instances that are known to be valid or not: token by token, with a vocabulary
// alone.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <regex>

#include "command.hpp"
#include "hearth/app/store_session.hpp"
#include "hearth/base/text.hpp"
#include "hearth/engine/constraint.hpp"
#include "hearth/engine/output_mask.hpp"

namespace hearth::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ConstrainOptions {
  std::string model;
  std::string data;
  bool json = false;
};

Result<std::vector<std::string>> read_lines(const std::string& path) {
  const std::unique_ptr<gzFile_s, decltype(&gzclose)> file{gzopen(path.c_str(), "rb"), gzclose};  // plain files as well
  if (!file) return fail(ErrorCode::not_found, fmt::format("cannot open {}", path));
  std::string text;
  std::vector<char> buffer(1U << 16U);
  int read = 0;
  while ((read = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(read));
  }
  if (read < 0) return fail(ErrorCode::corrupt_data, fmt::format("{} cannot be unpacked", path));
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// As Python's json.dumps writes it, blanks behind commas and colons: what MaskBench feeds to its engines.
std::string spaced(const Json& value) {
  if (!value.is_structured()) return value.dump();
  std::string out = value.is_object() ? "{" : "[";
  for (const auto& [key, child] : value.items()) {
    if (out.size() > 1) out += ", ";
    if (value.is_object()) out += Json(key).dump() + ": ";
    out += spaced(child);
  }
  return out + (value.is_object() ? "}" : "]");
}

struct Tally {
  int schemas = 0;
  int passed = 0;
  int wrongly_accepted = 0;  // instances
  int wrongly_refused = 0;
  std::map<std::string, int> refused;                     // reason to schemas
  std::map<std::string, std::pair<int, int>> categories;  // passed, schemas
  std::vector<double> compile_ms;
  std::vector<double> mask_us;
};

double since(Clock::time_point start, double unit) {
  return std::chrono::duration<double>(Clock::now() - start).count() * unit;
}

/// Every token of the instance is in the mask before it, and the answer may end behind the last.
Result<bool> accepts(const engine::Model& model, engine::OutputMask& mask, const Json& instance,
                     std::vector<double>& times) {
  HEARTH_TRY(const auto tokens, model.tokenize(spaced(instance), false, false));
  mask.restart();
  for (const engine::TokenId token : tokens) {
    const auto start = Clock::now();
    const bool allowed = mask.allows(token);
    times.push_back(since(start, 1e6));
    if (!allowed) return false;
    mask.accept(token);
  }
  return mask.may_end();
}

/// The reason without what is particular to one schema (where in it, which names), so that like ones are counted
/// together.
std::string reason_of(const Error& error) {
  static const std::regex kPlace{R"( at #\S*)"};
  static const std::regex kPath{R"(#/\S+)"};
  static const std::regex kUnknown{R"re("[^"]*" (.*it is no keyword))re"};
  std::string out = std::regex_replace(error.message, kPlace, "");
  out = std::regex_replace(out, kPath, "#");
  out = std::regex_replace(out, kUnknown, "$1");
  return out.substr(0, text::complete_utf8_prefix(std::string_view{out}.substr(0, 160)));
}

/// MaskBench's files are called after the collection they come from: Github_easy---o1234, BFCL_java_18.
std::string category_of(const std::string& id) {
  static const std::regex kNumber{R"(---.*|_\d.*)"};
  return std::regex_replace(id, kNumber, "");
}

Result<> judge(const engine::Model& model, const Json& row, Tally& tally) {
  const std::string id = row.value("id", "");
  auto& [passed, schemas] = tally.categories[category_of(id)];
  ++tally.schemas;
  ++schemas;
  const auto start = Clock::now();
  const auto gbnf = engine::to_gbnf(
      {.kind = inference::Constraint::Kind::json_schema, .text = row.at("schema").dump(), .choices = {}});
  if (!gbnf) {
    ++tally.refused[reason_of(gbnf.error())];
    return {};
  }
  HEARTH_TRY(const auto mask, engine::OutputMask::create(model, *gbnf));
  tally.compile_ms.push_back(since(start, 1e3));
  bool right = true;
  for (const Json& test : row.at("tests")) {
    HEARTH_TRY(const bool accepted, accepts(model, *mask, test.at("data"), tally.mask_us));
    const bool valid = test.at("valid").get<bool>();
    right = right && accepted == valid;
    tally.wrongly_accepted += accepted && !valid ? 1 : 0;
    tally.wrongly_refused += !accepted && valid ? 1 : 0;
  }
  tally.passed += right ? 1 : 0;
  passed += right ? 1 : 0;
  return {};
}

double at(std::vector<double>& sorted, double quantile) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(quantile * static_cast<double>(sorted.size() - 1))];
}
double mean(const std::vector<double>& values) {
  return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Json report_of(Tally& tally) {
  std::ranges::sort(tally.compile_ms);
  std::ranges::sort(tally.mask_us);
  Json reasons = Json::object();
  int refused = 0;
  for (const auto& [reason, count] : tally.refused) {
    reasons[reason] = count;
    refused += count;
  }
  Json categories = Json::object();
  for (const auto& [name, counts] : tally.categories) {
    categories[name] = {{"schemas", counts.second}, {"passed", counts.first}};
  }
  return {{"schemas", tally.schemas},
          {"passed", tally.passed},
          {"refused", refused},
          {"refused_because", reasons},
          {"wrongly_accepted", tally.wrongly_accepted},
          {"wrongly_refused", tally.wrongly_refused},
          {"compile_ms_mean", mean(tally.compile_ms)},
          {"compile_ms_p50", at(tally.compile_ms, 0.5)},
          {"compile_ms_p99", at(tally.compile_ms, 0.99)},
          {"masks", tally.mask_us.size()},
          {"mask_us_mean", mean(tally.mask_us)},
          {"mask_us_p50", at(tally.mask_us, 0.5)},
          {"mask_us_p99", at(tally.mask_us, 0.99)},
          {"mask_us_max", at(tally.mask_us, 1)},
          {"categories", categories}};
}

void print(const Json& report) {
  const auto number = [&](const char* key) { return report[key].get<double>(); };
  std::fputs(fmt::format("{} schemas: {} with every instance judged right ({:.1f} %), {} refused; instances wrongly "
                         "accepted {}, wrongly refused {}\n",
                         report["schemas"].get<int>(), report["passed"].get<int>(),
                         100 * number("passed") / std::max(1.0, number("schemas")), report["refused"].get<int>(),
                         report["wrongly_accepted"].get<int>(), report["wrongly_refused"].get<int>())
                 .c_str(),
             stdout);
  std::fputs(
      fmt::format("compile, ms: mean {:.2f}, p50 {:.2f}, p99 {:.2f}\nmask, us, {} tokens: mean {:.1f}, p50 {:.1f}, "
                  "p99 {:.1f}, max {:.1f}\n",
                  number("compile_ms_mean"), number("compile_ms_p50"), number("compile_ms_p99"),
                  report["masks"].get<std::size_t>(), number("mask_us_mean"), number("mask_us_p50"),
                  number("mask_us_p99"), number("mask_us_max"))
          .c_str(),
      stdout);
  for (const auto& [name, counts] : report["categories"].items()) {
    std::printf("  %-30s %d of %d\n", name.c_str(), counts["passed"].get<int>(), counts["schemas"].get<int>());
  }
  for (const auto& [reason, count] : report["refused_because"].items()) {
    std::printf("  refused, %d: %s\n", count.get<int>(), reason.c_str());
  }
}

Result<> bench_constrain(const Globals& globals, const ConstrainOptions& options) {
  HEARTH_TRY(const auto lines, read_lines(options.data));
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  HEARTH_TRY(const models::Model found, session->run(session->store().async_find(options.model)));
  engine::LoadOptions load;
  load.weights = found.weights;
  load.vocabulary_only = true;
  HEARTH_TRY(const auto model, engine::Model::load(load));
  model->token_index();  // made once a model, not once a schema
  Tally tally;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Json row = Json::parse(lines[i], nullptr, false);
    if (!row.is_object() || !row.contains("schema") || !row.contains("tests")) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("{}, line {}: not {{id, schema, tests}}", options.data, i + 1));
    }
    HEARTH_CHECKED(judge(*model, row, tally));
  }
  const Json report = report_of(tally);
  if (options.json) {
    std::printf("%s\n", report.dump(2).c_str());
  } else {
    print(report);
  }
  return {};
}

}  // namespace

void add_bench_constrain(CLI::App& bench, const Globals& globals, Action& action) {
  CLI::App* command =
      bench.add_subcommand("constrain", "Judge JSON Schema constraints by instances, and time their masks");
  auto options = std::make_shared<ConstrainOptions>();
  command->add_option("--model", options->model, "Whose vocabulary: a name, or path of a GGUF file")->required();
  command->add_option("--data", options->data, "JSON lines of {id, schema, tests: [{valid, data}]}, also gzipped")
      ->required();
  command->add_flag("--json", options->json, "As JSON");
  const auto chosen = [&globals, &action, options] {
    action = [&globals, options] { return bench_constrain(globals, *options); };
  };
  command->callback(chosen);
}

}  // namespace hearth::cli
