// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gguf_reader.hpp"

namespace hearth::models::gguf {

/// The value of `key`, of the type already read. `kept_bytes` is what all values so far take in memory.
Result<GgufValue> read_value(Reader& reader, GgufType type, std::string_view key, const GgufLimits& limits,
                             std::uint64_t& kept_bytes);

}  // namespace hearth::models::gguf
