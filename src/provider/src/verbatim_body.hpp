// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocol.hpp"

namespace hearth::provider {

/// A member of the outermost object: its name and its new value as JSON text. An empty value takes the member out.
struct Edit {
  std::string_view name;
  std::string value;
};

/// A call whose body is `text`, a valid JSON object, byte for byte but for the edited members, which come first. The
/// text itself is not copied. A name is found however it is escaped.
HttpCall edited_call(std::string path, std::shared_ptr<const std::string> text, std::span<const Edit> edits);

/// The value of a member of the outermost object as it is written; empty where there is none.
std::string_view raw_member(std::string_view text, std::string_view name);

}  // namespace hearth::provider
