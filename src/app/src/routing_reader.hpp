// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <vector>

#include "hearth/app/routing_config.hpp"
#include "privacy_reader.hpp"
#include "yaml_reader.hpp"

namespace hearth::app {

/// Reads `zone`, `providers`, `routes`, `policy`, `privacy`, `budgets` and `calibration`.
class RoutingReader {
 public:
  RoutingReader(const std::filesystem::path& folder, const Environment& environment, YamlMistakes& mistakes)
      : folder_{folder}, environment_{environment}, mistakes_{mistakes}, privacy_{folder, environment, mistakes} {}

  std::vector<YamlKey> keys();
  /// After the whole file has been read: what can only be seen then. Gives the routing out.
  Routing finish(const std::vector<provider::ConfiguredModel>& models);

 private:
  std::string read_providers(const YAML::Node& list);
  void read_provider(const YAML::Node& node, const std::string& where);
  std::string read_key(const YAML::Node& node, RemoteProvider& provider);
  std::string read_key_file(const YAML::Node& node, RemoteProvider& provider);
  void read_remote_model(const YAML::Node& node, const std::string& where, RemoteProvider& provider);
  std::string read_routes(const YAML::Node& list);
  void read_route(const YAML::Node& node, const std::string& where);
  std::string read_quality_model(const YAML::Node& node, RouteConfig& config);
  std::string read_calibration(const YAML::Node& node);
  std::string read_budgets(const YAML::Node& list);
  std::string read_policy(const YAML::Node& node);
  std::string read_ceilings(const YAML::Node& node);
  std::string read_rules(const YAML::Node& list);
  std::string read_rule(const YAML::Node& node, const std::string& where);

  const std::filesystem::path& folder_;
  const Environment& environment_;
  YamlMistakes& mistakes_;
  Routing routing_;
  PrivacyReader privacy_;
  std::map<std::string, YAML::Node> nodes_;  // of routes, by name: where mistakes of the whole are reported
};

}  // namespace hearth::app
