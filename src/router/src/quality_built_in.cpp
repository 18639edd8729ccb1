// SPDX-License-Identifier: Apache-2.0
// The weights that come with the program; training/README.md says how they were made.
#include <string_view>

#include "hearth/base/check.hpp"
#include "hearth/router/quality.hpp"

namespace hearth::router {
namespace {

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
constexpr unsigned char kBytes[] = {
#embed "../../../training/quality.bin"
};
#pragma clang diagnostic pop

QualityModel load_built_in() {
  auto model = QualityModel::load({reinterpret_cast<const char*>(kBytes), sizeof kBytes});
  HEARTH_CHECK(model.has_value());
  return *std::move(model);
}

}  // namespace

const QualityModel& QualityModel::built_in() {
  static const QualityModel model = load_built_in();
  return model;
}

}  // namespace hearth::router
