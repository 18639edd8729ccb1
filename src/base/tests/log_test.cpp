// SPDX-License-Identifier: Apache-2.0
#include "hearth/base/log.hpp"

#include <gtest/gtest.h>

namespace hearth::log {
namespace {

TEST(Log, TextQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(format_line(Format::text, "request", {{"status", 200}, {"path", "/v1/x"}, {"note", "a b"}}),
            "request status=200 path=/v1/x note=\"a b\"");
}

TEST(Log, JsonEscapesControlCharacters) {
  EXPECT_EQ(format_line(Format::json, "e", {{"s", "a\"\n"}, {"ok", true}, {"ms", 1.5}}),
            R"("event":"e","s":"a\"\u000a","ok":true,"ms":1.5)");
}

}  // namespace
}  // namespace hearth::log
