// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <unordered_set>

#include "gguf_values.hpp"

namespace hearth::models {
namespace {

using gguf::corrupt;
using gguf::Reader;
using gguf::shown;

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kHeaderBytes = 24;
constexpr std::uint64_t kKeyBytesMin = 8 + 1 + 4 + 1;     // length, one character, type, one byte
constexpr std::uint64_t kTensorBytesMin = 8 + 4 + 4 + 8;  // name length, dimensions, type, offset
constexpr std::size_t kTensorNameMax = 63;                // ggml keeps names in 64 bytes
constexpr std::uint32_t kDimsMax = 4;
constexpr std::uint64_t kElementsMax = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view kAlignmentKey = "general.alignment";

class Parser {
 public:
  Parser(ByteSource& source, const GgufLimits& limits) : reader_{source}, limits_{limits} {
    info_.file_bytes = source.size();
  }

  Result<GgufInfo> run() {
    HEARTH_CHECKED(header());
    for (std::uint64_t i = 0; i < key_count_; ++i) HEARTH_CHECKED(key_value(i));
    HEARTH_CHECKED(alignment());
    info_.tensors.reserve(std::min<std::uint64_t>(tensor_count_, 1024));
    for (std::uint64_t i = 0; i < tensor_count_; ++i) HEARTH_CHECKED(tensor(i));
    HEARTH_CHECKED(layout());
    return std::move(info_);
  }

 private:
  Result<> header() {
    if (reader_.remaining() < kHeaderBytes) {
      return corrupt(fmt::format("only {} bytes long: a GGUF header has {}", reader_.remaining(), kHeaderBytes));
    }
    HEARTH_TRY(const auto magic, reader_.number<std::uint32_t>("the magic"));
    if (magic != kMagic) return corrupt("not a GGUF file: it does not begin with 'GGUF'");
    HEARTH_TRY(info_.version, reader_.number<std::uint32_t>("the version"));
    if (info_.version != 0 && (info_.version & 0xFFFFU) == 0) {
      return corrupt("a big-endian GGUF file, which this machine cannot use; take the little-endian one");
    }
    if (info_.version != 2 && info_.version != 3) {
      return corrupt(fmt::format("GGUF version {} at byte 4 is not supported (2 and 3 are); convert the model again",
                                 info_.version));
    }
    HEARTH_TRY(tensor_count_, count("tensors", limits_.tensors, kTensorBytesMin));
    HEARTH_TRY(key_count_, count("keys", limits_.keys, kKeyBytesMin));
    return {};
  }

  // No count is believed that the file could not hold.
  Result<std::uint64_t> count(std::string_view what, std::uint64_t most, std::uint64_t bytes_each) {
    const std::uint64_t at = reader_.position();
    HEARTH_TRY(const auto n, reader_.number<std::uint64_t>(what));
    if (n > most) return corrupt(fmt::format("{} {} at byte {}: at most {} are allowed", n, what, at, most));
    if (n > info_.file_bytes / bytes_each) {
      return corrupt(fmt::format("{} {} at byte {} cannot fit a file of {} bytes", n, what, at, info_.file_bytes));
    }
    return n;
  }

  Result<> key_value(std::uint64_t index) {
    const std::uint64_t at = reader_.position();
    HEARTH_TRY(auto key, reader_.string(fmt::format("key {}", index), limits_.key_bytes));
    if (key.empty()) return corrupt(fmt::format("key {} at byte {} is empty", index, at));
    // ggml stores keys as C strings in places: a NUL would make two keys one.
    if (key.find('\0') != std::string::npos) {
      return corrupt(fmt::format("key '{}' at byte {} holds a NUL character", shown(key), at));
    }
    if (info_.kv.contains(key)) return corrupt(fmt::format("key '{}' at byte {} appears twice", shown(key), at));
    const std::string what = fmt::format("key '{}'", shown(key));
    HEARTH_TRY(const auto type, reader_.number<std::uint32_t>(what));
    if (type > static_cast<std::uint32_t>(GgufType::f64)) {
      return corrupt(fmt::format("{} at byte {} has the unknown value type {}", what, at, type));
    }
    HEARTH_TRY(auto parsed, gguf::read_value(reader_, static_cast<GgufType>(type), key, limits_, kept_bytes_));
    info_.kv.emplace(std::move(key), std::move(parsed));
    return {};
  }

  Result<> alignment() {
    const GgufValue* given = info_.find(kAlignmentKey);
    if (given == nullptr) return {};
    if (given->type != GgufType::u32) {
      return corrupt(fmt::format("key '{}' has the type {}, not u32", kAlignmentKey, type_name(given->type)));
    }
    info_.alignment = std::get<std::uint64_t>(given->data);
    if (!std::has_single_bit(info_.alignment) || info_.alignment > limits_.alignment) {
      return corrupt(fmt::format("key '{}' is {}: it must be a power of two up to {}", kAlignmentKey, info_.alignment,
                                 limits_.alignment));
    }
    return {};
  }

