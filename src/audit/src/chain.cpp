// SPDX-License-Identifier: Apache-2.0
#include "chain.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "hearth/base/check.hpp"

namespace hearth::audit {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> kKinds{"egress", "local", "refused"};
constexpr std::string_view kSuffix = ".jsonl";
constexpr std::size_t kDigits = 12;

/// Appends ,"name":"value", unless it is empty.
void add(std::string& out, std::string_view name, const std::string& value) {
  if (value.empty()) return;
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
  const bool easy = std::ranges::all_of(value, plain);  // names nearly always are
  fmt::format_to(std::back_inserter(out), R"(,"{}":{})", name,
                 easy ? fmt::format("\"{}\"", value) : Json(value).dump(-1, ' ', true, Json::error_handler_t::replace));
}

}  // namespace

std::string hash_of(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // once: looking it up costs more
  HEARTH_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, sha256, nullptr) == 1);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string line_of(const Record& record, std::uint64_t seq, std::string_view prev) {
  std::string out = fmt::format(R"({{"seq":{},"kind":"{}","at_ms":{})", seq,
                                kKinds.at(static_cast<std::size_t>(record.kind)), record.at_ms);
  add(out, "request", record.request);
  add(out, "permit", record.permit);
  add(out, "principal", record.principal);
  add(out, "behalf", record.behalf);
  add(out, "label", record.label);
  add(out, "route", record.route);
  add(out, "target", record.target);
  add(out, "zone", record.zone);
  add(out, "region", record.region);
  add(out, "rule", record.rule);
  if (record.hidden > 0) fmt::format_to(std::back_inserter(out), R"(,"hidden":{})", record.hidden);
  fmt::format_to(std::back_inserter(out), R"(,"prompt_tokens":{},"prev":"{}"}})", record.prompt_tokens, prev);
  return out;
}

std::string pruned_line(std::uint64_t first, std::string_view before, std::uint64_t seq, std::int64_t at_ms,
                        std::string_view prev) {
  return fmt::format(R"({{"seq":{},"kind":"pruned","at_ms":{},"first":{},"before":"{}","prev":"{}"}})", seq, at_ms,
                     first, before, prev);
}

std::optional<Link> parse(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
    const auto it = json.find(name);
    if (it == json.end() || !it->is_number_unsigned()) return std::nullopt;
    return it->get<std::uint64_t>();
  };
  const auto text = [&](const char* name) {
    const auto it = json.find(name);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string{};
  };
  const auto seq = number("seq");
  Link link{.seq = seq.value_or(0), .prev = text("prev"), .pruned_first = 0, .pruned_before = {}};
  if (!seq || link.prev.size() != kGenesis.size()) return std::nullopt;
  if (text("kind") == "pruned") {
    link.pruned_first = number("first").value_or(0);
    link.pruned_before = text("before");
    if (link.pruned_first == 0 || link.pruned_before.size() != kGenesis.size()) return std::nullopt;
  }
  return link;
}

std::filesystem::path folder_of(const std::filesystem::path& home) { return home / "audit"; }

std::string segment_name(std::uint64_t first) { return fmt::format("{:0{}}{}", first, kDigits, kSuffix); }

std::vector<std::pair<std::uint64_t, std::filesystem::path>> segments_of(const std::filesystem::path& home) {
  std::vector<std::pair<std::uint64_t, std::filesystem::path>> out;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator{folder_of(home), missing}) {
    const std::string name = entry.path().filename().string();
    std::uint64_t first = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), first);
    if (error == std::errc{} &&
        std::string_view{end, static_cast<std::size_t>(name.data() + name.size() - end)} == kSuffix) {
      out.emplace_back(first, entry.path());
    }
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace hearth::audit
