// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "hearth/app/config.hpp"

namespace hearth::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Result<Config> parse(const std::string& yaml) {
  const Environment environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "API_KEY") return "sk-very-secret";
    return std::nullopt;
  };
  return parse_config(yaml, "/etc/hearth", environment);
}

const std::string kWhole = R"(
models:
  - {name: small, model: x, context: 4096, quality: 0.3}
providers:
  - name: lab
    kind: vllm
    url: http://10.0.0.5:8000
    zone: cluster
    region: eu
    models:
      - {name: llama, model: meta/llama, context: 131072, capabilities: [chat, tools, json], quality: 0.82, price: {input: 0.2, output: 0.4}}
  - name: cloud
    kind: openai
    url: https://api.example.com/v1
    key: ${API_KEY}
    zone: cloud
    models:
      - {name: gpt}
routes:
  - {name: auto, strategy: cascade, targets: [local/small, lab/llama, cloud/gpt], confidence: 0.8, fallback: [fast]}
  - {name: fast, strategy: hedge, targets: [lab/llama], hedge_after: 250ms, objective: {latency: 0.9}}
policy:
  default_label: confidential
  zones: {device: restricted, cluster: confidential}
  rules:
    - {deny: {label: confidential, region: us}}
    - {allow: {principal: "role:clinician", target: "lab/*"}}
  otherwise: deny
)";

TEST(RoutingConfig, ALearnedRouteReadsItsModel) {
  const std::string file = std::string{HEARTH_SOURCE_DIR} + "/training/quality.bin";
  const auto config = parse("routes:\n  - {name: smart, strategy: learned, targets: [local/a], quality_model: " + file +
                            ", strong_share: 0.2, worth_usd: 0.05}\n");
  ASSERT_TRUE(config) << config.error().message;
  const router::Route& route = config->routing.routes[0].route;
  EXPECT_TRUE(route.quality_model);
  EXPECT_EQ(route.strong_share, 0.2);
  EXPECT_EQ(route.worth_usd, 0.05);
  EXPECT_THAT(print_config(*config), AllOf(HasSubstr("worth_usd: 0.05"), HasSubstr(file)));
  const auto broken =
      parse("routes:\n  - {name: smart, strategy: learned, targets: [local/a], quality_model: /dev/null}\n");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, AllOf(HasSubstr("line 2"), HasSubstr("hearth router train")));
}

TEST(RoutingConfig, BudgetsAreReadAndPrinted) {
  const auto config = parse("budgets:\n  - {principal: 'role:research', limit_usd: 50, per: week, action: refuse}\n");
  ASSERT_TRUE(config) << config.error().message;
  const router::Budget& budget = config->routing.budgets.at(0);
  EXPECT_EQ(budget.principal, "role:research");
  EXPECT_EQ(budget.per, router::Period::week);
  EXPECT_EQ(budget.action, router::BudgetAction::refuse);
  EXPECT_EQ(parse(print_config(*config))->routing.budgets.at(0).limit_usd, 50);
  const auto wrong = parse("budgets:\n  - {limit_usd: -1}\n  - {limit_usd: 1, action: shout}\n  - {}\n");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message,
              AllOf(HasSubstr("line 2"), HasSubstr("downgrade"), HasSubstr("budgets[2]: limit_usd")));
}

TEST(RoutingConfig, ReadsProvidersRoutesAndPolicy) {
  const auto config = parse(kWhole);
  ASSERT_TRUE(config) << config.error().message;
  const Routing& routing = config->routing;
  ASSERT_EQ(routing.providers.size(), 2U);
  EXPECT_EQ(routing.providers[0].zone, policy::Zone::cluster);
  EXPECT_EQ(routing.providers[0].models[0].capabilities, router::kChat | router::kTools | router::kJson);
  EXPECT_DOUBLE_EQ(routing.providers[0].models[0].price.cached_input, 0.2) << "as dear as the others, if not said";
  EXPECT_EQ(routing.providers[1].options.key.reveal(), "sk-very-secret");
  EXPECT_EQ(routing.routes[0].route.strategy, router::Strategy::cascade);
  EXPECT_EQ(routing.routes[1].route.hedge_after, std::chrono::milliseconds{250});
  EXPECT_FALSE(routing.policy.otherwise);
  EXPECT_EQ(routing.policy.rules[1].line, 27);

  std::vector<router::Mistake> mistakes;
  const auto table = make_table(routing, config->models, {}, nullptr, mistakes);
  EXPECT_TRUE(mistakes.empty());
  EXPECT_THAT(table->find_route("auto")->targets, ElementsAre(0, 1, 2));
  EXPECT_EQ(table->targets[1].model, "meta/llama");
  EXPECT_DOUBLE_EQ(table->targets[0].quality, 0.3);
}

