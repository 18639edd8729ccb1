// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "hearth/app/store_session.hpp"
#include "hearth/async/task_group.hpp"
#include "hearth/engine/instance.hpp"
#include "table.hpp"

namespace hearth::cli {
namespace {

struct BenchOptions {
  std::string model;
  std::int32_t prompt = 512;
  std::int32_t generate = 64;
  bool json = false;
};

struct Row {
  int batch;
  double prompt_rate;      // tokens a second over all sequences
  double generation_rate;  // tokens a second over all sequences
};

/// Waits for one answer and notes when its first token came.
Task<> drain(std::unique_ptr<engine::Generation> generation, Clock::time_point& first, Clock::time_point& last) {
  while (auto event = co_await generation->async_next()) {
    if (std::holds_alternative<inference::PromptDone>(event->body)) first = Clock::now();
    if (std::holds_alternative<inference::Finished>(event->body)) last = Clock::now();
  }
}

Result<Row> measure(engine::Instance& instance, const BenchOptions& options, int batch) {
  asio::io_context io;
  async::TaskGroup answers{io.get_executor(), static_cast<std::size_t>(batch)};
  std::vector<Clock::time_point> first(batch);
  std::vector<Clock::time_point> last(batch);
  const Clock::time_point start = Clock::now();
  const std::int32_t vocabulary = instance.model().facts().vocabulary_size;
  for (int i = 0; i < batch; ++i) {
    engine::GenerateRequest request;
    for (std::int32_t t = 0; t < options.prompt; ++t) {
      request.prompt.push_back(static_cast<inference::TokenId>((t * 7919L + i * 104729L + 13) % vocabulary));
    }
    request.generation.max_tokens = options.generate;
    request.generation.cache_prompt = false;
    request.generation.sampling.temperature = 0;
    request.generation.sampling.ignore_eos = true;
    HEARTH_TRY(auto generation, instance.submit(std::move(request), io.get_executor()));
    answers.spawn("answer", drain(std::move(generation), first[i], last[i]));
  }
  io.run();
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  const double prompt_time = seconds(*std::ranges::max_element(first) - start);
  const double all_time = seconds(*std::ranges::max_element(last) - *std::ranges::max_element(first));
  return Row{.batch = batch,
             .prompt_rate = batch * options.prompt / prompt_time,
             .generation_rate = batch * (options.generate - 1) / all_time};
}

Result<> bench(const Globals& globals, const BenchOptions& options) {
  HEARTH_TRY(const auto session, app::StoreSession::open(globals.config()));
  HEARTH_TRY(const models::Model found, session->run(session->store().async_find(options.model)));
  engine::LoadOptions load;
  load.weights = found.weights;
  load.context = options.prompt + options.generate + 8;
  load.parallel = 16;
  load.cells = load.context * 16;
  HEARTH_TRY(auto model, engine::Model::load(load));
  HEARTH_TRY(const auto instance, engine::Instance::start(model, load, nullptr));
  if (!model->facts().causal) return fail(ErrorCode::unsupported, "this model does not generate");
  std::vector<std::vector<std::string>> rows{{"BATCH", "PROMPT tok/s", "GENERATION tok/s"}};
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  BenchOptions warm = options;
  warm.prompt = std::min(options.prompt, 32);
  warm.generate = 2;
  HEARTH_CHECKED(measure(*instance, warm, 1));
  for (const int batch : {1, 2, 4, 8, 16}) {
    HEARTH_TRY(const Row row, measure(*instance, options, batch));
    rows.push_back(
        {std::to_string(batch), fmt::format("{:.1f}", row.prompt_rate), fmt::format("{:.1f}", row.generation_rate)});
    list.push_back({{"batch", batch},
                    {"prompt_tokens_per_second", row.prompt_rate},
                    {"generation_tokens_per_second", row.generation_rate}});
  }
  if (options.json) {
    std::printf("%s\n", list.dump(2).c_str());
  } else {
    std::fputs(format_table(rows).c_str(), stdout);
  }
  return {};
}

}  // namespace

void add_bench(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("bench", "Measure prompt and generation speed at batch sizes 1 to 16");
  auto options = std::make_shared<BenchOptions>();
  command->add_option("MODEL", options->model, "Name, or path of a GGUF file");
  command->add_option("--prompt", options->prompt, "Prompt tokens (default 512)")->check(CLI::Range(1, 100'000));
  command->add_option("--generate", options->generate, "Tokens to generate (default 64)")
      ->check(CLI::Range(2, 100'000));
  command->add_flag("--json", options->json, "As JSON");
  const auto chosen = [&globals, &action, options, command] {
    if (!command->get_subcommands().empty()) return;  // it has set its own
    if (options->model.empty()) throw CLI::RequiredError{"MODEL"};
    action = [&globals, options] { return bench(globals, *options); };
  };
  command->callback(chosen);
  add_bench_constrain(*command, globals, action);
}

}  // namespace hearth::cli
