// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <variant>

#include "hearth/inference/request.hpp"
#include "nearest.hpp"

namespace hearth::models {
namespace {

using Sampling = inference::Sampling;
constexpr double kWordMax = std::numeric_limits<std::int32_t>::max();

struct WithoutEffect {};
struct Stop {};

/// Where a value goes: its type follows from the member's.
using Target = std::variant<std::optional<float> Sampling::*, std::optional<std::int32_t> Sampling::*,
                            std::optional<std::uint32_t> Sampling::*, std::optional<std::int32_t> RuntimeOptions::*,
                            std::optional<bool> RuntimeOptions::*, std::optional<std::int32_t> ModelOptions::*, Stop,
                            WithoutEffect>;

struct Parameter {
  std::string_view name;
  double least;
  double most;
  double unset;  // values below this mean "as if absent", for numbers that have such a word
  Target target;
};

constexpr double kNone = -std::numeric_limits<double>::infinity();

constexpr std::array kParameters{
    Parameter{"temperature", 0, 100, kNone, &Sampling::temperature},
    Parameter{"top_k", -1, 1e6, kNone, &Sampling::top_k},
    Parameter{"top_p", 0, 1, kNone, &Sampling::top_p},
    Parameter{"min_p", 0, 1, kNone, &Sampling::min_p},
    Parameter{"typical_p", 0, 1, kNone, &Sampling::typical_p},
    Parameter{"seed", -1, 4294967295.0, 0, &Sampling::seed},
    Parameter{"repeat_last_n", -1, 1 << 24, kNone, &Sampling::repeat_last_n},
    Parameter{"repeat_penalty", 0.01, 100, kNone, &Sampling::repeat_penalty},
    Parameter{"presence_penalty", -100, 100, kNone, &Sampling::presence_penalty},
    Parameter{"frequency_penalty", -100, 100, kNone, &Sampling::frequency_penalty},
    Parameter{"mirostat", 0, 2, kNone, &Sampling::mirostat},
    Parameter{"mirostat_tau", 0, 100, kNone, &Sampling::mirostat_tau},
    Parameter{"mirostat_eta", 0, 100, kNone, &Sampling::mirostat_eta},
    Parameter{"stop", 0, 0, kNone, Stop{}},
    Parameter{"num_predict", -2, kWordMax, 1, &ModelOptions::max_tokens},
    Parameter{"num_ctx", 1, 1 << 30, kNone, &RuntimeOptions::context},
    Parameter{"num_batch", 1, 65'536, kNone, &RuntimeOptions::batch},
    Parameter{"num_gpu", -1, 10'000, 0, &RuntimeOptions::gpu_layers},
    Parameter{"num_thread", 0, 4'096, 1, &RuntimeOptions::threads},
    Parameter{"main_gpu", 0, 255, kNone, &RuntimeOptions::main_gpu},
    Parameter{"use_mmap", 0, 1, kNone, &RuntimeOptions::mmap},
    Parameter{"num_keep", 0, 0, kNone, WithoutEffect{}},  // the context is never shifted
    Parameter{"use_mlock", 0, 0, kNone, WithoutEffect{}},
    Parameter{"numa", 0, 0, kNone, WithoutEffect{}},
    Parameter{"low_vram", 0, 0, kNone, WithoutEffect{}},
    Parameter{"f16_kv", 0, 0, kNone, WithoutEffect{}},
    Parameter{"logits_all", 0, 0, kNone, WithoutEffect{}},
    Parameter{"vocab_only", 0, 0, kNone, WithoutEffect{}},
    Parameter{"penalize_newline", 0, 0, kNone, WithoutEffect{}},
    Parameter{"tfs_z", 0, 0, kNone, WithoutEffect{}},
    Parameter{"draft_num_predict", 0, 0, kNone, WithoutEffect{}},
};

std::unexpected<Error> refuse(std::string_view name, std::string_view value, std::string_view why) {
  return fail(ErrorCode::invalid_request, fmt::format("parameter '{}': '{}' {}", name, printable(value), why),
              std::string{name});
}

std::optional<bool> parse_bool(std::string_view text) {
  for (const auto* yes : {"true", "True", "TRUE", "1", "t", "T"}) {
    if (text == yes) return true;
  }
  for (const auto* no : {"false", "False", "FALSE", "0", "f", "F"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

Result<double> parse_number(const Parameter& p, std::string_view text, bool whole) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return refuse(p.name, text, "is not a number");
  }
  if (whole && value != std::floor(value)) return refuse(p.name, text, "is not a whole number");
  if (value < p.least || value > p.most)
    return refuse(p.name, text, fmt::format("is not in {} to {}", p.least, p.most));
  return value;
}

class Setter {
 public:
  Setter(ModelOptions& out, const Parameter& parameter, std::string_view text)
      : out_{out}, parameter_{parameter}, text_{text} {}

  Result<> operator()(std::optional<float> Sampling::* member) const { return number(out_.sampling.*member, false); }
  Result<> operator()(std::optional<std::int32_t> Sampling::* member) const {
    return number(out_.sampling.*member, true);
  }
  Result<> operator()(std::optional<std::uint32_t> Sampling::* member) const {
    return number(out_.sampling.*member, true);
  }
  Result<> operator()(std::optional<std::int32_t> RuntimeOptions::* member) const {
    return number(out_.runtime.*member, true);
  }
  Result<> operator()(std::optional<std::int32_t> ModelOptions::* member) const { return number(out_.*member, true); }
  Result<> operator()(std::optional<bool> RuntimeOptions::* member) const {
    const auto value = parse_bool(text_);
    if (!value) return refuse(parameter_.name, text_, "is not true or false");
    out_.runtime.*member = *value;
    return {};
  }
  Result<> operator()(Stop) const {
    if (text_.empty() || text_.size() > kStopBytesMax) {
      return refuse(parameter_.name, text_, fmt::format("must have 1 to {} bytes", kStopBytesMax));
    }
    if (out_.stop.size() >= inference::kMaxStops) {
      return refuse(parameter_.name, text_,
                    fmt::format("is one too many: at most {} are possible", inference::kMaxStops));
    }
    out_.stop.emplace_back(text_);
    return {};
  }
  Result<> operator()(WithoutEffect) const {
    out_.without_effect.emplace_back(parameter_.name);
    return {};
  }

 private:
  template <class T>
  Result<> number(std::optional<T>& target, bool whole) const {
    HEARTH_TRY(const double value, parse_number(parameter_, text_, whole));
    target = value < parameter_.unset ? std::nullopt : std::optional<T>{static_cast<T>(value)};
    return {};
  }

  ModelOptions& out_;
  const Parameter& parameter_;
  std::string_view text_;
};

}  // namespace

Result<ModelOptions> to_options(const Parameters& parameters) {
  ModelOptions out;
  for (const auto& [name, value] : parameters) {
    const auto* found = std::ranges::find(kParameters, std::string_view{name}, &Parameter::name);
    if (found == kParameters.end()) {
      std::array<std::string_view, kParameters.size()> names;
      std::ranges::transform(kParameters, names.begin(), &Parameter::name);
      return fail(ErrorCode::invalid_request,
                  fmt::format("unknown parameter '{}'{}", printable(name), did_you_mean(name, names)), name);
    }
    HEARTH_CHECKED(std::visit(Setter{out, *found, value}, found->target));
  }
  return out;
}

}  // namespace hearth::models
