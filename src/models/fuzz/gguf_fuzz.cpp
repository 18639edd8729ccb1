// SPDX-License-Identifier: Apache-2.0
// libFuzzer over the validator: cmake -DHEARTH_FUZZ=ON, then gguf_fuzz CORPUS -max_len=65536.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "hearth/models/gguf.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto info = hearth::models::parse_gguf(std::as_bytes(std::span{data, size}));
  if (!info) return 0;
  for (const auto& t : info->tensors) {
    if (info->data_offset + t.offset + t.bytes > size) std::abort();  // the promise libllama relies on
  }
  std::vector<hearth::models::GgufInfo> shards;
  shards.push_back(*std::move(info));
  const auto whole = hearth::models::merge_shards(std::move(shards));
  if (whole) static_cast<void>(hearth::models::check_model(*whole).has_value());
  return 0;
}
