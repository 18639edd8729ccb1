// SPDX-License-Identifier: Apache-2.0
#include "head_check.hpp"

#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "ascii.hpp"

namespace hearth::net {
namespace {

using Verdict = std::expected<void, Fault>;

std::unexpected<Fault> refuse(std::string message, int status = 400) {
  return std::unexpected{Fault{status, std::move(message)}};
}

// Cuts the next line, which must end in CRLF.
std::expected<std::string_view, Fault> next_line(std::string_view& rest) {
  const std::size_t lf = rest.find('\n');
  if (lf == std::string_view::npos) return refuse("the head is not complete");
  if (lf == 0 || rest[lf - 1] != '\r') return refuse("a line ends in LF without CR");
  const std::string_view line = rest.substr(0, lf - 1);
  rest.remove_prefix(lf + 1);
  return line;
}

struct RequestLine {
  std::string_view method;
  std::string_view target;
  int minor_version = 1;
};

std::expected<RequestLine, Fault> parse_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return refuse("the request line must be: method, space, target, space, HTTP version");
  }
  RequestLine out{line.substr(0, first), line.substr(first + 1, last - first - 1), 1};
  const std::string_view version = line.substr(last + 1);
  if (!ascii::is_token(out.method)) return refuse("the method is not a token");
  if (out.target.empty()) return refuse("the request target is empty");
  if (version == "HTTP/1.0") {
    out.minor_version = 0;
  } else if (version != "HTTP/1.1") {
    return refuse("the HTTP version is not supported; use HTTP/1.1");
  }
  return out;
}

// Names that lenient parsers fold into a framing header: other separators, or several of them.
bool resembles(std::string_view name, std::string_view letters) {
  std::size_t i = 0;
  for (const char c : name) {
    if (!ascii::is_alnum(c)) continue;
    if (i == letters.size() || ascii::lower(c) != letters[i]) return false;
    ++i;
  }
  return i == letters.size();
}

// What the fields say about framing, before it is judged as a whole.
struct FieldFacts {
  int hosts = 0;
  int lengths = 0;
  int codings = 0;
  std::string_view host;
  std::string_view length;
  std::string_view coding;
};

Verdict note_field(FieldFacts& facts, std::string_view name, std::string_view value) {
  using ascii::equal_ignoring_case;
  if (equal_ignoring_case(name, "Host")) {
    ++facts.hosts;
    facts.host = value;
  } else if (equal_ignoring_case(name, "Content-Length")) {
    ++facts.lengths;
    facts.length = value;
  } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
    ++facts.codings;
    facts.coding = value;
  } else if (resembles(name, "contentlength") || resembles(name, "transferencoding")) {
    return refuse("a header name resembles Content-Length or Transfer-Encoding");
  }
  return {};
}

std::expected<std::pair<std::string_view, std::string_view>, Fault> parse_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return refuse("folded header lines are not accepted");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refuse("a header line has no colon");
  const std::string_view name = line.substr(0, colon);
  if (!ascii::is_token(name)) return refuse("a header name is not a token");
  const std::string_view value = ascii::trim(line.substr(colon + 1));
  for (const char c : value) {
    if (c != '\t' && ascii::is_ctl(c)) return refuse("a header value has a control character");
  }
  return std::pair{name, value};
}

Verdict parse_fields(std::string_view& rest, const HeadLimits& limits, Headers& headers, FieldFacts& facts) {
  std::size_t count = 0;
  while (true) {
    auto line = next_line(rest);
    if (!line) return std::unexpected{std::move(line).error()};
    if (line->empty()) break;
    auto field = parse_field(*line);
    if (!field) return std::unexpected{std::move(field).error()};
    if (++count > limits.max_fields) return refuse(fmt::format("more than {} headers", limits.max_fields), 431);
    if (auto noted = note_field(facts, field->first, field->second); !noted) return noted;
    headers.add(std::string{field->first}, std::string{field->second});
  }
  if (!rest.empty()) return refuse("bytes after the end of the head");
  return {};
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, ascii::is_digit)) return std::nullopt;
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return value;
}

