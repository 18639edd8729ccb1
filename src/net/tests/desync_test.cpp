// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <yaml-cpp/yaml.h>

#include "head_check.hpp"
#include "loopback.hpp"

// The public HTTP desync corpus: what it calls ambiguous or severe is refused and the connection closed.
namespace hearth::net::test {
namespace {

struct DesyncCase {
  std::string name;
  std::string tier;
  std::string bytes;  // the head
  std::string body;   // a matching body, for heads that are accepted
};

// Compliant in the corpus, refused here, with the reason.
const std::map<std::string, std::string, std::less<>> kRefusedOnPurpose{
    {"Different Transfer-Encoding headers", "no coding but chunked is served; a list of codings is read in many ways"},
    {"Different Transfer-Encoding headers combined", "no coding but chunked is served"},
    {"Transfer-Encoding with a param: chunked;custom_param", "chunked has no parameters (RFC 9112, 7.1)"},
    {"Compliant URL", "a fragment is no part of a request target (RFC 9112, 3.2) and %^ is no percent escape"},
    {"Empty URI", "a request line without a target does not exist in HTTP/1.1 (RFC 9112, 3)"},
};

DesyncCase render(const YAML::Node& node) {
  DesyncCase out;
  out.name = node["name"].as<std::string>();
  out.tier = node["expected"]["tier"].as<std::string>();
  const auto version = node["version"].as<std::string>();
  out.bytes = node["method"].as<std::string>() + " " + node["uri"].as<std::string>();
  if (!version.empty()) out.bytes += " " + version;  // without: HTTP/0.9
  out.bytes += "\r\n";
  bool has_host = false;
  for (const auto& header : node["headers"]) {
    const auto name = header["name"].as<std::string>();
    const auto value = header["value"].as<std::string>();
    has_host = has_host || name == "Host";
    if (name == "Content-Length" && value == "1000") out.body.assign(1000, 'x');
    if (name == "Transfer-Encoding") out.body = "0\r\n\r\n";
    out.bytes += name + ": " + value + "\r\n";
  }
  // The corpus leaves Host out; without it every case would be refused for that alone.
  if (!has_host) out.bytes += "Host: localhost\r\n";
  out.bytes += "\r\n";
  return out;
}

std::vector<DesyncCase> all_cases() {
  const char* shared = std::getenv("HEARTH_SHARED");
  const auto folder = std::filesystem::path{shared == nullptr ? "" : shared} / "data/http-desync/tests";
  std::vector<DesyncCase> cases;
  if (!std::filesystem::exists(folder)) return cases;
  for (const auto& file : std::filesystem::directory_iterator{folder}) {
    if (file.path().extension() != ".yaml") continue;
    for (const auto& node : YAML::LoadFile(file.path().string())) cases.push_back(render(node));
  }
  return cases;
}

enum class Expected { accept, refuse, either };

Expected expected(const DesyncCase& c) {
  if (kRefusedOnPurpose.contains(c.name) || c.tier == "Ambiguous" || c.tier == "Severe") return Expected::refuse;
  return c.tier == "Compliant" ? Expected::accept : Expected::either;
}

/// What Hearth chose where the corpus allows both: only a length of 0 on GET and HEAD is let through.
bool acceptable_is_accepted(const DesyncCase& c) { return c.name == "Get with a body and Content-Length:0"; }

bool must_accept(const DesyncCase& c) {
  return expected(c) == Expected::accept || (expected(c) == Expected::either && acceptable_is_accepted(c));
}

class DesyncCorpus : public testing::Test {
 protected:
  std::vector<DesyncCase> cases = all_cases();
  void SetUp() override {
    if (cases.empty()) GTEST_SKIP() << "the corpus is not here: ../shared/data/http-desync";
    ASSERT_GE(cases.size(), 100U);
    for (const auto& [name, reason] : kRefusedOnPurpose) {
      ASSERT_TRUE(std::ranges::any_of(cases, [&](const auto& c) { return c.name == name; })) << name;
    }
  }
};

TEST_F(DesyncCorpus, TheHeadCheckJudgesEachCase) {
  for (const auto& c : cases) {
    const auto head = check_head(c.bytes, HeadLimits{});

    EXPECT_EQ(head.has_value(), must_accept(c)) << c.tier << ": " << c.name;
    if (!head) EXPECT_EQ(head.error().status, 400) << c.name;
  }
}

TEST_F(DesyncCorpus, TheServerRefusesAndClosesOrAnswers) {
  LoopbackServer server{echo};
  for (const auto& c : cases) {
    RawClient client{server.port()};
    client.send(c.bytes);
    if (must_accept(c)) {
      client.send(c.body);
      EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 ")) << c.tier << ": " << c.name;
      continue;
    }
    // A second request behind a refused one must never be answered: that is what smuggling needs.
    client.send("GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const std::string answer = client.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << c.tier << ": " << c.name << ": " << answer;
    EXPECT_EQ(answer.find("smuggled"), std::string::npos) << c.name;
    EXPECT_EQ(answer.find("\nHTTP/1.1 "), std::string::npos) << "one answer only: " << c.name;
    EXPECT_TRUE(client.closed()) << c.name;
  }
}

}  // namespace
}  // namespace hearth::net::test
