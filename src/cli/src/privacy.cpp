// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "command.hpp"
#include "files.hpp"
#include "hearth/app/config.hpp"
#include "hearth/base/text.hpp"
#include "hearth/privacy/evaluation.hpp"
#include "hearth/privacy/scanner.hpp"
#include "marked_texts.hpp"

namespace hearth::cli {
namespace {

using Json = nlohmann::ordered_json;
using privacy::MarkedText;
using privacy::NameModel;
using privacy::Scanner;

struct Options {
  std::string config;
  std::string data;
  std::string out;
  std::string plain;
  std::string model;
  int folds = 0;
  bool json = false;
};

/// The detectors of a configuration file, or the built-in ones.
Result<std::shared_ptr<const Scanner>> scanner_of(const Options& options) {
  Scanner::Options detectors;
  if (!options.config.empty()) {
    HEARTH_TRY(app::Config config, app::load_config(options.config, app::process_environment()));
    detectors = std::move(config.routing.privacy.detectors);
  }
  if (!options.model.empty()) {
    HEARTH_TRY(const std::string bytes, read_all(options.model));
    HEARTH_TRY(NameModel names, NameModel::load(bytes));
    detectors.name_model = std::make_shared<const NameModel>(std::move(names));
  }
  return Scanner::make(std::move(detectors));
}

Json spans_of(const Scanner& scanner, std::string_view text, const privacy::Findings& findings) {
  const std::vector<std::uint32_t> points = code_points_of_bytes(text);
  Json spans = Json::array();
  for (const privacy::Finding& finding : findings) {
    spans.push_back({{"type", scanner.types()[finding.type].name},
                     {"start", points[finding.begin]},
                     {"end", points[finding.end]},
                     {"score", std::round(static_cast<double>(finding.score) * 1000) / 1000}});
  }
  return spans;
}

/// A line in, a line out, so that it can stand in a pipe.
Result<> scan(const Options& options) {
  HEARTH_TRY(const auto scanner, scanner_of(options));
  std::string line;
  for (int number = 1; std::getline(std::cin, line); ++number) {
    if (line.empty()) continue;
    std::string text = line;
    if (options.json) {
      const Json entry = Json::parse(line, nullptr, false);
      if (!entry.is_object() || !entry.contains("text") || !entry["text"].is_string()) {
        return fail(ErrorCode::invalid_request, fmt::format("line {} of the input is no {{\"text\": …}}", number));
      }
      text = entry["text"].get<std::string>();
    }
    text = text::to_valid_utf8(text);
    const privacy::Findings findings = scanner->scan(text);
    const std::string_view label = inference::name_of(scanner->label_of(findings));
    if (options.json) {
      fmt::print("{}\n", Json{{"label", label}, {"spans", spans_of(*scanner, text, findings)}}.dump());
      std::fflush(stdout);
      continue;
    }
    fmt::print("{}\n", label);
    for (const privacy::Finding& finding : findings) {
      fmt::print("  {:<16} {}\n", scanner->types()[finding.type].name,
                 text.substr(finding.begin, finding.end - finding.begin));
    }
  }
  return {};
}

/// Ordinary texts, with an empty line between two.
Result<> add_plain(const Options& options, std::vector<MarkedText>& texts) {
  if (options.plain.empty()) return {};
  HEARTH_TRY(const std::string data, read_all(options.plain));
  for (std::string_view rest = data; !rest.empty();) {
    const std::string_view text = rest.substr(0, rest.find("\n\n"));
    rest.remove_prefix(std::min(text.size() + 2, rest.size()));
    texts.push_back({.text = text::to_valid_utf8(text), .findings = {}, .plain = true});
  }
  return {};
}

/// Learns what patterns alone do not find.
Result<NameModel> learn_names(std::vector<MarkedText> texts, const Options& options) {
  HEARTH_CHECKED(add_plain(options, texts));
  HEARTH_TRY(const auto patterns, Scanner::make({.names = false}));
  std::vector<privacy::Findings> known;
  for (const MarkedText& text : texts) known.push_back(patterns->scan(text.text));
  return NameModel::train(texts, known);
}

Result<> train(const Options& options) {
  HEARTH_TRY(const std::string data, read_all(options.data));
  HEARTH_TRY(const std::vector<MarkedText> texts, parse_marked_texts(data));
  HEARTH_TRY(const NameModel model, learn_names(texts, options));
  const std::string bytes = model.save();
  HEARTH_CHECKED(write_all(options.out, bytes));
  fmt::print("learned from {} texts: {} ({} KB)\n", texts.size(), options.out, bytes.size() / 1024);
  return {};
}

/// What is found in each text; with folds, by a model that learned from the others.
Result<std::vector<privacy::Findings>> found_in(const std::vector<MarkedText>& texts, const Options& options) {
  std::vector<privacy::Findings> found(texts.size());
  if (options.folds < 2) {
    HEARTH_TRY(const auto scanner, scanner_of(options));
    for (std::size_t i = 0; i < texts.size(); ++i) found[i] = scanner->scan(texts[i].text);
    return found;
  }
  std::vector<int> folds(texts.size());
  for (std::size_t i = 0; i < folds.size(); ++i) folds[i] = static_cast<int>(i) % options.folds;
  std::mt19937 random{1};
  std::ranges::shuffle(folds, random);
  for (int fold = 0; fold < options.folds; ++fold) {
    std::vector<MarkedText> training;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (folds[i] != fold) training.push_back(texts[i]);
    }
    HEARTH_TRY(NameModel model, learn_names(std::move(training), options));
    Scanner::Options detectors;
    detectors.name_model = std::make_shared<const NameModel>(std::move(model));
    HEARTH_TRY(const auto scanner, Scanner::make(std::move(detectors)));
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (folds[i] == fold) found[i] = scanner->scan(texts[i].text);
    }
  }
  return found;
}

