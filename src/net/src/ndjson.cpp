// SPDX-License-Identifier: Apache-2.0
#include "hearth/net/ndjson.hpp"

#include <utility>

#include <fmt/format.h>

namespace hearth::net {
namespace {

void trim_cr(std::string& line) {
  if (line.ends_with('\r')) line.pop_back();
}

}  // namespace

Result<std::vector<std::string>> NdjsonSplitter::feed(std::string_view bytes) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > max_line_) {
      return fail(ErrorCode::upstream_error, fmt::format("a line of the stream is over {} bytes", max_line_));
    }
    line_.append(piece);
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    trim_cr(line_);
    if (!line_.empty()) lines.push_back(std::exchange(line_, {}));
  }
  return lines;
}

std::optional<std::string> NdjsonSplitter::finish() {
  trim_cr(line_);
  if (line_.empty()) return std::nullopt;
  return std::exchange(line_, {});
}

}  // namespace hearth::net
