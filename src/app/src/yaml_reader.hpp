// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/app/config.hpp"

namespace hearth::app {

/// One key of a YAML mapping and what to do with its value; `apply` returns what is wrong with it, or "".
struct YamlKey {
  std::string_view name;
  std::function<std::string(const YAML::Node&)> apply;
};

/// Collects mistakes instead of stopping at the first.
class YamlMistakes {
 public:
  void add(const YAML::Node& at, std::string text);
  bool empty() const noexcept { return lines_.empty(); }
  std::string text() const;

 private:
  std::vector<std::string> lines_;
};

/// Applies each key of `map` once; unknown and repeated keys are mistakes, with the nearest known name. `where` names
/// the mapping in messages ("models[0]"), empty at the top.
void read_mapping(const YAML::Node& map, const std::string& where, const std::vector<YamlKey>& keys,
                  YamlMistakes& mistakes);

/// Setters for YamlKey::apply. Strings have ${NAME} replaced from the environment.
std::function<std::string(const YAML::Node&)> into(std::string& target, const Environment& environment);
std::function<std::string(const YAML::Node&)> into(bool& target);
std::function<std::string(const YAML::Node&)> into(std::int32_t& target, std::int32_t low, std::int32_t high);
std::function<std::string(const YAML::Node&)> into(std::size_t& target, std::size_t low, std::size_t high);
std::function<std::string(const YAML::Node&)> into(double& target, double low, double high);
/// A list of texts, appended.
std::string read_texts(const YAML::Node& node, std::vector<std::string>& out);
/// A setter from a function that parses a word to a Result.
template <class T, class Parse>
std::function<std::string(const YAML::Node&)> parsed(T& target, Parse parse) {
  return [&target, parse](const YAML::Node& node) -> std::string {
    if (!node.IsScalar()) return "must be a text";
    const auto value = parse(node.Scalar());
    if (!value) return value.error().message;
    target = *value;
    return {};
  };
}
/// A path as the configuration has it: meant from the folder of its file.
std::filesystem::path absolute_from(const std::filesystem::path& folder, const std::string& path);
/// A file that must be there; made absolute.
std::function<std::string(const YAML::Node&)> file_into(std::string& target, const std::filesystem::path& folder,
                                                        const Environment& environment);
/// "250ms", "30s", "5m"; not negative.
std::function<std::string(const YAML::Node&)> into(std::chrono::milliseconds& target);
/// "300", "90s", "5m", "24h", "-1" (for ever).
std::function<std::string(const YAML::Node&)> into(std::chrono::seconds& target);
/// "123", "512MB", "1.5GB", "2GiB".
std::function<std::string(const YAML::Node&)> bytes_into(std::uint64_t& target);

}  // namespace hearth::app
