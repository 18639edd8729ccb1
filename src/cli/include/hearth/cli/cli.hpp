// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hearth::cli {

/// The command line: one file a subcommand. Returns the exit status: 0 done, 1 failed (one line on stderr says what and
/// what to type next), 2 wrong usage.
int run(int argc, char** argv);

}  // namespace hearth::cli
