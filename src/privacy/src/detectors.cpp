// SPDX-License-Identifier: Apache-2.0
#include "detectors.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <string>

#include "checksums.hpp"
#include "numbers.hpp"
#include "text_window.hpp"
#include "types.hpp"

namespace hearth::privacy {
namespace {

constexpr auto kVersion = std::to_array<std::string_view>({"version"});
constexpr auto kBirth = std::to_array<std::string_view>({"born", "birth", "dob", "d.o.b"});

std::size_t check_numbers(std::string_view text, std::size_t, std::size_t end, Findings& out) {
  return find_numbers(text, end - 1, out);
}

std::size_t check_email(std::string_view text, std::size_t begin, std::size_t, Findings& out) {
  constexpr std::size_t kLocalMax = 64;
  constexpr std::string_view kLocalMarks = "._%+-'";
  const auto is_local = [&](char c) { return is_word(c) || kLocalMarks.find(c) != std::string_view::npos; };
  const auto is_domain = [](char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '.'; };
  const std::size_t at = begin + 1;  // the match is a character, "@" and another one
  std::size_t first = at;
  while (first > 0 && at - first < kLocalMax && is_local(text[first - 1])) --first;
  while (first < at && (text[first] == '.' || text[first] == '\'' || text[first] == '-')) ++first;
  std::size_t last = at + 1;
  while (last < text.size() && is_domain(text[last])) ++last;
  while (last > at && (text[last - 1] == '.' || text[last - 1] == '-')) --last;
  const std::string_view domain = text.substr(at + 1, last - at - 1);
  const std::size_t dot = domain.rfind('.');
  if (first == at || dot == std::string_view::npos || dot == 0) return last;
  const std::string_view top = domain.substr(dot + 1);
  if (top.size() >= 2 && std::ranges::all_of(top, is_letter)) out.push_back(finding_of(kEmail, first, last, 1));
  return last;
}

std::size_t check_iban(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  const std::size_t length = iban_length(squeezed(text.substr(begin, 2)));
  std::string account;
  std::size_t at = begin;
  for (; at < text.size() && account.size() < length; ++at) {
    if (is_digit(text[at]) || (is_letter(text[at]) && static_cast<unsigned char>(text[at]) < 0x80)) {
      account += to_upper(text[at]);
    } else if ((text[at] != ' ' && text[at] != '-') || !is_word(text[at - 1])) {
      break;
    }
  }
  if (length == 0 || !is_iban(account) || !ends_word(text, at)) return end;
  out.push_back(finding_of(kIban, begin, at, 1));
  return at;
}

template <BuiltIn kType, bool (*kIsOne)(std::string_view), int kScore>
std::size_t check_whole(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  if (!ends_word(text, end) || !kIsOne(squeezed(text.substr(begin, end - begin)))) return begin + 1;
  out.push_back(finding_of(kType, begin, end, static_cast<float>(kScore) / 100));
  return end;
}

std::size_t check_ip4(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  while (end < text.size() && is_digit(text[end])) ++end;
  const bool longer = (begin >= 2 && text[begin - 1] == '.' && is_digit(text[begin - 2])) ||
                      (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1]));
  in_addr address{};
  const std::string four{text.substr(begin, end - begin)};
  if (longer || !ends_word(text, end) || inet_pton(AF_INET, four.c_str(), &address) != 1) return end;
  if (four.starts_with("127.") || four.starts_with("0.") || mentions(text, begin, begin, kVersion)) return end;
  out.push_back(finding_of(kIp, begin, end, 0.95F));
  return end;
}

std::size_t check_ip6(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  const auto in_address = [](char c) {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f') || c == ':' || c == '.';
  };
  while (begin > 0 && in_address(text[begin - 1])) --begin;
  while (end < text.size() && in_address(text[end])) ++end;
  const std::size_t settled = end;
  while (end > begin && (text[end - 1] == '.' || (text[end - 1] == ':' && text[end - 2] != ':'))) --end;
  const std::string address{text.substr(begin, end - begin)};
  in6_addr parsed{};
  const bool bounded = begins_word(text, begin) && ends_word(text, end) && address.size() <= 45;
  // "a::b" is an address too, but far more often C++: some digits must be there.
  const bool likely = std::ranges::count(address, ':') >= 2 && std::ranges::count_if(address, is_digit) >= 2;
  if (bounded && likely && address != "::1" && inet_pton(AF_INET6, address.c_str(), &parsed) == 1) {
    out.push_back(finding_of(kIp, begin, end, 0.95F));
  }
  return settled;
}

std::size_t check_mac(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  const std::string_view mac = text.substr(begin, end - begin);
  const bool even = std::ranges::count(mac, mac[2]) == 5 || mac[4] == '.';
  if (even && ends_word(text, end) && (end >= text.size() || text[end] != mac[2]))
    out.push_back(finding_of(kMac, begin, end, 0.95F));
  return end;
}

