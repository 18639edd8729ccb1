// SPDX-License-Identifier: Apache-2.0
#include "marked_texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace hearth::cli {
namespace {

using Json = nlohmann::json;

/// Presidio's names of what has another name here.
constexpr auto kAliases =
    std::to_array<std::pair<std::string_view, std::string_view>>({{"PERSON", "person"},
                                                                  {"STREET_ADDRESS", "address"},
                                                                  {"ZIP_CODE", "address"},
                                                                  {"GPE", "location"},
                                                                  {"LOCATION", "location"},
                                                                  {"ORGANIZATION", "organization"},
                                                                  {"CREDIT_CARD", "card"},
                                                                  {"PHONE_NUMBER", "phone"},
                                                                  {"DATE_TIME", "date"},
                                                                  {"TITLE", "title"},
                                                                  {"AGE", "age"},
                                                                  {"NRP", "nationality"},
                                                                  {"EMAIL_ADDRESS", "email"},
                                                                  {"DOMAIN_NAME", "url"},
                                                                  {"URL", "url"},
                                                                  {"IBAN_CODE", "iban"},
                                                                  {"US_SSN", "ssn"},
                                                                  {"IP_ADDRESS", "ip"},
                                                                  {"US_DRIVER_LICENSE", "driver_license"},
                                                                  {"UK_NHS", "nhs"},
                                                                  {"UK_NINO", "nino"},
                                                                  {"MAC_ADDRESS", "mac"},
                                                                  {"MEDICAL_RECORD", "mrn"},
                                                                  {"ES_NIF", "dni"},
                                                                  {"ES_NIE", "dni"},
                                                                  {"IT_FISCAL_CODE", "codice_fiscale"}});

Result<std::uint16_t> type_of(std::string_view name) {
  const auto alias = std::ranges::find(kAliases, name, &std::pair<std::string_view, std::string_view>::first);
  const std::string_view wanted = alias == kAliases.end() ? name : alias->second;
  const auto types = privacy::built_in_types();
  const auto found = std::ranges::find(types, wanted, &privacy::Type::name);
  if (found != types.end()) return static_cast<std::uint16_t>(found - types.begin());
  return fail(ErrorCode::invalid_request, fmt::format("\"{}\" is no type that Hearth knows", name));
}

Result<privacy::MarkedText> marked_text(const Json& entry) {
  const bool presidio = entry.contains("full_text");
  privacy::MarkedText out{.text = entry.at(presidio ? "full_text" : "text").get<std::string>(), .findings = {}};
  const std::vector<std::uint32_t> bytes = bytes_of_code_points(out.text);
  for (const Json& span : entry.at("spans")) {
    HEARTH_TRY(const std::uint16_t type, type_of(span.at(presidio ? "entity_type" : "type").get<std::string>()));
    const auto begin = span.at(presidio ? "start_position" : "start").get<std::size_t>();
    const auto end = span.at(presidio ? "end_position" : "end").get<std::size_t>();
    if (begin > end || end >= bytes.size()) {
      return fail(ErrorCode::invalid_request, fmt::format("a span from {} to {} is not in its text", begin, end));
    }
    out.findings.push_back({.type = type, .begin = bytes[begin], .end = bytes[end], .score = 1});
  }
  return out;
}

}  // namespace

std::vector<std::uint32_t> bytes_of_code_points(std::string_view text) {
  std::vector<std::uint32_t> bytes;
  for (std::uint32_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80) bytes.push_back(i);
  }
  bytes.push_back(static_cast<std::uint32_t>(text.size()));
  return bytes;
}

std::vector<std::uint32_t> code_points_of_bytes(std::string_view text) {
  std::vector<std::uint32_t> points;
  std::uint32_t begun = 0;
  for (const char c : text) {
    begun += (static_cast<unsigned char>(c) & 0xC0U) != 0x80 ? 1 : 0;
    points.push_back(begun == 0 ? 0 : begun - 1);
  }
  points.push_back(begun);
  return points;
}

Result<std::vector<privacy::MarkedText>> parse_marked_texts(std::string_view data) {
  std::vector<privacy::MarkedText> texts;
  const auto add = [&](const Json& entry) -> Result<> {
    auto marked = marked_text(entry);
    if (!marked) return fail(marked.error().code, fmt::format("text {}: {}", texts.size() + 1, marked.error().message));
    texts.push_back(*std::move(marked));
    return {};
  };
  try {
    if (data.starts_with('[')) {
      for (const Json& entry : Json::parse(data)) HEARTH_CHECKED(add(entry));
      return texts;
    }
    while (!data.empty()) {
      const std::string_view line = data.substr(0, data.find('\n'));
      data.remove_prefix(std::min(line.size() + 1, data.size()));
      if (!line.empty()) HEARTH_CHECKED(add(Json::parse(line)));
    }
  } catch (const Json::exception& e) {
    return fail(ErrorCode::invalid_request, fmt::format("text {}: {}", texts.size() + 1, e.what()));
  }
  return texts;
}

}  // namespace hearth::cli
