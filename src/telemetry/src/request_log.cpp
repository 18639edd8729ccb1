// SPDX-License-Identifier: Apache-2.0
#include "hearth/telemetry/request_log.hpp"

#include "hearth/base/log.hpp"

namespace hearth::telemetry {
namespace {

double milliseconds(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::milli>{time}.count(); }

}  // namespace

LogLevel level_of(const RequestLine& line) noexcept {
  // A client's own mistake is not our event: a flood of 400s must not drown what someone has to act on.
  if (!line.error || line.status < 500) return LogLevel::info;
  return traits(*line.error).level;
}

void log_request(const RequestLine& line) {
  log::write(level_of(line), "request",
             {{"id", line.id},
              {"method", line.method},
              {"route", line.route},
              {"model", line.model},
              {"principal", line.principal},
              {"status", line.status},
              {"error", line.error ? traits(*line.error).name : std::string_view{"-"}},
              {"streamed", line.streamed},
              {"prompt_tokens", line.usage.prompt_tokens},
              {"cached_tokens", line.usage.cached_tokens},
              {"completion_tokens", line.usage.completion_tokens},
              {"first_token_ms", line.first_token ? milliseconds(*line.first_token) : -1.0},
              {"ms", milliseconds(line.duration)}});
}

}  // namespace hearth::telemetry