Result<> eval(const Options& options) {
  HEARTH_TRY(const std::string data, read_all(options.data));
  HEARTH_TRY(const std::vector<MarkedText> texts, parse_marked_texts(data));
  HEARTH_TRY(const auto found, found_in(texts, options));
  const privacy::Evaluation result = privacy::evaluate(texts, found, privacy::built_in_types());
  const auto row = [](const privacy::Score& s) {
    return Json{{"type", s.type}, {"precision", s.precision()},  {"recall", s.recall()},
                {"f2", s.f2()},   {"words", s.right + s.missed}, {"found", s.right + s.wrong}};
  };
  if (options.json) {
    Json types = Json::array();
    for (const privacy::Score& score : result.types) types.push_back(row(score));
    fmt::print("{}\n", Json{{"texts", texts.size()}, {"overall", row(result.overall)}, {"types", types}}.dump());
    return {};
  }
  fmt::print("{} texts\n\n{:<16} {:>9} {:>7} {:>6} {:>7} {:>7}\n", texts.size(), "type", "precision", "recall", "F2",
             "words", "found");
  const auto print = [](const privacy::Score& s) {
    fmt::print("{:<16} {:>9.3f} {:>7.3f} {:>6.3f} {:>7} {:>7}\n", s.type, s.precision(), s.recall(), s.f2(),
               s.right + s.missed, s.right + s.wrong);
  };
  for (const privacy::Score& score : result.types) print(score);
  print(result.overall);
  return {};
}

}  // namespace

void add_privacy(CLI::App& app, const Globals&, Action& action) {
  CLI::App* command = app.add_subcommand("privacy", "Find personal data and secrets in text");
  command->require_subcommand(1);
  auto options = std::make_shared<Options>();
  const auto chosen = [&action, options](Result<> (*run)(const Options&)) {
    return [&action, options, run] { action = [options, run] { return run(*options); }; };
  };
  CLI::App* look = command->add_subcommand("scan", "Scan the lines of the standard input");
  look->add_option("--config", options->config, "A configuration file: its patterns, words and labels too");
  look->add_flag("--json", options->json, "JSON lines: {\"text\"} in, {\"label\", \"spans\"} out");
  look->callback(chosen(scan));
  CLI::App* judge = command->add_subcommand("eval", "Precision, recall and F2 by type, on marked texts");
  judge->add_option("--data", options->data, "presidio-research's JSON, or lines of {\"text\", \"spans\"}")->required();
  judge->add_option("--config", options->config, "A configuration file");
  judge->add_option("--model", options->model, "A model of hearth privacy train");
  judge->add_option("--plain", options->plain, "With --folds: as for train");
  judge->add_option("--folds", options->folds, "Learn names from the rest of the data for each fold instead")
      ->check(CLI::Range(2, 100));
  judge->add_flag("--json", options->json, "As JSON");
  judge->callback(chosen(eval));
  CLI::App* fit = command->add_subcommand("train", "Learn to guess names from marked texts");
  fit->add_option("--data", options->data, "As for eval")->required();
  fit->add_option("--plain", options->plain, "Ordinary texts without marks, empty lines between them: what is no name");
  fit->add_option("--out", options->out, "The model's file, for privacy.names")->required();
  fit->callback(chosen(train));
}

}  // namespace hearth::cli
