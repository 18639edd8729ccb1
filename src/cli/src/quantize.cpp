// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "command.hpp"
#include "hearth/base/text.hpp"
#include "hearth/engine/estimate.hpp"
#include "hearth/models/gguf.hpp"
#include "progress_bar.hpp"
#include "table.hpp"

namespace hearth::cli {
namespace {

struct QuantizeOptions {
  std::filesystem::path in;
  std::filesystem::path out;
  std::string type;
  bool types = false;
};

Result<> print_types() {
  std::vector<std::vector<std::string>> rows{{"TYPE", "NOTE"}};
  for (const engine::QuantizeType& type : engine::quantize_types()) rows.push_back({type.name, type.note});
  std::fputs(format_table(rows).c_str(), stdout);
  return {};
}

Result<> quantize(const QuantizeOptions& options) {
  if (options.types) return print_types();
  if (options.type.empty())
    return fail(ErrorCode::invalid_request,
                "usage: hearth quantize IN OUT TYPE; hearth quantize --types lists the types");
  if (std::filesystem::exists(options.out)) {
    return fail(ErrorCode::conflict, fmt::format("{} exists; remove it or choose another name", options.out.string()));
  }
  HEARTH_TRY(const models::GgufInfo info, models::read_model(options.in));  // nothing unchecked reaches the library
  const std::uint64_t before = info.tensor_bytes();
  {
    ProgressPrinter printer;
    // The final size is not known beforehand; the input's is an upper bound that the bar ends short of, so say bytes.
    const auto show = [&](std::uint64_t written) {
      printer({.status = "quantizing", .digest = {}, .total = before, .completed = std::min(written, before)});
    };
    HEARTH_CHECKED(engine::quantize(options.in, options.out, options.type, show));
  }
  std::printf("%s: %s -> %s\n", options.out.string().c_str(), text::human_bytes(info.file_bytes).c_str(),
              text::human_bytes(std::filesystem::file_size(options.out)).c_str());
  return {};
}

}  // namespace

void add_quantize(CLI::App& app, const Globals&, Action& action) {
  CLI::App* command = app.add_subcommand("quantize", "Write a GGUF file with smaller weights");
  auto options = std::make_shared<QuantizeOptions>();
  command->add_option("IN", options->in, "GGUF file")->check(CLI::ExistingFile);
  command->add_option("OUT", options->out, "File to write");
  command->add_option("TYPE", options->type, "Such as Q4_K_M");
  command->add_flag("--types", options->types, "List the types");
  const auto chosen = [&action, options] { action = [options] { return quantize(*options); }; };
  command->callback(chosen);
}

}  // namespace hearth::cli
