// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "hearth/inference/constraint.hpp"

/// Constraints on the output -> grammars in llama.cpp's GBNF. Everything here is pure and safe on any thread;
/// conversions of large schemas take milliseconds and belong on the blocking pool. docs/constraints.md has the table of
/// keywords.
namespace hearth::engine {

inline constexpr std::size_t kMaxSchemaBytes = 512 * 1024;
inline constexpr std::size_t kMaxSchemaDepth = 128;  // nested JSON of the schema
inline constexpr std::size_t kMaxSchemaAlternatives =
    1000;  // of one schema position, after anyOf, oneOf, if and not are multiplied out
inline constexpr std::size_t kMaxAnyOrderProperties =
    4;  // up to here an object's declared properties may come in any order
inline constexpr std::size_t kMaxChoices = 4096;
inline constexpr std::size_t kMaxGrammarBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxGrammarRules = 50'000;
inline constexpr std::size_t kMaxGrammarElements = 1'000'000;  // after repetitions are written out
inline constexpr std::size_t kMaxGrammarDepth = 64;            // nested parentheses
inline constexpr std::size_t kMaxLeftmostDepth = 1'000;        // rules entered before a character must be read
inline constexpr std::size_t kMaxLeftmostPaths = 20'000;       // ways to reach the next character from one rule
inline constexpr std::uint64_t kMaxGrammarRepeat = 2'000;      // llama.cpp silently lifts larger upper bounds
inline constexpr std::size_t kMaxUnitChain = 2'000;

/// The grammar that exactly the allowed outputs match, or a part of them where not all can be described: nothing that
/// violates the constraint is ever accepted. What cannot be enforced is an error that names it, never skipped:
/// `unsupported` (a keyword or construct), `invalid_request` (malformed), `payload_too_large`. Kind::none is
/// `internal`.
///
/// JSON is written with at most one blank or one line break with indentation between tokens. Declared properties come
/// in the schema's order (any order up to kMaxAnyOrderProperties), optional ones may be left out, undeclared ones may
/// come anywhere. Known `format`s are enforced; unknown ones are annotations, as the specification says.
Result<std::string> to_gbnf(const inference::Constraint& constraint);

/// Refuses, with `invalid_request` and the line, what llama.cpp's parser or sampler cannot take: syntax errors,
/// undefined and left-recursive rules, grammars that no finite text matches, repetition counts and sizes beyond the
/// bounds above. A grammar that passes can be given to the grammar sampler: it neither aborts nor expands without
/// bound.
Result<> check_gbnf(std::string_view gbnf);

/// Says whether a vocabulary can follow a grammar that passed check_gbnf(): `can_spell` tells of one character (UTF-8)
/// whether some token or run of tokens writes it. Fails with `unsupported`, naming the characters, only if every
/// derivation needs one that cannot be spelt.
Result<> check_vocabulary(std::string_view gbnf, const std::function<bool(std::string_view)>& can_spell);

}  // namespace hearth::engine