std::size_t check_url(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  constexpr std::string_view kEnds = "<>\"'`)]}|\\";
  constexpr std::string_view kMarks = ".,;:!?";
  while (begin > 0 && (is_digit(text[begin - 1]) ||
                       (is_letter(text[begin - 1]) && static_cast<unsigned char>(text[begin - 1]) < 0x80) ||
                       text[begin - 1] == '+')) {
    --begin;
  }
  const std::size_t host = end;
  while (end < text.size() && !is_space(text[end]) && kEnds.find(text[end]) == std::string_view::npos) ++end;
  const std::size_t settled = end;
  while (end > host && kMarks.find(text[end - 1]) != std::string_view::npos) --end;
  const std::string_view url = text.substr(begin, end - begin);
  const std::size_t authority = url.find("://") == std::string_view::npos ? 0 : url.find("://") + 3;
  const std::string_view where = url.substr(authority, url.find('/', authority) - authority);
  const std::size_t at = where.rfind('@');
  const std::size_t colon = where.find(':');
  if (at != std::string_view::npos && colon < at && colon > 0 && at - colon > 1) {
    out.push_back(finding_of(kUrlCredentials, begin, end, 1));
  } else if (url.starts_with("http") || url.starts_with("ftp") || url.starts_with("www.")) {
    if (where.find('.') != std::string_view::npos) out.push_back(finding_of(kUrl, begin, end, 0.9F));
  }
  return settled;
}

std::size_t check_written_date(std::string_view text, std::size_t begin, std::size_t end, Findings& out) {
  if (!ends_word(text, end)) return begin + 1;
  const bool birth = mentions(text, begin, end, kBirth);
  out.push_back(finding_of(birth ? kDateOfBirth : kDate, begin, end, birth ? 0.95F : 0.7F));
  return end;
}

/// The first word behind a name like "MRN" that has digits.
template <BuiltIn kType>
std::size_t check_named_number(std::string_view text, std::size_t, std::size_t end, Findings& out) {
  constexpr std::size_t kReach = 32;
  constexpr std::size_t kLongest = 24;
  const std::size_t stop = std::min(text.size(), end + kReach);
  for (std::size_t at = end; at < stop;) {
    if (!is_word(text[at])) {
      if (text[at] == '\n') return at;
      ++at;
      continue;
    }
    std::size_t last = at;
    while (last < text.size() && (is_word(text[last]) || text[last] == '-')) ++last;
    const std::string_view word = text.substr(at, last - at);
    const auto digits = std::ranges::count_if(word, is_digit);
    if (digits >= 4 && word.size() <= kLongest) {
      out.push_back(finding_of(kType, at, last, 0.9F));
      return last;
    }
    if (digits > 0) return last;
    at = last;
  }
  return end;
}

#define HEARTH_MONTHS "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"

constexpr auto kDetectors = std::to_array<Detector>({
    {R"([0-9A-Za-z_+\-\x80-\xff]@[0-9A-Za-z\x80-\xff])", false, check_email},
    {R"(\d[ ().\-/]{0,3}\d[ ().\-/]{0,3}\d[ ().\-/]{0,3}\d[ ().\-/]{0,3}\d[ ().\-/]{0,3}\d)", false, check_numbers},
    {R"(\b\d{1,2}[/.\-]\d{1,2}[/.\-]\d\d)", false, check_numbers},
    {R"(\b[A-Z]{2}\d\d[ \-]?[A-Z0-9]{4})", true, check_iban},
    {R"(\b[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D])", true, check_whole<kNino, is_nino, 90>},
    {R"(\b\d{8}[ \-]?[A-Z])", true, check_whole<kDni, is_dni, 90>},
    {R"(\b[XYZ][ \-]?\d{7}[ \-]?[A-Z])", true, check_whole<kDni, is_dni, 90>},
    {R"(\b[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z])", true,
     check_whole<kCodiceFiscale, is_codice_fiscale, 95>},
    {R"(\b[12] ?\d\d ?\d\d ?2[AB] ?\d{3} ?\d{3} ?\d\d)", true, check_whole<kNir, is_nir, 90>},
    {R"(\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d)", false, check_ip4},
    {R"([0-9a-f]{1,4}:[0-9a-f]{0,4}:[0-9a-f]{0,4}:?[0-9a-f])", true, check_ip6},
    {R"(\b[0-9a-f]{2}[:\-][0-9a-f]{2}[:\-][0-9a-f]{2}[:\-][0-9a-f]{2}[:\-][0-9a-f]{2}[:\-][0-9a-f]{2})", true,
     check_mac},
    {R"(\b[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})", true, check_mac},
    {R"(://[^\s/])", false, check_url},
    {R"(\bwww\.[a-z0-9])", true, check_url},
    {R"(\b)" HEARTH_MONTHS R"(\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4})", true, check_written_date},
    {R"(\b\d{1,2}(?:st|nd|rd|th)? (?:of )?)" HEARTH_MONTHS R"(\.?,? \d{4})", true, check_written_date},
    {R"(\b(?:MRN|medical record|patient (?:id|no|number|identifier)|health record))", true, check_named_number<kMrn>},
    {R"((?:driver'?s?|driving) licen[sc]e|\bDL ?(?:#|no|number))", true, check_named_number<kDriverLicense>},
});

}  // namespace

std::span<const Detector> numbers_and_addresses() { return kDetectors; }

}  // namespace hearth::privacy