Verdict judge_framing(const FieldFacts& facts, RequestHead& head) {
  if (facts.codings > 0 && facts.lengths > 0) return refuse("both Content-Length and Transfer-Encoding");
  if (facts.lengths > 1) return refuse("more than one Content-Length");
  if (facts.codings > 1) return refuse("more than one Transfer-Encoding");
  if (facts.codings == 1) {
    if (head.minor_version == 0) return refuse("Transfer-Encoding in HTTP/1.0");
    if (!ascii::equal_ignoring_case(facts.coding, "chunked")) return refuse("Transfer-Encoding is not chunked");
    head.framing = Framing::chunked;
  }
  if (facts.lengths == 1) {
    const auto length = parse_length(facts.length);
    if (!length) return refuse("Content-Length is not a number");
    head.content_length = *length;
    head.framing = *length == 0 ? Framing::none : Framing::length;
  }
  const bool body_without_meaning = head.method == "GET" || head.method == "HEAD" || head.method == "TRACE";
  if (body_without_meaning && head.framing != Framing::none) return refuse("a body has no meaning on this method");
  return {};
}

bool is_host_char(char c) {
  return ascii::is_alnum(c) || (c != '\0' && std::string_view{"-._~!$&'()*+;=:[]%"}.find(c) != std::string_view::npos);
}

Verdict judge_host(const FieldFacts& facts, int minor_version) {
  if (facts.hosts > 1) return refuse("more than one Host header");
  if (facts.hosts == 0 && minor_version > 0) return refuse("the Host header is missing");
  if (!std::ranges::all_of(facts.host, is_host_char)) return refuse("the Host header is not a host");
  return {};
}

bool lists(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (ascii::equal_ignoring_case(ascii::trim(list.substr(0, comma)), wanted)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

Verdict judge_options(RequestHead& head) {
  head.keep_alive = head.minor_version > 0;
  for (const auto& [name, value] : head.headers.fields()) {
    if (ascii::equal_ignoring_case(name, "Connection") && lists(value, "close")) head.keep_alive = false;
    if (ascii::equal_ignoring_case(name, "Expect")) {
      if (!ascii::equal_ignoring_case(value, "100-continue")) return refuse("the Expect header is not known", 417);
      head.expect_continue = head.minor_version > 0;
    }
  }
  return {};
}

}  // namespace

HeadEnd find_head_end(std::string_view bytes, std::size_t from) noexcept {
  using State = HeadEnd::State;
  for (std::size_t i = bytes.find('\n', from); i != std::string_view::npos; i = bytes.find('\n', i + 1)) {
    if (i < 2 || bytes[i - 1] != '\r') return {State::malformed, 0};  // also an empty first line
    if (bytes[i - 2] == '\n') return {State::complete, i + 1};
  }
  return {State::incomplete, 0};
}

std::expected<RequestHead, Fault> check_head(std::string_view bytes, const HeadLimits& limits) {
  if (bytes.size() > limits.max_bytes) return refuse(fmt::format("the head is over {} bytes", limits.max_bytes), 431);
  auto line = next_line(bytes);
  if (!line) return std::unexpected{std::move(line).error()};
  auto request = parse_request_line(*line);
  if (!request) return std::unexpected{std::move(request).error()};

  RequestHead head;
  head.method = request->method;
  head.minor_version = request->minor_version;
  FieldFacts facts;
  if (auto ok = parse_fields(bytes, limits, head.headers, facts); !ok) return std::unexpected{std::move(ok).error()};
  if (auto ok = judge_framing(facts, head); !ok) return std::unexpected{std::move(ok).error()};
  if (auto ok = judge_host(facts, head.minor_version); !ok) return std::unexpected{std::move(ok).error()};
  if (auto ok = judge_options(head); !ok) return std::unexpected{std::move(ok).error()};
  auto target = parse_target(request->target, head.method, facts.host);
  if (!target) return std::unexpected{std::move(target).error()};
  head.target = std::move(*target);
  return head;
}

}  // namespace hearth::net
