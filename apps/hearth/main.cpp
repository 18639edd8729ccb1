// SPDX-License-Identifier: Apache-2.0
#include "hearth/cli/cli.hpp"

#ifdef HEARTH_MIMALLOC
#include <mimalloc.h>

namespace {
/// A server that idles beside other programs hands pages back after milliseconds, not after half a second that an idle
/// process never notices. Not sooner: after 1 ms a server under load fetches them again, two page faults a request
/// (bench/RESULTS.md).
void hand_memory_back_soon() {
  mi_option_set_default(mi_option_decommit_delay, 10);          // ms
  mi_option_set_default(mi_option_segment_decommit_delay, 50);  // ms
}
}  // namespace
#endif

int main(int argc, char** argv) {
#ifdef HEARTH_MIMALLOC
  hand_memory_back_soon();
#endif
  return hearth::cli::run(argc, argv);
}
