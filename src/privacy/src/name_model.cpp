// SPDX-License-Identifier: Apache-2.0
#include "hearth/privacy/name_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hearth/base/check.hpp"
#include "hearth/base/checksum.hpp"
#include "name_features.hpp"
#include "text_window.hpp"
#include "types.hpp"

namespace hearth::privacy {
namespace {

constexpr std::string_view kMagic = "HRTHNAM1";
constexpr std::size_t kTriggers = std::size_t{1} << 12;

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
constexpr unsigned char kBytes[] = {
#embed "../../../training/names.bin"
};
#pragma clang diagnostic pop

/// May one finding go on over what is between two words?
bool joins(std::string_view between, std::uint16_t type) {
  if (between.size() > 4) return false;
  return type == kAddress || between.find('\n') == std::string_view::npos;
}

}  // namespace

void NameModel::find(std::string_view text, const Findings& known, Findings& out) const {
  const std::vector<Token> tokens = tokens_of(text, known);
  std::uint8_t before = 0;
  std::uint8_t before_that = 0;
  bool open = false;  // the last finding may go on
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    std::uint8_t tag = 0;
    float margin = 0;
    const std::uint32_t bit = trigger_bit(token);
    const bool triggers = (triggers_[bit / 8] >> (bit % 8) & 1) != 0;
    if (!token.known && (before != 0 || (!token.mark && (token.loud || triggers)))) {
      std::array<std::int32_t, kTags> sums{};
      for (const std::uint32_t row : features_of(text, tokens, i, before, before_that)) {
        for (std::size_t t = 0; t < kTags; ++t) sums[t] += weights_[row][t];
      }
      const auto best = std::ranges::max_element(sums);
      tag = static_cast<std::uint8_t>(best - sums.begin());
      margin = static_cast<float>(*best - sums[0]);
    }
    const std::uint16_t type = kTypeOfTag[tag];
    if (tag == 0) {
      open = false;
    } else if (open && out.back().type == type &&
               joins(text.substr(out.back().end, token.begin - out.back().end), type)) {
      if (!token.mark) out.back().end = token.end;  // a mark belongs to it when a word follows
      if (text[token.begin] == '.' && out.back().end == token.begin && type == kTitle) out.back().end = token.end;
    } else if (!token.mark) {
      constexpr float kSure = 60;
      out.push_back({.type = type,
                     .begin = token.begin,
                     .end = token.end,
                     .guessed = true,
                     .score = 1 / (1 + std::exp(-margin / kSure)) * 0.8F});
      open = true;
    }
    before_that = before;
    before = tag;
  }
  // A number that is guessed to be a telephone's has to have enough digits for one.
  constexpr std::ptrdiff_t kDigits = 6;
  std::erase_if(out, [&](const Finding& finding) {
    return finding.type == kPhone &&
           std::ranges::count_if(text.substr(finding.begin, finding.end - finding.begin), is_digit) < kDigits;
  });
}

std::string NameModel::save() const {
  std::string out{kMagic};
  out.append(reinterpret_cast<const char*>(weights_.data()), weights_.size() * sizeof(Row));
  out.append(reinterpret_cast<const char*>(triggers_.data()), triggers_.size());
  const std::uint64_t sum = checksum(out);
  out.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return out;
}

Result<NameModel> NameModel::load(std::string_view bytes) {
  constexpr std::size_t kRows = std::size_t{1} << kBits;
  constexpr std::size_t kSize = kMagic.size() + kRows * sizeof(Row) + kTriggers / 8 + sizeof(std::uint64_t);
  std::uint64_t sum = 0;
  const bool sized = bytes.size() == kSize && bytes.starts_with(kMagic);
  if (sized) std::memcpy(&sum, bytes.data() + kSize - sizeof sum, sizeof sum);
  if (!sized || sum != checksum(bytes.substr(0, kSize - sizeof sum))) {
    return fail(ErrorCode::corrupt_data,
                "this is no model of names of this version; train one with: hearth privacy train");
  }
  NameModel model;
  model.weights_.resize(kRows);
  std::memcpy(model.weights_.data(), bytes.data() + kMagic.size(), kRows * sizeof(Row));
  const std::string_view rest = bytes.substr(kMagic.size() + kRows * sizeof(Row), kTriggers / 8);
  model.triggers_.assign(rest.begin(), rest.end());
  return model;
}

const NameModel& NameModel::built_in() {
  static const NameModel model = [] {
    auto loaded = load({reinterpret_cast<const char*>(kBytes), sizeof kBytes});
    HEARTH_CHECK(loaded.has_value());
    return *std::move(loaded);
  }();
  return model;
}

}  // namespace hearth::privacy
