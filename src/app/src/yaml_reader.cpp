// SPDX-License-Identifier: Apache-2.0
#include "yaml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>

namespace hearth::app {
namespace {

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t k = 1; k <= b.size(); ++k) {
      diagonal =
          std::exchange(row[k], std::min({row[k] + 1, row[k - 1] + 1, diagonal + (a[i - 1] == b[k - 1] ? 0U : 1U)}));
    }
  }
  return row.back();
}

std::string nearest(const std::string& name, const std::vector<YamlKey>& keys) {
  const auto best = std::ranges::min_element(keys, {}, [&](const YamlKey& key) { return distance(name, key.name); });
  if (best == keys.end() || distance(name, best->name) > 3) return {};
  return fmt::format("; did you mean \"{}\"?", best->name);
}

/// The scalar's text, or what is wrong.
bool scalar(const YAML::Node& node, std::string& text) {
  if (!node.IsScalar()) return false;
  text = node.Scalar();
  return true;
}

/// A number with a unit from a table of (suffix, factor); the longest suffix first.
template <class Units>
bool number_with_unit(std::string text, const Units& units, double& value) {
  double factor = 1;
  for (const auto& [suffix, scale] : units) {
    if (text.size() > suffix.size() && text.ends_with(suffix)) {
      text.resize(text.size() - suffix.size());
      factor = scale;
      break;
    }
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  value *= factor;
  return error == std::errc{} && end == text.data() + text.size();
}

std::string expand(std::string text, const Environment& environment, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = text.compare(i, 2, "${") == 0 ? text.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      out += text[i++];
      continue;
    }
    const std::string name = text.substr(i + 2, end - i - 2);
    const auto value = environment(name);
    if (!value) return fmt::format("environment variable {} is not set", name);
    out += *value;
    i = end + 1;
  }
  return {};
}

}  // namespace

void YamlMistakes::add(const YAML::Node& at, std::string text) {
  lines_.push_back(fmt::format("line {}: {}", at.Mark().line + 1, text));
}

std::string YamlMistakes::text() const {
  std::string all;
  for (const std::string& line : lines_) all += (all.empty() ? "" : "\n") + line;
  return all;
}

void read_mapping(const YAML::Node& map, const std::string& where, const std::vector<YamlKey>& keys,
                  YamlMistakes& mistakes) {
  if (!map.IsMap()) {
    mistakes.add(map, fmt::format("{} is not a mapping of keys to values", where.empty() ? "the file" : where));
    return;
  }
  std::set<std::string> seen;
  for (const auto& pair : map) {
    const std::string name = pair.first.IsScalar() ? pair.first.Scalar() : "?";
    const std::string path = where.empty() ? name : where + "." + name;
    const auto key = std::ranges::find(keys, name, &YamlKey::name);
    if (key == keys.end()) {
      mistakes.add(pair.first, fmt::format("unknown key \"{}\"{}", path, nearest(name, keys)));
    } else if (!seen.insert(name).second) {
      mistakes.add(pair.first, fmt::format("\"{}\" is given twice", path));
    } else if (const std::string wrong = key->apply(pair.second); !wrong.empty()) {
      mistakes.add(pair.second, fmt::format("{}: {}", path, wrong));
    }
  }
}

std::function<std::string(const YAML::Node&)> into(std::string& target, const Environment& environment) {
  return [&target, environment](const YAML::Node& node) -> std::string {
    std::string text;
    if (!scalar(node, text)) return "must be a text";
    return expand(std::move(text), environment, target);
  };
}

std::filesystem::path absolute_from(const std::filesystem::path& folder, const std::string& path) {
  const std::filesystem::path given{path};
  return given.is_absolute() ? given : std::filesystem::absolute(folder / given).lexically_normal();
}

