// SPDX-License-Identifier: Apache-2.0
// The two corpora beside the checkout: no instance that they call invalid may be accepted, and not much may be refused.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "constraint_acceptor.hpp"
#include "hearth/engine/constraint.hpp"
#include "mask_automaton.hpp"

namespace hearth::engine {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string python_style(const Json& value) {
  if (!value.is_structured()) return value.dump();
  const bool object = value.is_object();
  std::string out = object ? "{" : "[";
  for (const auto& [key, child] : value.items()) {
    if (out.size() > 1) out += ", ";
    if (object) out += Json(key).dump() + ": ";
    out += python_style(child);
  }
  return out + (object ? "}" : "]");
}

bool walks(MaskAutomaton& masks, const std::string& text) {
  auto state = masks.start();
  for (const char c : text) state = masks.next(state, static_cast<unsigned char>(c));
  return masks.accepting(state);
}

struct Tally {
  int schemas = 0;
  int refused = 0;
  int accepted_valid = 0;
  int wrongly_refused = 0;
  int wrongly_accepted = 0;

  void judge(const std::string& name, const Json& schema, const Json& tests, const char* data, const char* valid) {
    ++schemas;
    const auto gbnf = to_gbnf({.kind = inference::Constraint::Kind::json_schema, .text = schema.dump(), .choices = {}});
    if (!gbnf) {
      ++refused;
      EXPECT_NE(gbnf.error().code, ErrorCode::internal) << name;
      return;
    }
    ASSERT_TRUE(check_gbnf(*gbnf)) << name << ": " << check_gbnf(*gbnf).error().message;
    GrammarAcceptor acceptor{*gbnf};
    ASSERT_TRUE(acceptor.valid()) << name;
    const auto grammar = MaskGrammar::of(*parse_gbnf(*gbnf));
    ASSERT_TRUE(grammar) << name;
    MaskAutomaton masks{*grammar};
    for (const Json& test : tests) {
      const bool compact = acceptor.accepts(test[data].dump());
      EXPECT_EQ(walks(masks, test[data].dump()), compact)
          << name << ": masks and libllama disagree on " << test[data].dump();
      const bool spaced = acceptor.accepts(python_style(test[data]));
      EXPECT_EQ(compact, spaced) << name << " " << test[data].dump();
      if (test[valid].get<bool>()) {
        ++(compact ? accepted_valid : wrongly_refused);
      } else if (compact || spaced) {
        ++wrongly_accepted;
        ADD_FAILURE() << "accepted an invalid instance of " << name << ": " << test[data].dump();
      }
    }
  }

  void print(const char* corpus) const {
    std::printf("%s: %d schemas, %d refused; valid instances: %d accepted, %d refused; %d invalid accepted\n", corpus,
                schemas, refused, accepted_valid, wrongly_refused, wrongly_accepted);
  }
};

fs::path shared_data() {
  const char* shared = std::getenv("HEARTH_SHARED");
  return shared == nullptr ? fs::path{} : fs::path{shared} / "data";
}

TEST(SchemaCorpus, OfficialSuiteHasNoInvalidInstanceAccepted) {
  const fs::path root = shared_data() / "json-schema-test-suite/tests/draft2020-12";
  if (!fs::exists(root)) GTEST_SKIP() << "HEARTH_SHARED has no data/json-schema-test-suite";
  Tally tally;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file{entry.path()};
    for (const Json& group : Json::parse(file)) {
      const std::string name = entry.path().filename().string() + ": " + group["description"].get<std::string>();
      tally.judge(name, group["schema"], group["tests"], "data", "valid");
    }
  }
  tally.print("official suite");
  EXPECT_EQ(tally.wrongly_accepted, 0);
  EXPECT_GE(tally.schemas - tally.refused, 330);
  EXPECT_GE(tally.accepted_valid, 560);
}

TEST(SchemaCorpus, MaskBenchSampleHasNoInvalidInstanceAccepted) {
  const fs::path path = shared_data() / "maskbench_dev.jsonl.gz";
  if (!fs::exists(path)) GTEST_SKIP() << "HEARTH_SHARED has no data/maskbench_dev.jsonl.gz";
  const char* step_text = std::getenv("HEARTH_MASKBENCH_STEP");  // 1 judges all of them
  const int step = step_text == nullptr ? 5 : std::max(1, std::atoi(step_text));
  const auto close = [](std::FILE* pipe) { ::pclose(pipe); };
  const std::unique_ptr<std::FILE, decltype(close)> pipe{::popen(("gzip -dc '" + path.string() + "'").c_str(), "r"),
                                                         close};
  ASSERT_NE(pipe, nullptr);
  std::string text;
  std::array<char, 65536> buffer{};
  std::size_t read = 0;
  while ((read = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0) text.append(buffer.data(), read);
  Tally tally;
  int index = 0;
  for (std::size_t at = 0; at < text.size(); ++index) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (index % step == 0) {
      const Json row = Json::parse(text.substr(at, end - at));
      tally.judge(row["id"].get<std::string>(), row["schema"], row["tests"], "data", "valid");
    }
    at = end + 1;
  }
  tally.print("MaskBench");
  EXPECT_EQ(tally.wrongly_accepted, 0);
  EXPECT_GE(tally.schemas - tally.refused, tally.schemas * 87 / 100);
  EXPECT_GE(tally.accepted_valid, (tally.accepted_valid + tally.wrongly_refused) * 95 / 100);
}

}  // namespace
}  // namespace hearth::engine
