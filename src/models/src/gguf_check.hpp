// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gguf_reader.hpp"

/// The parts of check_model. Each refuses one kind of contradiction; the README's table says which line of libllama
/// each of them keeps from being reached.
namespace hearth::models::gguf {

Result<> check_hparams(const GgufInfo& info);
Result<> check_vocabulary(const GgufInfo& info);
Result<> check_tensors(const GgufInfo& info);

/// Architectures whose graph is llama's: attention with q, k, v and output, a feed-forward net, norms before both.
bool is_llama_like(std::string_view architecture) noexcept;
/// The value of a hyperparameter that may be one number or one a layer.
std::int64_t layer_value(const GgufInfo& info, std::string_view key, std::size_t layer, std::int64_t absent);

}  // namespace hearth::models::gguf