std::function<std::string(const YAML::Node&)> file_into(std::string& target, const std::filesystem::path& folder,
                                                        const Environment& environment) {
  return [&target, folder, environment](const YAML::Node& node) -> std::string {
    std::string path;
    if (std::string wrong = into(path, environment)(node); !wrong.empty()) return wrong;
    target = absolute_from(folder, path).string();
    return std::filesystem::is_regular_file(target) ? std::string{} : fmt::format("no such file: {}", path);
  };
}

std::function<std::string(const YAML::Node&)> into(bool& target) {
  return [&target](const YAML::Node& node) -> std::string {
    std::string text;
    if (!scalar(node, text) || (text != "true" && text != "false")) return "must be true or false";
    target = text == "true";
    return {};
  };
}

template <class T>
std::function<std::string(const YAML::Node&)> number_into(T& target, T low, T high) {
  return [&target, low, high](const YAML::Node& node) -> std::string {
    std::string text;
    T value{};
    if (scalar(node, text)) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc{} && end == text.data() + text.size() && value >= low && value <= high) {
        target = value;
        return {};
      }
    }
    return fmt::format("must be a whole number from {} to {}", low, high);
  };
}

std::function<std::string(const YAML::Node&)> into(std::int32_t& target, std::int32_t low, std::int32_t high) {
  return number_into(target, low, high);
}
std::function<std::string(const YAML::Node&)> into(std::size_t& target, std::size_t low, std::size_t high) {
  return number_into(target, low, high);
}

std::function<std::string(const YAML::Node&)> into(double& target, double low, double high) {
  return [&target, low, high](const YAML::Node& node) -> std::string {
    std::string text;
    double value = 0;
    if (scalar(node, text)) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc{} && end == text.data() + text.size() && value >= low && value <= high) {
        target = value;
        return {};
      }
    }
    return fmt::format("must be a number from {} to {}", low, high);
  };
}

std::function<std::string(const YAML::Node&)> into(std::chrono::milliseconds& target) {
  return [&target](const YAML::Node& node) -> std::string {
    static constexpr std::pair<std::string_view, double> kUnits[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}};
    std::string text;
    double value = 0;
    const bool unit = scalar(node, text) && !text.empty() && std::isalpha(static_cast<unsigned char>(text.back())) != 0;
    if (!unit || !number_with_unit(text, kUnits, value) || value < 0 || value > 1e12) {
      return "must be a time with its unit, such as 250ms, 30s or 5m";
    }
    target = std::chrono::milliseconds{static_cast<std::int64_t>(value)};
    return {};
  };
}

std::function<std::string(const YAML::Node&)> into(std::chrono::seconds& target) {
  return [&target](const YAML::Node& node) -> std::string {
    static constexpr std::pair<std::string_view, double> kUnits[] = {{"s", 1}, {"m", 60}, {"h", 3600}};
    std::string text;
    double value = 0;
    if (!scalar(node, text) || !number_with_unit(text, kUnits, value) || value > 1e9) {
      return "must be a time such as 90s, 5m or 24h; -1 means for ever";
    }
    target = std::chrono::seconds{static_cast<std::int64_t>(value)};
    return {};
  };
}

std::function<std::string(const YAML::Node&)> bytes_into(std::uint64_t& target) {
  return [&target](const YAML::Node& node) -> std::string {
    static constexpr std::pair<std::string_view, double> kUnits[] = {
        {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
        {"KB", 1e3},     {"MB", 1e6},        {"GB", 1e9},           {"TB", 1e12},
        {"B", 1}};
    std::string text;
    double value = 0;
    if (!scalar(node, text) || !number_with_unit(text, kUnits, value) || value < 0 || value > 1e18) {
      return "must be a size such as 512MB or 8GiB";
    }
    target = static_cast<std::uint64_t>(value);
    return {};
  };
}

std::string read_texts(const YAML::Node& node, std::vector<std::string>& out) {
  if (!node.IsSequence()) return "must be a list";
  for (const auto& item : node) {
    if (!item.IsScalar()) return "must be a list of texts";
    out.push_back(item.Scalar());
  }
  return {};
}

}  // namespace hearth::app
