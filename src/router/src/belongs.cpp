// SPDX-License-Identifier: Apache-2.0
#include "belongs.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::router {
namespace {

constexpr std::string_view kTeam = "team:";
constexpr std::string_view kRole = "role:";
constexpr std::string_view kBehind = " | ";

std::string own(const policy::Subject& subject) {
  std::string out;
  if (!subject.team.empty()) out += fmt::format("{}{}", kTeam, subject.team);
  for (const std::string& role : subject.roles) out += fmt::format("{}{}{}", out.empty() ? "" : " ", kRole, role);
  return out;
}

}  // namespace

std::string belongs_of(const policy::Subject& subject) {
  std::string out = own(subject);
  if (subject.behalf) out += fmt::format("{}{} {}", kBehind, subject.behalf->principal, own(*subject.behalf));
  return out;
}

policy::Subject subject_of(std::string_view principal, std::string_view belongs) {
  policy::Subject subject{.principal = std::string{principal}};
  const std::size_t behind = belongs.find(kBehind);
  for (std::string_view rest = belongs.substr(0, behind); !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (word.starts_with(kTeam)) subject.team = word.substr(kTeam.size());
    if (word.starts_with(kRole)) subject.roles.emplace_back(word.substr(kRole.size()));
  }
  if (behind == std::string_view::npos) return subject;
  const std::string_view other = belongs.substr(behind + kBehind.size());
  const std::string_view name = other.substr(0, other.find(' '));
  subject.behalf =
      std::make_shared<const policy::Subject>(subject_of(name, other.substr(std::min(name.size() + 1, other.size()))));
  return subject;
}

}  // namespace hearth::router
