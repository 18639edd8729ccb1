// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/base/result.hpp"
#include "hearth/models/store.hpp"

/// The JSON inside an image's small blobs: configuration, params, messages. Data in, data out; any thread.
namespace hearth::models {

/// The fields of Ollama's config blob that describe a GGUF model.
struct ImageConfig {
  std::string family;
  std::string parameter_size;
  std::string quantization;
  std::int64_t context_length = 0;
  std::int64_t embedding_length = 0;
  std::vector<std::string> capabilities;
  std::vector<std::string> layers;  // hex digests
};
std::string encode_config(const ImageConfig& config);

/// Numbers and booleans keep their type; `stop`, and any key that repeats, becomes an array.
std::string encode_parameters(const Parameters& parameters);
Result<Parameters> parse_parameters(std::string_view json);

std::string encode_messages(const std::vector<SeedMessage>& messages);
Result<std::vector<SeedMessage>> parse_messages(std::string_view json);

}  // namespace hearth::models
