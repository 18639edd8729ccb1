// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "api_client.hpp"
#include "command.hpp"
#include "table.hpp"

namespace hearth::cli {
namespace {

struct Question {
  std::string decision;
  std::string model;
  std::string prompt = "Hello";
  std::string label;
  bool json = false;
};

/// What is missing, or the reason why the target is none.
std::string why(const nlohmann::json& target) {
  for (const auto& condition : target.value("policy", nlohmann::json::array())) {
    if (!condition.value("holds", true)) return condition.value("why", "");
  }
  return target.value("why", "");
}

void print(const nlohmann::json& explanation) {
  const auto features = explanation.value("features", nlohmann::json::object());
  fmt::print("route {} ({}), content labelled {}, about {} tokens in and {} out, needs {}\n",
             explanation.value("route", ""), explanation.value("strategy", ""), explanation.value("label", ""),
             features.value("prompt_tokens", 0), features.value("answer_tokens", 0), features.value("needs", ""));
  fmt::print("{}{}{}{}, turn {}{}\n\n", features.value("workload", "simple"),
             features.value("language", "").empty() ? "" : ", language " + features.value("language", ""),
             features.value("code", false) ? ", code" : "", features.value("mathematics", false) ? ", mathematics" : "",
             features.value("turns", 1),
             features.contains("expected_gain")
                 ? fmt::format(", the best target would gain {:.2f}", features["expected_gain"].get<double>())
                 : "");
  std::vector<std::vector<std::string>> rows{
      {"TARGET", "ZONE", "SEES", "SCORE", "QUALITY", "LATENCY", "COST", "WHY NOT"}};
  for (const auto& target : explanation.value("targets", nlohmann::json::array())) {
    const bool candidate = target.value("candidate", false);
    const auto number = [&](const char* name, int digits) {
      return candidate ? fmt::format("{:.{}f}", target.value(name, 0.0), digits) : std::string{"-"};
    };
    const std::string sees = target.value("label", "") + (target.value("redacted", false) ? ", redacted" : "");
    rows.push_back({target.value("target", ""), target.value("zone", ""), sees, number("score", 3),
                    number("quality", 2), candidate ? number("predicted_latency_ms", 0) + " ms" : "-",
                    candidate ? "$" + number("estimated_cost_usd", 6) : "-",
                    candidate ? "" : target.value("excluded_by", "") + ": " + why(target)});
  }
  std::fputs(format_table(rows).c_str(), stdout);
  std::fputs("\nplan:", stdout);
  for (const auto& name : explanation.value("plan", std::vector<std::string>{})) fmt::print(" {}", name);
  std::fputs("\n", stdout);
  for (const auto& line : explanation.value("attempts", std::vector<std::string>{})) fmt::print("  {}\n", line);
}

Result<> explain(const Globals& globals, const Question& question) {
  if (question.decision.empty() == question.model.empty()) {
    return fail(ErrorCode::invalid_request, "give either a decision (dec_…) or --model");
  }
  HEARTH_TRY(ApiClient client, ApiClient::at(globals));
  std::string body;
  if (!question.decision.empty()) {
    HEARTH_TRY(body, client.get("/admin/decisions/" + question.decision));
  } else {
    nlohmann::json request{{"model", question.model}};
    request["messages"].push_back({{"role", "user"}, {"content", question.prompt}});
    net::Headers headers;
    if (!question.label.empty()) headers.set("x-hearth-label", question.label);
    HEARTH_TRY(body, client.post("/admin/explain", request.dump(), std::move(headers)));
  }
  if (question.json) {
    std::printf("%s\n", body.c_str());
    return {};
  }
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (!parsed.is_object()) return fail(ErrorCode::upstream_error, "the server's answer is not JSON");
  print(parsed);
  return {};
}

}  // namespace

void add_explain(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("explain", "Say where a request went, or would go, and why");
  auto question = std::make_shared<Question>();
  command->add_option("DECISION", question->decision, "The id of x-hearth-decision");
  command->add_option("--model", question->model, "A route or model: what would be decided; asks nobody");
  command->add_option("--prompt", question->prompt, "The question to decide about");
  command->add_option("--label", question->label, "public, internal, confidential or restricted");
  command->add_flag("--json", question->json, "As JSON");
  const auto chosen = [&globals, &action, question] {
    action = [&globals, question] { return explain(globals, *question); };
  };
  command->callback(chosen);
}

}  // namespace hearth::cli
