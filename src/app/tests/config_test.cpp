// SPDX-License-Identifier: Apache-2.0
#include "hearth/app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace hearth::app {
namespace {

using ::testing::HasSubstr;

Environment environment(std::map<std::string, std::string> values = {}) {
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto it = values.find(name);
    return it == values.end() ? std::nullopt : std::optional{it->second};
  };
}

Result<Config> parse(const std::string& yaml, std::map<std::string, std::string> values = {}) {
  return parse_config(yaml, std::filesystem::temp_directory_path(), environment(std::move(values)));
}

TEST(Config, AnEmptyFileIsTheDefaults) {
  const auto config = parse("", {{"HOME", "/home/x"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->address, "127.0.0.1");
  EXPECT_EQ(config->port, 4327);
  EXPECT_EQ(config->home, "/home/x/.hearth");
}

TEST(Config, EveryMistakeIsReportedAtOnceWithItsLine) {
  const auto config = parse("listen: nowhere\nlimit: 3\nkeep_alive: soon\nlog: {level: loud}\nzone: moon\n");
  ASSERT_FALSE(config);
  const std::string& text = config.error().message;
  EXPECT_THAT(text, HasSubstr("line 1: listen: \"nowhere\" is no address:port"));
  EXPECT_THAT(text, HasSubstr("line 2: unknown key \"limit\"; did you mean \"limits\"?"));
  EXPECT_THAT(text, HasSubstr("line 3: keep_alive: must be a time"));
  EXPECT_THAT(text, HasSubstr("line 4: log.level: must be one of: debug, info, warn, error"));
  EXPECT_THAT(text, HasSubstr("line 5: zone: \"moon\" is no zone"));
}

TEST(Config, SyntaxErrorsNameTheLine) {
  const auto config = parse("listen: [1,\n");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("line 2"));
}

TEST(Config, IssuersAndCertificatesAreReadAndPrinted) {
  const auto config = parse(
      "auth:\n  mode: oidc\n  oidc: {issuer: 'https://id.example.org', audience: hearth, admin_roles: [boss]}\n"
      "tls: {certificate: /c.pem, key: /k.pem, client_ca: /ca.pem}\nsandbox: false\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->auth, Config::Auth::oidc);
  EXPECT_EQ(config->issuer.admin_roles, std::vector<std::string>{"boss"});
  EXPECT_EQ(config->tls->client_ca, "/ca.pem");
  const std::string printed = print_config(*config);
  const auto again = parse(printed);
  ASSERT_TRUE(again) << again.error().message << printed;
  EXPECT_EQ(print_config(*again), printed);
  EXPECT_THAT(parse("auth: {mode: oidc}\n").error().message, HasSubstr("line 1: auth: mode oidc needs oidc: {issuer"));
  EXPECT_THAT(parse("tls: {certificate: a}\n").error().message, HasSubstr("needs a certificate and its key"));
}

TEST(Config, PrivacyIsReadAndPrinted) {
  const auto config = parse(
      "privacy:\n  names: false\n  labels: {email: internal}\n"
      "  patterns: [{name: employee, pattern: 'EMP-[0-9]{6}', label: restricted}]\n"
      "  words: [{name: project, words: [blue bird]}]\n"
      "policy: {redact: {zones: [cloud], detectors: [email, employee, project]}}\n");
  ASSERT_TRUE(config) << config.error().message;
  const auto& scanner = *config->routing.scanner;
  EXPECT_EQ(scanner.label_of(scanner.scan("EMP-123456")), policy::Label::restricted);
  EXPECT_EQ(scanner.label_of(scanner.scan("a@example.org")), policy::Label::internal);
  const std::string printed = print_config(*config);
  const auto again = parse(printed);
  ASSERT_TRUE(again) << again.error().message << printed;
  EXPECT_EQ(print_config(*again), printed);
}

TEST(Config, MistakesInPrivacyHaveTheirLine) {
  const auto config = parse(
      "policy:\n  redact: {zones: [cloud, moon], detectors: [emial]}\n"
      "privacy:\n  labels: {nothing: public}\n");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("line 2: policy.redact.zones: \"moon\" is no zone"));
  EXPECT_THAT(config.error().message, HasSubstr("\"nothing\" is no detector; one of: email"));
  EXPECT_THAT(parse("policy: {redact: {zones: [cloud]}}\n").error().message, HasSubstr("detectors is missing"));
  EXPECT_THAT(parse("privacy: {scan: false}\npolicy: {redact: {zones: [cloud], detectors: [email]}}\n").error().message,
              HasSubstr("needs privacy.scan"));
  EXPECT_THAT(parse("policy: {redact: {zones: [cloud], detectors: [emial]}}\n").error().message,
              HasSubstr("\"emial\" is no detector"));
  EXPECT_THAT(parse("privacy: {patterns: [{name: a, pattern: '(a)\\1'}]}\n").error().message,
              HasSubstr("cannot be used"));
}

TEST(Config, RulesOfActionsWorkloadsAndHoursArePrintedAsTheyAreRead) {
  const auto config = parse(
      "policy:\n  rules:\n    - {deny: {action: tools, zone: cloud}}\n    - {deny: {workload: heavy, hours: mon-fri "
      "08:00-18:00}}\n");
  ASSERT_TRUE(config) << config.error().message;
  const std::string printed = print_config(*config);
  const auto again = parse(printed);
  ASSERT_TRUE(again) << again.error().message << printed;
  EXPECT_EQ(print_config(*again), printed);
  EXPECT_FALSE(parse("policy: {rules: [{deny: {workload: lazy}}]}\n"));
  EXPECT_FALSE(parse("policy: {rules: [{deny: {action: dance}}]}\n"));
}

TEST(Config, KeysAndRecords) {
  const auto config = parse("auth: {mode: keys}\naudit: {enabled: false, keep: 48h}\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->auth, Config::Auth::keys);
  EXPECT_FALSE(config->audit);
  EXPECT_EQ(config->audit_keep, std::chrono::hours{48});
  EXPECT_TRUE(parse("")->audit);
  EXPECT_EQ(parse("")->auth, Config::Auth::none);
  const auto wrong = parse("auth: {mode: magic}\naudit: {keep: 10m}\n");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("line 1: auth.mode: must be one of: none, keys, oidc"));
  EXPECT_THAT(wrong.error().message, HasSubstr("line 2: audit.keep: must be at least 1h"));
}

TEST(Config, ReadsModelsWithTheirOptions) {
  const auto file = std::filesystem::temp_directory_path() / "hearth_config_test.gguf";
  std::ofstream{file} << "x";
  const auto config = parse(
      "models:\n  - {name: small, path: hearth_config_test.gguf, context: 8192, parallel: 8, flash_attention: off}\n"
      "  - {name: other, model: 'llama3.2:1b'}\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->models[0].source, file.string());
  EXPECT_EQ(config->models[0].options.context, 8192);
  EXPECT_EQ(config->models[0].options.flash_attention, engine::FlashAttention::off);
  EXPECT_EQ(config->models[1].source, "llama3.2:1b");
  std::filesystem::remove(file);
}

TEST(Config, AModelNeedsANameAndExactlyOneSource) {
  const auto config = parse("models:\n  - {name: a}\n  - {path: missing.gguf}\n");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("models[0]: give either path"));
  EXPECT_THAT(config.error().message, HasSubstr("models[1].path: no such file"));
  EXPECT_THAT(config.error().message, HasSubstr("models[1]: name is missing"));
}

TEST(Config, SizesTimesAndVariables) {
  const auto config = parse("memory_budget: 1.5GiB\nkeep_alive: 5m\nhome: ${DATA}/hearth\n", {{"DATA", "/data"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->memory_budget, 1'610'612'736U);
  EXPECT_EQ(config->keep_alive, std::chrono::minutes{5});
  EXPECT_EQ(config->home, "/data/hearth");
  const auto missing = parse("home: ${NOPE}\n");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("NOPE is not set"));
}

TEST(Config, WhatIsPrintedIsReadBackTheSame) {
  const auto config = parse(
      "listen: '[::1]:99'\nkeep_alive: -1\naudit: {keep: -1}\n"
      "models: [{name: m, model: x, parallel: 2, quality: 0.3, main_gpu: 1, tensor_split: [1, 2.5]}]\n");
  ASSERT_TRUE(config) << config.error().message;
  const auto again = parse(print_config(*config));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(print_config(*again), print_config(*config));
  EXPECT_EQ(again->address, "::1");
  EXPECT_EQ(again->audit_keep, Config::kForEver);
  EXPECT_EQ(again->models[0].quality, 0.3);
  EXPECT_EQ(again->models[0].options.main_gpu, 1);
  EXPECT_EQ(again->models[0].options.tensor_split, (std::vector<float>{1, 2.5}));
}

TEST(Listen, AcceptsTheUsualForms) {
  Config config;
  EXPECT_TRUE(set_listen(config, "8080"));
  EXPECT_EQ(config.port, 8080);
  EXPECT_TRUE(set_listen(config, "0.0.0.0:1"));
  EXPECT_FALSE(is_loopback(config.address));
  EXPECT_TRUE(set_listen(config, "localhost:1"));
  EXPECT_TRUE(is_loopback(config.address));
  EXPECT_FALSE(set_listen(config, "host:70000"));
  EXPECT_FALSE(set_listen(config, ""));
}

}  // namespace
}  // namespace hearth::app
