// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "command.hpp"
#include "files.hpp"
#include "hearth/router/ledger.hpp"
#include "hearth/router/quality.hpp"
#include "hearth/router/routing_curve.hpp"
#include "verdict_csv.hpp"

namespace hearth::cli {
namespace {

using router::QualityModel;
using router::Verdict;

struct TrainOptions {
  std::string data;
  std::string out;
};
struct EvalOptions {
  std::string model;
  std::string data;
  std::string by;
  std::string svg;
  int folds = 0;
  int seed = 1;
  bool json = false;
};

/// A CSV, or a server's ledger.
Result<std::vector<Verdict>> read_verdicts(const std::string& path) {
  if (path.ends_with(".db")) {
    HEARTH_TRY(auto kept, router::Ledger::read_verdicts(path));
    if (!kept.empty()) return kept;
    return fail(ErrorCode::not_found,
                fmt::format("{} has no verdicts with prompts; give a route shadow: {{share: 0.05, target: …, "
                            "keep_prompts: true}}",
                            path));
  }
  HEARTH_TRY(const std::string text, read_all(path));
  auto rows = parse_verdicts(text);
  if (!rows) return fail(rows.error().code, fmt::format("{}: {}", path, rows.error().message));
  return rows;
}

Result<> train(const TrainOptions& options) {
  HEARTH_TRY(const auto rows, read_verdicts(options.data));
  const auto began = std::chrono::steady_clock::now();
  const std::string bytes = QualityModel::train(rows).save();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  HEARTH_CHECKED(write_all(options.out, bytes));
  fmt::print("trained on {} rows in {:.1f} s: {} ({} KB)\n", rows.size(), took.count(), options.out,
             bytes.size() / 1024);
  return {};
}

/// Which fold each row is in: at random, or whole subjects together.
std::vector<int> folds_of(const std::vector<Verdict>& rows, const EvalOptions& options) {
  std::mt19937 random{static_cast<std::uint32_t>(options.seed)};
  std::vector<int> folds(rows.size());
  if (options.by != "subject") {
    for (std::size_t i = 0; i < rows.size(); ++i) folds[i] = static_cast<int>(i) % options.folds;
    std::ranges::shuffle(folds, random);
    return folds;
  }
  std::map<std::string, std::size_t> sizes;
  for (const Verdict& row : rows) ++sizes[row.subject];
  std::vector<std::pair<std::size_t, std::string>> subjects;
  for (const auto& [subject, size] : sizes) subjects.emplace_back(size, subject);
  std::ranges::shuffle(subjects, random);
  std::ranges::sort(subjects, std::greater{}, [](const auto& s) { return s.first; });
  std::vector<std::size_t> filled(static_cast<std::size_t>(options.folds), 0);
  std::map<std::string, int> fold_of;
  for (const auto& [size, subject] : subjects) {  // the largest first, each to the emptiest fold
    const auto emptiest = std::ranges::min_element(filled);
    fold_of[subject] = static_cast<int>(emptiest - filled.begin());
    *emptiest += size;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) folds[i] = fold_of[rows[i].subject];
  return folds;
}

Result<std::vector<router::Prediction>> predictions(const std::vector<Verdict>& rows, const EvalOptions& options) {
  std::vector<router::Prediction> out(rows.size());
  if (options.folds < 2) {
    HEARTH_TRY(const std::string bytes, read_all(options.model));
    HEARTH_TRY(const QualityModel model, QualityModel::load(bytes));
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = model.predict(rows[i].prompt);
    return out;
  }
  const std::vector<int> folds = folds_of(rows, options);
  for (int fold = 0; fold < options.folds; ++fold) {
    std::vector<Verdict> training;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (folds[i] != fold) training.push_back(rows[i]);
    }
    const QualityModel model = QualityModel::train(training, static_cast<std::uint32_t>(options.seed));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (folds[i] == fold) out[i] = model.predict(rows[i].prompt);
    }
  }
  return out;
}

