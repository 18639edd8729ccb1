// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/audit/record.hpp"
#include "hearth/base/result.hpp"

/// The chain as bytes. Pure but for the names of files.
namespace hearth::audit {

/// The first record's `prev`.
inline constexpr std::string_view kGenesis = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256, hexadecimal.
std::string hash_of(std::string_view bytes);

/// A line without its end: {"seq":7,"kind":"egress",…,"prev":"…"}.
std::string line_of(const Record& record, std::uint64_t seq, std::string_view prev);
/// Says that retention removed all records before `first`; `before` is the hash of the last of them.
std::string pruned_line(std::uint64_t first, std::string_view before, std::uint64_t seq, std::int64_t at_ms,
                        std::string_view prev);

/// What the chain needs to know of a line.
struct Link {
  std::uint64_t seq = 0;
  std::string prev;
  std::uint64_t pruned_first = 0;  // of a line that tells of pruning; else 0
  std::string pruned_before;
};
/// nullopt: no line of a chain.
std::optional<Link> parse(std::string_view line);

std::filesystem::path folder_of(const std::filesystem::path& home);
std::string segment_name(std::uint64_t first);
/// The segments in their order: first record and file. Other files are passed over.
std::vector<std::pair<std::uint64_t, std::filesystem::path>> segments_of(const std::filesystem::path& home);

}  // namespace hearth::audit
