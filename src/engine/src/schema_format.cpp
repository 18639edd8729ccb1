// SPDX-License-Identifier: Apache-2.0
#include "schema_format.hpp"

#include <map>
#include <string>

#include "regex_grammar.hpp"

namespace hearth::engine {
namespace {

// Days that every year has, and 29 February in the leap years (RFC 3339 section 5.7, Gregorian rule).
constexpr std::string_view kDate =
    R"(([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])))"
    R"(|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))";
// No leap second: which minutes have one is not a matter of form.
constexpr std::string_view kTime =
    R"(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))";
constexpr std::string_view kOctet = R"((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9]))";
constexpr std::string_view kUriChars = R"(([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}))";

std::string date_time() { return std::string{kDate} + "[Tt]" + std::string{kTime}; }

/// Up to four labels of up to 50 characters, none with the "--" that would have to begin valid punycode.
std::string hostname() {
  const std::string label = "[A-Za-z0-9]{1,24}(-[A-Za-z0-9]{1,12}){0,2}";
  return label + R"((\.)" + label + "){0,3}";
}

/// Local parts without quotes (RFC 5321 Dot-string, at most 64 characters), then a host name; 254 characters in all.
std::string email() {
  return R"([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,16}(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,16}){0,2}@)" + hostname();
}

std::string ipv4() {
  const std::string octet{kOctet};
  return octet + R"((\.)" + octet + "){3}";
}

std::string ipv6() {
  const std::string h = "[0-9A-Fa-f]{1,4}";
  std::string out = "(" + h + ":){7}" + h;
  // "::" stands for at least one group: n before, at most 6 - n after.
  for (int before = 0; before <= 7; ++before) {
    const std::string left = before == 0 ? "" : h + "(:" + h + "){" + std::to_string(before - 1) + "}";
    const int after = 7 - before;
    const std::string right = after == 0 ? "" : "(" + h + "(:" + h + "){0," + std::to_string(after - 1) + "})?";
    out += "|" + left + "::" + right;
  }
  return out;
}

/// RFC 3986 without IP literals and user information: scheme, then an authority with a path, or a path.
std::string uri() {
  const std::string chars{kUriChars};
  const std::string segment = R"(([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}))";
  const std::string authority = R"(//([A-Za-z0-9._~-]+(:[0-9]{1,5})?)?(/)" + segment + "*)*";
  const std::string path = segment + "+(/" + segment + "*)*|/(" + segment + "+(/" + segment + "*)*)?";
  const std::string rest = R"((\?()" + chars + R"(|\?)*)?(#()" + chars + R"(|\?)*)?)";
  return "[A-Za-z][A-Za-z0-9+.-]*:(" + authority + "|" + path + ")" + rest;
}

std::string uri_reference() {
  const std::string chars{kUriChars};
  const std::string segment = R"(([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}))";
  const std::string first = R"(([A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2}))";  // no colon: it would be a scheme
  const std::string rest = R"((\?()" + chars + R"(|\?)*)?(#()" + chars + R"(|\?)*)?)";
  return uri() + "|(" + first + "+(/" + segment + "*)*|/(" + segment + "+(/" + segment + "*)*)?)?" + rest;
}

std::string duration() {  // RFC 3339 appendix A
  const std::string time = "T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)";
  const std::string date = "([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)";
  return "P(" + date + "(" + time + ")?|" + time + "|[0-9]+W)";
}

const std::map<std::string_view, std::string>& expressions() {
  static const std::map<std::string_view, std::string> table{
      {"date", std::string{kDate}},
      {"time", std::string{kTime}},
      {"date-time", date_time()},
      {"duration", duration()},
      {"email", email()},
      {"idn-email", email()},
      {"hostname", hostname()},
      {"idn-hostname", hostname()},
      {"ipv4", ipv4()},
      {"ipv6", ipv6()},
      {"uri", uri()},
      {"iri", uri()},
      {"uri-reference", uri_reference()},
      {"iri-reference", uri_reference()},
      {"uri-template", uri_reference()},
      {"uuid", "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"},
      {"json-pointer", R"((/([^~/]|~[01])*)*)"},
      {"relative-json-pointer", R"((0|[1-9][0-9]*)(#|(/([^~/]|~[01])*)*))"},
      // Any text without the characters that have a meaning in regular expressions is one.
      {"regex", R"([^\\^$.|?*+()\[\]{}/]*)"},
  };
  return table;
}

}  // namespace

std::optional<Result<Dfa>> format_language(std::string_view format) {
  const auto it = expressions().find(format);
  if (it == expressions().end()) return std::nullopt;
  return regex_to_dfa(it->second, RegexMatch::whole);
}

}  // namespace hearth::engine
