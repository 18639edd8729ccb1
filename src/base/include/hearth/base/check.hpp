// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hearth {
/// Logs the broken invariant with its place and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;
}  // namespace hearth

/// An invariant of our own code, checked in every build. Never on input from outside.
#define HEARTH_CHECK(condition) \
  (static_cast<bool>(condition) ? void() : ::hearth::check_failed(#condition, __FILE__, __LINE__))
