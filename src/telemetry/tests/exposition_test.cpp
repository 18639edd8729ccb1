// SPDX-License-Identifier: Apache-2.0
// The whole text, read as Prometheus reads it.
// Format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "hearth/telemetry/metrics.hpp"

namespace hearth::telemetry {
namespace {

using Seconds = engine::Observer::Seconds;
using Outcome = engine::Observer::Outcome;

struct Sample {
  std::string name;
  std::string labels;  // without le
  std::string le;
  double value = 0;
};

struct Exposition {
  std::map<std::string, std::string> types;  // of each family
  std::vector<Sample> samples;
  std::vector<std::string> faults;
};

std::string family_of(const std::string& sample, const std::map<std::string, std::string>& types) {
  for (const char* suffix : {"", "_bucket", "_sum", "_count"}) {
    const std::string_view end{suffix};
    if (!sample.ends_with(end)) continue;
    const std::string family = sample.substr(0, sample.size() - end.size());
    const auto type = types.find(family);
    if (type != types.end() && (type->second == "histogram" || end.empty())) return family;
  }
  return {};
}

Exposition parse(const std::string& text) {
  static const std::regex comment{R"(# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+))"};
  static const std::regex sample{R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (NaN|[+-]?Inf|[-+0-9.e]+))re"};
  static const std::regex label{R"re(([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$))re"};
  Exposition read;
  std::istringstream lines{text};
  std::smatch part;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, part, comment)) {
      const bool fresh = part[1] != "TYPE" || read.types.emplace(part[2], part[3]).second;
      if (!fresh) read.faults.push_back("a second type: " + line);
      continue;
    }
    if (!std::regex_match(line, part, sample)) {
      read.faults.push_back("neither comment nor sample: " + line);
      continue;
    }
    Sample one{.name = part[1], .labels = {}, .le = {}, .value = std::stod(part[3])};
    if (family_of(one.name, read.types).empty()) read.faults.push_back("no type before it: " + line);
    std::string rest = part[2].matched ? std::string{part[2].first + 1, part[2].second - 1} : std::string{};
    while (std::regex_search(rest, part, label, std::regex_constants::match_continuous)) {
      if (part[1] == "le") {
        one.le = part[2];
      } else {
        one.labels += part[1].str() + '=' + part[2].str() + ';';
      }
      rest = part.suffix();
    }
    if (!rest.empty()) read.faults.push_back("labels: " + line);
    read.samples.push_back(std::move(one));
  }
  return read;
}

/// A process in which everything has happened once.
std::string busy_text() {
  Metrics metrics;
  const auto model = metrics.observe("a \"quoted\\name\"\nof two lines");
  model->queued(Seconds{0.2});
  model->first_token(Seconds{1.5});
  for (const double gap : {0.00001, 0.004, 0.03, 700.0}) model->next_token(Seconds{gap});
  model->step(9, Seconds{0.02});
  model->preempted(1);
  model->ended(Outcome::failed, {.prompt_tokens = 3, .completion_tokens = 2});
  metrics.http("/v1/models/{id*}", 200, 0.01);
  const auto snapshot = [] { return Snapshot{.models = {{.model = "b", .cells = 8}}, .memory_available = 1ULL << 40}; };
  metrics.gather(snapshot);
  return metrics.text();
}

TEST(Exposition, HasATypeForEachSampleAndQuotesEachLabel) {
  const Exposition read = parse(busy_text());

  EXPECT_THAT(read.faults, ::testing::IsEmpty());
  EXPECT_EQ(read.types.size(), 27U);
  std::map<std::string, int> families;
  for (const Sample& sample : read.samples) ++families[family_of(sample.name, read.types)];
  EXPECT_EQ(families.size(), read.types.size()) << "a family without a sample";
}

TEST(Exposition, NamesAreOursAndCountersEndInTotal) {
  for (const auto& [name, type] : parse(busy_text()).types) {
    EXPECT_TRUE(name.starts_with("hearth_") || name == "process_resident_memory_bytes") << name;
    EXPECT_EQ(name.ends_with("_total"), type == "counter") << name;
  }
}

TEST(Exposition, HistogramsAreCumulativeAndEndInTheirCount) {
  std::map<std::string, std::vector<Sample>> buckets;
  std::map<std::string, double> counts;
  for (const Sample& sample : parse(busy_text()).samples) {
    if (!sample.le.empty()) buckets[sample.name.substr(0, sample.name.size() - 7) + sample.labels].push_back(sample);
    if (sample.name.ends_with("_count"))
      counts[sample.name.substr(0, sample.name.size() - 6) + sample.labels] = sample.value;
  }

  ASSERT_EQ(buckets.size(), 6U);
  for (const auto& [series, steps] : buckets) {
    for (std::size_t i = 1; i < steps.size(); ++i) {
      EXPECT_LT(std::stod(steps[i - 1].le), std::stod(steps[i].le)) << series;
      EXPECT_LE(steps[i - 1].value, steps[i].value) << series;
    }
    EXPECT_EQ(steps.back().le, "+Inf") << series;
    ASSERT_TRUE(counts.contains(series)) << series;
    EXPECT_EQ(steps.back().value, counts.at(series)) << series;
  }
}

}  // namespace
}  // namespace hearth::telemetry