Result<> eval(const EvalOptions& options) {
  if (options.folds < 2 && options.model.empty()) {
    return fail(ErrorCode::invalid_request, "give --model, or --folds 5 to train on the data itself");
  }
  if (!options.by.empty() && options.by != "subject") return fail(ErrorCode::invalid_request, "--by knows: subject");
  HEARTH_TRY(const auto rows, read_verdicts(options.data));
  if (options.by == "subject") HEARTH_CHECKED(check_subjects(rows));
  HEARTH_TRY(const auto predicted, predictions(rows, options));
  std::vector<router::ScoredRow> scored;
  std::vector<double> weak;
  std::vector<bool> was;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    scored.push_back({predicted[i].gain, rows[i].weak_correct, rows[i].strong_correct});
    weak.push_back(predicted[i].weak_correct);
    was.push_back(rows[i].weak_correct);
  }
  const router::RoutingCurve curve = router::routing_curve(scored);
  const double ece = router::calibration_error(weak, was);
  if (!options.svg.empty()) HEARTH_CHECKED(write_all(options.svg, router::to_svg(curve, options.data)));
  if (options.json) {
    nlohmann::ordered_json points = nlohmann::ordered_json::array();
    for (const auto& p : curve.points) points.push_back({{"strong_share", p.strong_share}, {"accuracy", p.accuracy}});
    const nlohmann::ordered_json out{{"rows", rows.size()},      {"weak", curve.weak},   {"strong", curve.strong},
                                     {"apgr", curve.apgr},       {"cpt50", curve.cpt50}, {"cpt80", curve.cpt80},
                                     {"calibration_error", ece}, {"points", points}};
    fmt::print("{}\n", out.dump());
    return {};
  }
  fmt::print("{} rows; weak {:.2f} %, strong {:.2f} %\n\nstrong calls  accuracy\n", rows.size(), curve.weak,
             curve.strong);
  for (const auto& p : curve.points) fmt::print("{:10.1f} %  {:6.2f} %\n", p.strong_share, p.accuracy);
  fmt::print("\nAPGR {:.3f}   CPT 50 {:.1f} %   CPT 80 {:.1f} %   calibration error {:.3f}\n", curve.apgr, curve.cpt50,
             curve.cpt80, ece);
  return {};
}

/// The lines for the configuration, and what they mend.
Result<> calibrate(const std::string& ledger) {
  HEARTH_TRY(const auto rows, router::Ledger::read_confidences(ledger));
  if (rows.empty()) {
    return fail(ErrorCode::not_found,
                fmt::format("{} has no judged confidences; give a cascade shadow: {{share: 0.05, target: …}}", ledger));
  }
  std::map<std::string, std::vector<router::JudgedConfidence>> by_target;
  for (const auto& row : rows) by_target[row.target].push_back(row);
  fmt::print("calibration:\n");
  for (const auto& [target, mine] : by_target) {
    const router::Calibration fit = router::fit_calibration(mine);
    std::vector<double> before;
    std::vector<double> after;
    std::vector<bool> right;
    for (const auto& row : mine) {
      before.push_back(row.confidence);
      after.push_back(fit.apply(row.confidence));
      right.push_back(row.right);
    }
    fmt::print("  {}: {{scale: {:.3f}, shift: {:.3f}}}  # {} answers; calibration error {:.3f} before, {:.3f} after\n",
               target, fit.scale, fit.shift, mine.size(), router::calibration_error(before, right),
               router::calibration_error(after, right));
  }
  return {};
}

}  // namespace

void add_router(CLI::App& app, const Globals&, Action& action) {
  CLI::App* command = app.add_subcommand("router", "Learn from verdicts which prompts need the strong model");
  command->require_subcommand(1);
  CLI::App* fit = command->add_subcommand("train", "Fit a quality model to a CSV of verdicts");
  auto train_options = std::make_shared<TrainOptions>();
  fit->add_option("--data", train_options->data,
                  "CSV: prompt, weak_correct, strong_correct, perhaps subject; or a ledger.db with shadow verdicts")
      ->required();
  fit->add_option("--out", train_options->out, "The model's file")->required();
  fit->callback([&action, train_options] { action = [train_options] { return train(*train_options); }; });
  CLI::App* scale = command->add_subcommand("calibrate", "Fit confidences to the verdicts of shadow checks");
  auto ledger = std::make_shared<std::string>();
  scale->add_option("--data", *ledger, "The ledger.db of a server")->required();
  const auto chosen_scale = [&action, ledger] { action = [ledger] { return calibrate(*ledger); }; };
  scale->callback(chosen_scale);
  CLI::App* judge = command->add_subcommand("eval", "Cost against quality, by RouteLLM's metrics");
  auto eval_options = std::make_shared<EvalOptions>();
  judge->add_option("--model", eval_options->model, "A model of hearth router train");
  judge->add_option("--data", eval_options->data, "CSV as for train")->required();
  CLI::Option* folds =
      judge->add_option("--folds", eval_options->folds, "Train on the rest of the data for each fold instead")
          ->check(CLI::Range(2, 100));
  judge->add_option("--by", eval_options->by, "subject: whole subjects are held out")->needs(folds);
  judge->add_option("--seed", eval_options->seed, "Of the folds");
  judge->add_option("--svg", eval_options->svg, "Write the curve as a picture");
  judge->add_flag("--json", eval_options->json, "As JSON");
  judge->callback([&action, eval_options] { action = [eval_options] { return eval(*eval_options); }; });
}

}  // namespace hearth::cli
