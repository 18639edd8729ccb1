// SPDX-License-Identifier: Apache-2.0
#include "hearth/cli/cli.hpp"

int main(int argc, char** argv) { return hearth::cli::run(argc, argv); }
