// SPDX-License-Identifier: Apache-2.0
#include "progress_bar.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "hearth/base/text.hpp"

namespace hearth::cli {
namespace {

constexpr int kBarWidth = 24;

std::string time_left(double seconds) {
  const auto s = std::llround(seconds);
  if (s >= 3600) return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
  if (s >= 60) return fmt::format("{}m{:02}s", s / 60, s % 60);
  return fmt::format("{}s", s);
}

std::string bar(double share) {
  const int full = static_cast<int>(share * kBarWidth);
  std::string out = "▕";
  for (int i = 0; i < kBarWidth; ++i) out += i < full ? "█" : " ";
  return out + "▏";
}

}  // namespace

std::string TransferLine::update(const models::Progress& progress, Clock::time_point now, int columns) {
  if (progress.digest != digest_ || progress.completed < last_completed_) {
    digest_ = progress.digest;
    rate_ = 0;
    last_ = now;
    last_completed_ = progress.completed;
  }
  const double elapsed = std::chrono::duration<double>(now - last_).count();
  if (elapsed >= 0.2) {
    const double sample = static_cast<double>(progress.completed - last_completed_) / elapsed;
    const double weight = 1 - std::exp(-elapsed / 3);
    rate_ = rate_ == 0 ? sample : rate_ + weight * (sample - rate_);
    last_ = now;
    last_completed_ = progress.completed;
  }
  const double share =
      progress.total == 0 ? 0 : static_cast<double>(progress.completed) / static_cast<double>(progress.total);
  std::string line = fmt::format("{:<24.24} {:>3.0f}% ", progress.status, std::floor(share * 100));
  if (columns >= 100) line += bar(share) + " ";
  line += fmt::format("{:>7}/{:<7}", text::human_bytes(progress.completed), text::human_bytes(progress.total));
  if (rate_ > 0 && progress.completed < progress.total) {
    line += fmt::format(" {:>7}/s {:>6}", text::human_bytes(static_cast<std::uint64_t>(rate_)),
                        time_left(static_cast<double>(progress.total - progress.completed) / rate_));
  }
  return line;
}

ProgressPrinter::ProgressPrinter() : terminal_{isatty(STDERR_FILENO) == 1}, columns_{80} {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) columns_ = size.ws_col;
}

ProgressPrinter::~ProgressPrinter() {
  if (open_line_) std::fputc('\n', stderr);
}

void ProgressPrinter::operator()(const models::Progress& progress) {
  const bool fresh = progress.status != last_status_;
  const bool complete = progress.total > 0 && progress.completed >= progress.total;
  last_status_ = progress.status;
  if (!terminal_) {
    if (fresh) std::fprintf(stderr, "%s\n", progress.status.c_str());
    return;
  }
  const Clock::time_point now = Clock::now();
  if (!fresh && !complete && now - last_drawn_ < std::chrono::milliseconds{100}) return;
  last_drawn_ = now;
  if (fresh && open_line_) std::fputc('\n', stderr);
  const std::string line = progress.total > 0 ? line_.update(progress, now, columns_) : progress.status;
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  open_line_ = true;
}

}  // namespace hearth::cli
