// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "hearth/models/gguf.hpp"

namespace hearth::models {
namespace {

// ggml's types, v0.5.0 of llama.cpp: number, name, elements a block, bytes a block, usable as a weight matrix.
// Missing numbers were removed from the format (4, 5, 31 to 33, 36 to 38).
constexpr std::array kTensorTypes{
    TensorType{0, "F32", 1, 4, true},         TensorType{1, "F16", 1, 2, true},
    TensorType{2, "Q4_0", 32, 18, true},      TensorType{3, "Q4_1", 32, 20, true},
    TensorType{6, "Q5_0", 32, 22, true},      TensorType{7, "Q5_1", 32, 24, true},
    TensorType{8, "Q8_0", 32, 34, true},      TensorType{9, "Q8_1", 32, 36, false},
    TensorType{10, "Q2_K", 256, 84, true},    TensorType{11, "Q3_K", 256, 110, true},
    TensorType{12, "Q4_K", 256, 144, true},   TensorType{13, "Q5_K", 256, 176, true},
    TensorType{14, "Q6_K", 256, 210, true},   TensorType{15, "Q8_K", 256, 292, false},
    TensorType{16, "IQ2_XXS", 256, 66, true}, TensorType{17, "IQ2_XS", 256, 74, true},
    TensorType{18, "IQ3_XXS", 256, 98, true}, TensorType{19, "IQ1_S", 256, 50, true},
    TensorType{20, "IQ4_NL", 32, 18, true},   TensorType{21, "IQ3_S", 256, 110, true},
    TensorType{22, "IQ2_S", 256, 82, true},   TensorType{23, "IQ4_XS", 256, 136, true},
    TensorType{24, "I8", 1, 1, false},        TensorType{25, "I16", 1, 2, false},
    TensorType{26, "I32", 1, 4, false},       TensorType{27, "I64", 1, 8, false},
    TensorType{28, "F64", 1, 8, false},       TensorType{29, "IQ1_M", 256, 56, true},
    TensorType{30, "BF16", 1, 2, true},       TensorType{34, "TQ1_0", 256, 54, true},
    TensorType{35, "TQ2_0", 256, 66, true},   TensorType{39, "MXFP4", 32, 17, true},
    TensorType{40, "NVFP4", 64, 36, true},    TensorType{41, "Q1_0", 128, 18, true},
    TensorType{42, "Q2_0", 64, 18, true},
};

constexpr std::array<std::string_view, 13> kTypeNames{"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                      "bool", "string", "array", "u64", "i64", "f64"};

}  // namespace

std::string_view type_name(GgufType type) noexcept {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypeNames.size() ? kTypeNames[index] : "unknown";
}

const TensorType* find_tensor_type(std::uint32_t id) noexcept {
  const auto* found = std::ranges::find(kTensorTypes, id, &TensorType::id);
  return found == kTensorTypes.end() ? nullptr : found;
}

}  // namespace hearth::models
