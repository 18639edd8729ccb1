// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/estimate.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "hearth/app/store_session.hpp"
#include "hearth/base/text.hpp"
#include "hearth/engine/pool.hpp"
#include "hearth/engine/pressure.hpp"
#include "table.hpp"

namespace hearth::cli {
namespace {

struct EstimateOptions {
  std::string model;
  std::int32_t context = 0;
  std::int32_t parallel = 0;
  bool json = false;
};

/// The largest context (a multiple of 256, at most the trained one) whose prediction stays within `bytes`; 0: none.
Result<std::int32_t> largest_context(engine::LoadOptions options, std::int32_t trained, std::uint64_t bytes) {
  std::int32_t low = 0;
  std::int32_t high = std::max(1, trained / 256);
  options.cells = 0;
  while (low < high) {
    const std::int32_t middle = low + (high - low + 1) / 2;
    options.context = std::min(middle * 256, trained);
    options.cells = options.context * std::max(1, options.parallel);
    HEARTH_TRY(const engine::MemoryEstimate estimate, engine::estimate(options));
    if (estimate.total() <= bytes) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return std::min(low * 256, trained);
}

Result<> estimate(const Globals& globals, const EstimateOptions& options) {
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  HEARTH_TRY(const models::Model model, session->run(session->store().async_find(options.model)));
  engine::LoadOptions load;
  load.weights = model.weights;
  load.context = options.context;
  load.parallel = options.parallel;
  HEARTH_TRY(const engine::MemoryEstimate estimate, engine::estimate(load));
  const engine::MemorySample memory = engine::read_memory();
  const auto usable = static_cast<std::uint64_t>(static_cast<double>(memory.available) * engine::Pool::kBudgetShare);
  load.parallel = estimate.parallel;
  HEARTH_TRY(const std::int32_t fits, largest_context(load, estimate.train_context, usable));
  if (options.json) {
    const nlohmann::ordered_json out{{"model", model.name},
                                     {"context", estimate.context},
                                     {"parallel", estimate.parallel},
                                     {"cells", estimate.cells},
                                     {"weights_bytes", estimate.weights},
                                     {"kv_bytes", estimate.kv},
                                     {"compute_bytes", estimate.compute},
                                     {"total_bytes", estimate.total()},
                                     {"device_bytes", estimate.device},
                                     {"available_bytes", memory.available},
                                     {"fits", estimate.total() <= usable},
                                     {"train_context", estimate.train_context},
                                     {"largest_context", fits}};
    std::printf("%s\n", out.dump(2).c_str());
    return {};
  }
  std::fputs(
      format_table({{"weights", text::human_bytes(estimate.weights)},
                    {"KV cache", fmt::format("{}  ({} cells: context {}, {} at once)", text::human_bytes(estimate.kv),
                                             estimate.cells, estimate.context, estimate.parallel)},
                    {"compute", text::human_bytes(estimate.compute)},
                    {"total", fmt::format("{} of {} usable now", text::human_bytes(estimate.total()),
                                          text::human_bytes(usable))}})
          .c_str(),
      stdout);
  if (fits == 0) {
    std::puts("does not fit this machine; try a smaller quantization (hearth quantize)");
  } else {
    std::printf("%s; the largest context that fits with %d at once: %d (trained for %d)\n",
                estimate.total() <= usable ? "fits" : "does not fit", estimate.parallel, fits, estimate.train_context);
  }
  return {};
}

}  // namespace

void add_estimate(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("estimate", "Predict the memory a model takes and the context that fits");
  auto options = std::make_shared<EstimateOptions>();
  command->add_option("MODEL", options->model, "Name, or path of a GGUF file")->required();
  command->add_option("--context", options->context, "Longest sequence, in tokens")->check(CLI::PositiveNumber);
  command->add_option("--parallel", options->parallel, "Sequences at once")->check(CLI::Range(1, engine::kMaxParallel));
  command->add_flag("--json", options->json, "As JSON");
  const auto chosen = [&globals, &action, options] {
    action = [&globals, options] { return estimate(globals, *options); };
  };
  command->callback(chosen);
}

}  // namespace hearth::cli
