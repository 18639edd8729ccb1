// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "hearth/app/routing_config.hpp"
#include "yaml_reader.hpp"

namespace hearth::app {

/// Reads `privacy` and `policy.redact`.
class PrivacyReader {
 public:
  PrivacyReader(const std::filesystem::path& folder, const Environment& environment, YamlMistakes& mistakes)
      : folder_{folder}, environment_{environment}, mistakes_{mistakes} {}

  std::string read(const YAML::Node& node);
  std::string read_redact(const YAML::Node& node);
  /// Makes the scanner, which finds what is wrong with patterns and names of types.
  void finish(Routing& routing);

 private:
  std::string read_patterns(const YAML::Node& list);
  std::string read_words(const YAML::Node& list);
  std::string read_labels(const YAML::Node& map);
  std::string read_names_file(const YAML::Node& node);

  const std::filesystem::path& folder_;
  const Environment& environment_;
  YamlMistakes& mistakes_;
  Privacy privacy_;
  YAML::Node node_;
  YAML::Node redact_;
};

}  // namespace hearth::app
