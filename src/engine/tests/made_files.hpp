// SPDX-License-Identifier: Apache-2.0
// Small GGUF files made while the tests run, whose behaviour can be told from their weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace hearth::engine::tests {

/// A BERT of one layer that ranks documents by the share of the word "river" among their words: attention is the mean
/// over all tokens, and the classifier reads the one dimension that only "river" has. Other words: see kWords.
void make_reranker(const std::filesystem::path& path);
inline const std::vector<std::string> kWords{"river", "stone", "cloud", "tree", "bird"};

/// A LoRA adapter of rank 4 for every layer's `attn_output` of the model at `base`.
void make_adapter(const std::filesystem::path& base, const std::filesystem::path& path, float weight);

/// Language models with random weights and the vocabulary of the model at `base`: a Gemma 2 of four layers, every
/// second of which sees the latest `window` tokens only, and a Mamba of two layers.
void make_sliding(const std::filesystem::path& base, const std::filesystem::path& path, std::uint32_t window);
void make_recurrent(const std::filesystem::path& base, const std::filesystem::path& path);

}  // namespace hearth::engine::tests
