// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hearth/base/result.hpp"

/// GGUF, read with suspicion: what strangers wrote is checked here before libllama sees it, because libllama answers
/// several kinds of damage with an assertion that ends the process. Format: ggml's docs/gguf.md, versions 2 and 3.
/// Everything here is data in, data out; any thread. Every failure is corrupt_data with one line that names the key or
/// tensor and the byte, unless said otherwise.
namespace hearth::models {

/// The numbers are the file's.
enum class GgufType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};
std::string_view type_name(GgufType type) noexcept;

/// An array. Elements are kept only if there are at most GgufLimits::kept_elements; `length` is always the file's.
struct GgufArray {
  GgufType element = GgufType::u8;
  std::uint64_t length = 0;
  bool kept = false;
  std::vector<std::int64_t> integers;  // u8 … i64 and booleans (a u64 above 2^63 - 1 wraps)
  std::vector<double> floats;
  std::vector<std::string> strings;
  /// Of tokenizer.ggml.tokens only: the first entry that repeats an earlier one (libllama aborts on it).
  std::optional<std::uint64_t> repeated;
};

struct GgufValue {
  GgufType type = GgufType::u8;
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray> data;
};

/// How a ggml tensor type packs elements: rows are cut into blocks of `block` elements of `bytes` bytes each.
struct TensorType {
  std::uint32_t id;
  std::string_view name;  // "F16", "Q4_K"
  std::uint32_t block;
  std::uint32_t bytes;
  bool weights;  // libllama can multiply by a matrix of this type
};
/// Null for numbers that ggml does not know or has removed.
const TensorType* find_tensor_type(std::uint32_t id) noexcept;

struct GgufTensor {
  std::string name;
  const TensorType* type = nullptr;  // static, never null
  std::uint32_t n_dims = 0;
  std::array<std::uint64_t, 4> dims{1, 1, 1, 1};  // fastest first; those from n_dims on are 1
  std::uint64_t offset = 0;                       // from data_offset
  std::uint64_t bytes = 0;

  std::uint64_t elements() const noexcept { return dims[0] * dims[1] * dims[2] * dims[3]; }
};

/// Bounds on what one file may claim. Those with a reason are libllama's: it compares each key and each tensor name
/// with all before it, so tens of thousands of them take seconds.
struct GgufLimits {
  std::uint64_t keys = 16'384;
  std::uint64_t tensors = 32'768;
  std::uint64_t key_bytes = 65'535;
  std::uint64_t string_bytes = 16U << 20;
  std::uint64_t kept_elements = 4'096;
  std::uint64_t kept_bytes = 64U << 20;  // of all values together
  std::uint64_t alignment = 65'536;
};

/// A file's header, metadata and tensor list. Consistent in itself (parse_gguf); against libllama: check_model.
struct GgufInfo {
  std::uint32_t version = 0;
  std::uint64_t alignment = 32;
  std::uint64_t data_offset = 0;
  std::uint64_t file_bytes = 0;
  std::map<std::string, GgufValue, std::less<>> kv;
  std::vector<GgufTensor> tensors;  // in the file's order

  const GgufValue* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// Absent, or of another kind: empty. `integer` takes every integer type that fits.
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::string_view text(std::string_view key) const;
  const GgufArray* array(std::string_view key) const;
  const GgufTensor* tensor(std::string_view name) const;  // linear in the number of tensors

  std::string_view architecture() const { return text("general.architecture"); }
  /// A key of the architecture: "context_length" is "llama.context_length". The largest element of an array.
  std::optional<std::int64_t> hparam(std::string_view key) const;
  std::int64_t context_length() const { return hparam("context_length").value_or(0); }
  std::int64_t embedding_length() const { return hparam("embedding_length").value_or(0); }
  std::int64_t block_count() const { return hparam("block_count").value_or(0); }
  std::int64_t head_count() const { return hparam("attention.head_count").value_or(0); }
  std::int64_t head_count_kv() const { return hparam("attention.head_count_kv").value_or(head_count()); }
  std::int64_t vocabulary_size() const;
  std::string_view chat_template() const { return text("tokenizer.chat_template"); }
  /// "Q4_K_M" from general.file_type; without it the type that holds most bytes.
  std::string_view quantization() const;
  std::uint64_t parameter_count() const;  // elements of all tensors
  std::uint64_t tensor_bytes() const;
  std::uint64_t split_count() const;  // 1 for a file that is not a shard
};

/// "1.2B", "134.52M": as Ollama writes parameter counts.
std::string human_parameters(std::uint64_t count);

/// Bytes by position. Implementations: a span (tests, fuzzing), a file read with pread.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  /// Fills `out` from `position`; the caller stays within size(). An error if the bytes cannot be had.
  virtual Result<> read_at(std::uint64_t position, std::span<std::byte> out) = 0;
};

/// Reads and checks header, metadata and tensor list; touches no tensor data. Memory is bounded by `limits`.
Result<GgufInfo> parse_gguf(ByteSource& source, const GgufLimits& limits = {});
Result<GgufInfo> parse_gguf(std::span<const std::byte> bytes, const GgufLimits& limits = {});
/// Blocks on the file. not_found if there is none; messages begin with the path.
Result<GgufInfo> read_gguf(const std::filesystem::path& path, const GgufLimits& limits = {});

/// Refuses what libllama would abort or crash on: hyperparameters against each other, against the tensors and the
/// vocabulary. Strict for llama-like architectures; generic checks for others. `info` is a whole model (merged shards).
Result<> check_model(const GgufInfo& info);
/// The same for a LoRA adapter and the model that it is for.
Result<> check_adapter(const GgufInfo& adapter, const GgufInfo& base);

/// All files of a model, given any of them: "x-00002-of-00003.gguf" names three, anything else itself. Files must
/// exist.
Result<std::vector<std::filesystem::path>> shard_paths(const std::filesystem::path& path);
/// Puts the shards of one model together, in order: metadata of the first, tensors of all; refuses a set that does not
/// fit. The offsets of the result are those within each shard.
Result<GgufInfo> merge_shards(std::vector<GgufInfo> shards);
/// shard_paths, read_gguf of each, merge_shards, check_model: the gate that every model passes before it is loaded.
Result<GgufInfo> read_model(const std::filesystem::path& path, const GgufLimits& limits = {});

}  // namespace hearth::models
