// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::models {

/// Which ranges of a download are on disk. As text: one line for the download, then one line for each finished range,
/// appended after its bytes were written; so a line that kill -9 cut short only costs that range again.
struct PartialState {
  std::uint64_t size = 0;   // of the whole file
  std::uint64_t range = 0;  // bytes of each range but the last
  std::string validator;    // what the server says about this version of the file; no white space
  std::vector<bool> done;   // one for each range

  static PartialState fresh(std::uint64_t size, std::uint64_t range, std::string validator);
  /// Nothing if the text is not a state or describes absurd sizes.
  static std::optional<PartialState> parse(std::string_view text);
  std::string head_line() const;
  static std::string done_line(std::size_t index);

  std::uint64_t offset_of(std::size_t index) const { return index * range; }
  std::uint64_t length_of(std::size_t index) const;
  std::uint64_t bytes_done() const;
  bool complete() const;
  /// True if this is the same download, so that its finished ranges count.
  bool continues(std::uint64_t other_size, std::string_view other_validator) const {
    return size == other_size && validator == other_validator;
  }
};

/// Bound on ranges of one file; larger files get larger ranges.
inline constexpr std::uint64_t kRangesMax = 1U << 20;

}  // namespace hearth::models
