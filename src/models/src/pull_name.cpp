// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "bearer_challenge.hpp"
#include "hearth/base/text.hpp"
#include "pull.hpp"

namespace hearth::models {
namespace {

constexpr std::string_view kHubHost = "hf.co";
constexpr std::string_view kExtension = ".gguf";
constexpr std::size_t kModelMax = 80;

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// The file's stem with the characters that a name may have.
std::string model_of(std::string_view path) {
  auto stem = path.substr(path.rfind('/') + 1);
  stem.remove_suffix(kExtension.size());
  std::string model{stem.substr(0, kModelMax)};
  std::ranges::replace_if(model, [](char c) { return !is_word(c) && c != '-' && c != '.'; }, '-');
  const auto first = std::ranges::find_if(model, is_word);
  model.erase(model.begin(), first);
  return model.empty() ? "model" : model;
}

}  // namespace

Result<Name> parse_model_name(std::string_view text) {
  HEARTH_TRY(auto name, Name::parse(text));
  if (name.host == "huggingface.co" || name.host == "www.huggingface.co") name.host = kHubHost;
  return name;
}

bool is_hub(const Name& name) { return name.host == kHubHost; }

Result<std::variant<Name, FileUrl>> parse_pull(std::string_view text) {
  if (text.starts_with("http://") || text.starts_with("https://")) {
    auto url = net::Url::parse(text);
    if (url) {
      const auto path = url->target.substr(0, url->target.find('?'));
      if (text::to_lower_ascii(path).ends_with(kExtension)) {
        HEARTH_TRY(auto name, Name::parse(model_of(path)));
        return std::variant<Name, FileUrl>{FileUrl{*std::move(url), std::move(name)}};
      }
    }
  }
  HEARTH_TRY(auto name, parse_model_name(text));
  return std::variant<Name, FileUrl>{std::move(name)};
}

Result<net::Url> registry_url(const Name& name, std::string_view path) {
  const auto host = name.host == "docker.io" ? std::string{"registry-1.docker.io"} : name.host;
  return net::Url::parse(fmt::format("{}://{}/v2/{}/{}/{}", name.scheme, host, name.space, name.model, path));
}

}  // namespace hearth::models
