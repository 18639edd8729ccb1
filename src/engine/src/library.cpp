// SPDX-License-Identifier: Apache-2.0
#include "library.hpp"

#include <ggml-backend.h>
#include <llama.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <mutex>

#include <log.h>

#include "attention_operation.hpp"
#include "hearth/base/log.hpp"
#include "hearth/engine/model.hpp"
#ifdef HEARTH_X86_KERNELS
#include "matmul_buffer.hpp"
#endif

namespace hearth::engine {
namespace {

thread_local std::string t_errors;

void on_library_log(ggml_log_level level, const char* text, void*) {
  std::string_view line{text};
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (line.empty()) return;
  if (level == GGML_LOG_LEVEL_ERROR) {
    t_errors += t_errors.empty() ? "" : "; ";  // the first one is the cause, the others say what it led to
    t_errors += line;
    log::debug("llama error", {{"text", line}});
  } else if (level == GGML_LOG_LEVEL_WARN) {
    log::debug("llama warning", {{"text", line}});
  }
}

}  // namespace

void initialize_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(on_library_log, nullptr);
    common_log_set_verbosity_thold(-1);
    ggml_backend_load_all();
    register_attention();
#ifdef HEARTH_X86_KERNELS
    register_matmul();
#endif
    llama_backend_init();
  });
}

std::string take_library_error() { return std::exchange(t_errors, {}); }

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  std::ifstream quota_file{"/sys/fs/cgroup/cpu.max"};
  std::string quota;
  long period = 0;
  if (quota_file >> quota >> period && quota != "max" && period > 0) {
    cores = std::min(cores, static_cast<int>((std::stol(quota) + period - 1) / period));
  }
  return std::max(1, cores);
}

}  // namespace hearth::engine