  Result<> tensor(std::uint64_t index) {
    const std::uint64_t at = reader_.position();
    GgufTensor t;
    // The limit of the read is wider than that of a name, so that a long name is shown and not only counted.
    HEARTH_TRY(t.name, reader_.string(fmt::format("the name of tensor {}", index), limits_.key_bytes));
    const std::string what = fmt::format("tensor '{}'", shown(t.name));
    if (t.name.empty()) return corrupt(fmt::format("tensor {} at byte {} has no name", index, at));
    if (t.name.size() > kTensorNameMax) {
      return corrupt(
          fmt::format("{} at byte {}: a name has at most {} bytes, not {}", what, at, kTensorNameMax, t.name.size()));
    }
    if (t.name.find('\0') != std::string::npos) {
      return corrupt(fmt::format("{} at byte {}: the name holds a NUL character", what, at));
    }
    if (!names_.insert(t.name).second) return corrupt(fmt::format("{} at byte {} appears twice", what, at));
    HEARTH_CHECKED(shape(what, t));
    HEARTH_TRY(t.offset, reader_.number<std::uint64_t>(what));
    info_.tensors.push_back(std::move(t));
    return {};
  }

  Result<> shape(const std::string& what, GgufTensor& t) {
    const std::uint64_t at = reader_.position();
    HEARTH_TRY(t.n_dims, reader_.number<std::uint32_t>(what));
    if (t.n_dims > kDimsMax) {
      return corrupt(
          fmt::format("{} at byte {} has {} dimensions, at most {} are possible", what, at, t.n_dims, kDimsMax));
    }
    std::uint64_t elements = 1;
    for (std::uint32_t d = 0; d < t.n_dims; ++d) {
      HEARTH_TRY(t.dims[d], reader_.number<std::uint64_t>(what));
      if (t.dims[d] == 0 || t.dims[d] > kElementsMax) {
        return corrupt(fmt::format("{}: dimension {} at byte {} is {}", what, d, reader_.position() - 8,
                                   static_cast<std::int64_t>(t.dims[d])));
      }
      if (elements > kElementsMax / t.dims[d]) {
        return corrupt(fmt::format("{} at byte {}: the number of its elements overflows", what, at));
      }
      elements *= t.dims[d];
    }
    const std::uint64_t type_at = reader_.position();
    HEARTH_TRY(const auto type, reader_.number<std::uint32_t>(what));
    t.type = find_tensor_type(type);
    if (t.type == nullptr) {
      return corrupt(fmt::format("{}: the tensor type {} at byte {} is unknown or was removed from the format", what,
                                 type, type_at));
    }
    if (t.dims[0] % t.type->block != 0) {
      return corrupt(fmt::format("{}: a row of {} elements is not a multiple of {}'s block of {}", what, t.dims[0],
                                 t.type->name, t.type->block));
    }
    if (elements / t.type->block > std::numeric_limits<std::uint64_t>::max() / t.type->bytes) {
      return corrupt(fmt::format("{} at byte {}: its size in bytes overflows", what, at));
    }
    t.bytes = elements / t.type->block * t.type->bytes;
    return {};
  }

  // libllama wants tensors one behind the other, each padded to the alignment; so overlap and gaps are one check.
  Result<> layout() {
    const std::uint64_t header_end = reader_.position();
    info_.data_offset = header_end;
    if (info_.tensors.empty()) return {};
    info_.data_offset = (header_end + info_.alignment - 1) / info_.alignment * info_.alignment;
    if (info_.data_offset > info_.file_bytes) {
      return corrupt(fmt::format("the file ends at byte {}, before its tensor data at byte {}", info_.file_bytes,
                                 info_.data_offset));
    }
    const std::uint64_t room = info_.file_bytes - info_.data_offset;
    std::uint64_t expected = 0;
    for (const GgufTensor& t : info_.tensors) {
      const std::string what = fmt::format("tensor '{}'", shown(t.name));
      if (t.offset % info_.alignment != 0) {
        return corrupt(
            fmt::format("{}: the offset {} is not a multiple of the alignment {}", what, t.offset, info_.alignment));
      }
      if (t.offset > room || t.bytes > room - t.offset) {
        return corrupt(fmt::format("{} needs {} bytes at offset {}, but the file has {} bytes of tensor data", what,
                                   t.bytes, t.offset, room));
      }
      if (t.offset != expected) {
        return corrupt(fmt::format("{}: the offset {} {} (expected {})", what, t.offset,
                                   t.offset < expected ? "overlaps the tensor before it" : "leaves a gap", expected));
      }
      expected = t.offset + (t.bytes + info_.alignment - 1) / info_.alignment * info_.alignment;
    }
    return {};
  }

  Reader reader_;
  const GgufLimits& limits_;
  GgufInfo info_;
  std::uint64_t key_count_ = 0;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t kept_bytes_ = 0;
  std::unordered_set<std::string> names_;
};

class SpanSource : public ByteSource {
 public:
  explicit SpanSource(std::span<const std::byte> bytes) : bytes_{bytes} {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<> read_at(std::uint64_t position, std::span<std::byte> out) override {
    std::ranges::copy(bytes_.subspan(position, out.size()), out.begin());
    return {};
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace

Result<GgufInfo> parse_gguf(ByteSource& source, const GgufLimits& limits) { return Parser{source, limits}.run(); }

Result<GgufInfo> parse_gguf(std::span<const std::byte> bytes, const GgufLimits& limits) {
  SpanSource source{bytes};
  return parse_gguf(source, limits);
}

}  // namespace hearth::models
