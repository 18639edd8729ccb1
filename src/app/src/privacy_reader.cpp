// SPDX-License-Identifier: Apache-2.0
#include "privacy_reader.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

namespace hearth::app {

std::string PrivacyReader::read(const YAML::Node& node) {
  node_ = node;
  read_mapping(node, "privacy",
               {{"scan", into(privacy_.scan)},
                {"names", into(privacy_.detectors.names)},
                {"names_file", [this](const YAML::Node& n) { return read_names_file(n); }},
                {"labels", [this](const YAML::Node& n) { return read_labels(n); }},
                {"patterns", [this](const YAML::Node& n) { return read_patterns(n); }},
                {"words", [this](const YAML::Node& n) { return read_words(n); }}},
               mistakes_);
  return {};
}

std::string PrivacyReader::read_patterns(const YAML::Node& list) {
  if (!list.IsSequence()) return "must be a list of {name: …, pattern: …}";
  for (std::size_t i = 0; i < list.size(); ++i) {
    privacy::CustomPattern pattern;
    std::optional<policy::Label> label;
    // Patterns are full of $ and {}: nothing is replaced from the environment in them.
    read_mapping(list[i], fmt::format("privacy.patterns[{}]", i),
                 {{"name", into(pattern.name, environment_)},
                  {"pattern",
                   [&](const YAML::Node& n) -> std::string {
                     if (!n.IsScalar()) return "must be a text";
                     pattern.pattern = n.Scalar();
                     return {};
                   }},
                  {"any_case", into(pattern.any_case)},
                  {"label", parsed(label, policy::parse_label)}},
                 mistakes_);
    if (label) privacy_.detectors.labels[pattern.name] = *label;
    privacy_.detectors.patterns.push_back(std::move(pattern));
  }
  return {};
}

std::string PrivacyReader::read_words(const YAML::Node& list) {
  if (!list.IsSequence()) return "must be a list of {name: …, words: […]}";
  for (std::size_t i = 0; i < list.size(); ++i) {
    privacy::WordList words;
    std::optional<policy::Label> label;
    read_mapping(list[i], fmt::format("privacy.words[{}]", i),
                 {{"name", into(words.name, environment_)},
                  {"words", [&](const YAML::Node& n) { return read_texts(n, words.words); }},
                  {"label", parsed(label, policy::parse_label)}},
                 mistakes_);
    if (label) privacy_.detectors.labels[words.name] = *label;
    privacy_.detectors.words.push_back(std::move(words));
  }
  return {};
}

std::string PrivacyReader::read_labels(const YAML::Node& map) {
  if (!map.IsMap()) return "must be a mapping of detectors to labels";
  for (const auto& pair : map) {
    const auto label = policy::parse_label(pair.second.IsScalar() ? pair.second.Scalar() : "");
    if (!label) mistakes_.add(pair.second, "privacy.labels: " + label.error().message);
    if (label) privacy_.detectors.labels[pair.first.Scalar()] = *label;
  }
  return {};
}

std::string PrivacyReader::read_names_file(const YAML::Node& node) {
  if (std::string wrong = into(privacy_.names_file, environment_)(node); !wrong.empty()) return wrong;
  std::ifstream in{folder_ / privacy_.names_file, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  auto model = privacy::NameModel::load(bytes);
  if (!model) return fmt::format("{}: {}", privacy_.names_file, model.error().message);
  privacy_.detectors.name_model = std::make_shared<const privacy::NameModel>(*std::move(model));
  return {};
}

std::string PrivacyReader::read_redact(const YAML::Node& node) {
  redact_ = node;
  read_mapping(node, "policy.redact",
               {{"zones",
                 [this](const YAML::Node& n) -> std::string {
                   std::vector<std::string> names;
                   if (std::string wrong = read_texts(n, names); !wrong.empty()) return wrong;
                   for (const std::string& name : names) {
                     const auto zone = policy::parse_zone(name);
                     if (!zone) return zone.error().message;
                     privacy_.redact_zones.push_back(*zone);
                   }
                   return {};
                 }},
                {"detectors", [this](const YAML::Node& n) { return read_texts(n, privacy_.redact_types); }}},
               mistakes_);
  return {};
}

void PrivacyReader::finish(Routing& routing) {
  if (!privacy_.redact_zones.empty() && (!privacy_.scan || privacy_.redact_types.empty())) {
    mistakes_.add(redact_, privacy_.scan ? "policy.redact: detectors is missing: which findings are to be hidden?"
                                         : "policy.redact: needs privacy.scan");
  }
  if (privacy_.scan) {
    auto scanner = privacy::Scanner::make(privacy_.detectors);
    if (!scanner) {
      mistakes_.add(node_, "privacy: " + scanner.error().message);
    } else {
      routing.scanner = *std::move(scanner);
      for (const std::string& name : privacy_.redact_types) {
        const auto type = routing.scanner->type_named(name);
        if (!type) mistakes_.add(redact_, "policy.redact.detectors: " + type.error().message);
      }
    }
  }
  routing.privacy = std::move(privacy_);
}

}  // namespace hearth::app