TEST(RoutingConfig, ModelsOfThisMachineStandInItsZone) {
  const auto config =
      parse("zone: cloud\nmodels: [{name: a, model: x}]\nroutes: [{name: r, targets: [local/a, local/b]}]\n");
  ASSERT_TRUE(config) << config.error().message;
  std::vector<router::Mistake> mistakes;
  const auto table = make_table(config->routing, config->models, {}, nullptr, mistakes);
  EXPECT_EQ(table->zone, policy::Zone::cloud);
  ASSERT_EQ(table->targets.size(), 2U);
  for (const router::Target& target : table->targets) EXPECT_EQ(target.zone, policy::Zone::cloud) << target.name;
  EXPECT_THAT(print_config(*config), HasSubstr("zone: cloud"));
}

TEST(RoutingConfig, CertificatesAreMeantFromTheFilesFolder) {
  const auto folder = std::filesystem::temp_directory_path() / ("hearth-ca-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream{folder / "ca.pem"} << "x";
  const auto read = [&](const std::string& ca) {
    return parse_config("auth: {mode: oidc, oidc: {issuer: 'https://id', audience: a, ca_file: " + ca +
                            "}}\nproviders: [{name: p, kind: openai, url: 'http://x', zone: cloud, ca_file: " + ca +
                            "}]\n",
                        folder, [](const std::string&) { return std::nullopt; });
  };
  const auto config = read("ca.pem");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->issuer.ca_file, folder / "ca.pem");
  EXPECT_EQ(config->routing.providers.at(0).options.ca_file, folder / "ca.pem");
  const auto missing = read("other.pem");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, AllOf(HasSubstr("line 1: auth.oidc.ca_file: no such file: other.pem"),
                                             HasSubstr("line 2: providers[0].ca_file: no such file: other.pem")));
  std::filesystem::remove_all(folder);
}

TEST(RoutingConfig, IsPrintedWithoutSecretsAndReadBackTheSame) {
  const auto config = parse(kWhole);
  ASSERT_TRUE(config) << config.error().message;
  const std::string printed = print_config(*config);
  EXPECT_THAT(printed, AllOf(HasSubstr("${API_KEY}"), Not(HasSubstr("very-secret"))));
  const auto again = parse(printed);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(print_config(*again), printed);
}

TEST(RoutingConfig, EveryMistakeIsNamedAtOnceWithItsLine) {
  const auto config = parse(R"(providers:
  - {name: a/b, kind: vlm, url: here, zone: moon}
  - {name: p, kind: openai, url: "http://x", key: sk-in-the-file, models: [{name: m, capabilities: [fly], quality: 2}]}
  - {name: p, kind: openai, url: "http://x", zone: cloud, key: "${NOT_SET}"}
routes:
  - {name: r1, targets: [p/none, p/m], fallback: [r2]}
  - {name: r2, strategy: fastest, targets: [p/m], fallback: [r1, r9]}
  - {name: r3, targets: []}
policy:
  zones: {cloud: secret}
  rules: [{permit: {}}]
  otherwise: maybe
)");
  ASSERT_FALSE(config);
  const std::string& all = config.error().message;
  for (const char* expected :
       {"line 2: providers[0].zone: \"moon\" is no zone", "must have no slash", "\"vlm\" is no kind of provider",
        "line 3: providers[1].key: must name an environment variable", "zone is missing", "\"fly\" is no capability",
        "quality: must be a number from 0 to 1", "the name \"p\" is given twice", "NOT_SET is not set",
        "line 6: route r1: \"p/none\" is no target", "strategy: \"fastest\" is no strategy",
        "line 7: route r2: fallback to \"r9\", which is no route", "circle: r1 -> r2 -> r1",
        "line 8: route r3: it has no targets", "\"secret\" is no label", "must be one {allow: …} or {deny: …}",
        "otherwise: must be allow or deny"}) {
    EXPECT_THAT(all, HasSubstr(expected));
  }
  EXPECT_THAT(all, Not(HasSubstr("sk-in-the-file")));
}

TEST(RoutingConfig, WithoutAPolicyOnlyTheDeviceMaySeeContent) {
  const auto config = parse("{}");
  ASSERT_TRUE(config);
  const auto& ceilings = config->routing.policy.ceilings;
  EXPECT_EQ(ceilings[static_cast<int>(policy::Zone::device)], policy::Label::restricted);
  for (int zone = 1; zone < policy::kZones; ++zone) EXPECT_FALSE(ceilings[zone]);
}

}  // namespace
}  // namespace hearth::app
