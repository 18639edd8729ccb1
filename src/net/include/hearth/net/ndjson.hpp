// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::net {

/// Splits a stream into lines (NDJSON: one JSON value a line), cut anywhere. Lines end in LF or CRLF; empty ones are
/// left out. Pure; any one thread. Bound: a line of `max_line` bytes; beyond it feed() fails with upstream_error.
class NdjsonSplitter {
 public:
  static constexpr std::size_t kMaxLine = 16 * 1024 * 1024;

  explicit NdjsonSplitter(std::size_t max_line = kMaxLine) : max_line_{max_line} {}

  /// The lines that `bytes` completed, in order, without their ends.
  Result<std::vector<std::string>> feed(std::string_view bytes);
  /// The stream has ended: a last line without LF, if there is one.
  std::optional<std::string> finish();

 private:
  std::size_t max_line_;
  std::string line_;
};

}  // namespace hearth::net
