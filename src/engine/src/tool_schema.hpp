// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "hearth/base/result.hpp"

namespace hearth::engine {

inline constexpr std::size_t kMaxToolSchemaBytes = 128UL << 10;
inline constexpr std::size_t kMaxToolName = 256;        // bytes: of a tool, a property, a $ref
inline constexpr std::size_t kMaxToolProperties = 256;  // of one object
inline constexpr std::size_t kMaxToolNesting = 2048;    // levels, with what each $ref leads to
inline constexpr std::size_t kMaxToolNodes = 50'000;    // with what each $ref and each of several types repeats
inline constexpr std::size_t kMaxToolUnion = 10'000;    // alternatives of one place, with those of their alternatives
inline constexpr std::size_t kMaxToolPattern = 64;      // nested groups of a regular expression

/// Refuses a tool's schema from which llama.cpp, which makes a grammar of it when tools are offered, would not come
/// back: its converter calls itself for each property, each reference and each character of a name.
/// `schema` is JSON, nested no deeper than kMaxJsonNesting.
Result<> check_tool_schema(const std::string& schema, const std::string& param);

}  // namespace hearth::engine
