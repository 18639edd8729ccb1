// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "hearth/base/clock.hpp"
#include "hearth/models/store.hpp"

namespace hearth::cli {

/// One transfer's line: "pulling 3f2a… ▕████    ▏ 1.2 GB/4.7 GB  38 MB/s  1m32s". Pure: the time is passed in.
/// The rate is that of about the last three seconds, so that it says what is happening now.
class TransferLine {
 public:
  std::string update(const models::Progress& progress, Clock::time_point now, int columns);

 private:
  std::string digest_;
  std::uint64_t last_completed_ = 0;
  Clock::time_point last_{};
  double rate_ = 0;  // bytes a second
};

/// Prints Progress: on a terminal the last line is rewritten in place, else each new status is one line.
class ProgressPrinter {
 public:
  ProgressPrinter();
  ~ProgressPrinter();
  void operator()(const models::Progress& progress);

 private:
  bool terminal_;
  int columns_;
  bool open_line_ = false;
  std::string last_status_;
  Clock::time_point last_drawn_{};
  TransferLine line_;
};

}  // namespace hearth::cli
