// SPDX-License-Identifier: Apache-2.0
// A buffer type that ggml's CPU backend asks about each product and lets compute it on its own threads, so graphs stay
// in one piece. ggml has this door for its AMX and repacking code; its header is not installed.
#include "matmul_buffer.hpp"

#include <ggml-backend-impl.h>
#include <ggml-cpu.h>
#include <traits.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "matmul_kernel.hpp"

namespace hearth::engine {
namespace {

/// Up to here each thread quantizes all activations for itself: that costs less than waiting for the others.
constexpr std::int64_t kAloneMax = 8192;
/// Bytes that pay for a thread to pack them.
constexpr std::size_t kPackShare = 1U << 20;
/// Large products are handed out in pieces, so that a thread that was held up does less.
constexpr std::int64_t kPiecesPerThread = 4;

std::optional<Quant> quant_of(ggml_type type) {
  switch (type) {
    case GGML_TYPE_Q4_0: return Quant::q4_0;
    case GGML_TYPE_Q5_0: return Quant::q5_0;
    case GGML_TYPE_Q8_0: return Quant::q8_0;
    case GGML_TYPE_Q4_K: return Quant::q4_k;
    case GGML_TYPE_Q5_K: return Quant::q5_k;
    case GGML_TYPE_Q6_K: return Quant::q6_k;
    default: return std::nullopt;
  }
}

std::optional<Matrix> matrix_of(const ggml_tensor* tensor) {
  const std::optional<Quant> quant = quant_of(tensor->type);
  if (!quant || tensor->view_src != nullptr || !ggml_is_contiguous(tensor)) return std::nullopt;
  if (tensor->ne[2] != 1 || tensor->ne[3] != 1) return std::nullopt;
  const Matrix matrix{.quant = *quant, .rows = tensor->ne[1], .depth = tensor->ne[0]};
  return matrix.supported() ? std::optional{matrix} : std::nullopt;
}

/// Columns at one distance from each other, over all dimensions.
bool even_columns(const ggml_tensor* t) {
  return t->nb[0] == sizeof(float) && t->nb[1] % sizeof(float) == 0 &&
         (t->ne[2] == 1 || t->nb[2] == t->ne[1] * t->nb[1]) && (t->ne[3] == 1 || t->nb[3] == t->ne[2] * t->nb[2]);
}

ggml_backend_buffer_type_t buffer_type();

bool ours(const ggml_tensor* op) {
  return op->op == GGML_OP_MUL_MAT && op->src[0]->buffer != nullptr && op->src[0]->buffer->buft == buffer_type();
}

Product describe(const ggml_tensor* op) {
  const ggml_tensor* in = op->src[1];
  return {.matrix = *matrix_of(op->src[0]),
          .columns = in->ne[1] * in->ne[2] * in->ne[3],
          .in = static_cast<const float*>(in->data),
          .in_stride = in->nb[1] / sizeof(float),
          .packed = static_cast<const std::uint8_t*>(op->src[0]->data),
          .activations = nullptr,
          .out = static_cast<float*>(op->data),
          .out_stride = op->nb[1] / sizeof(float)};
}

std::size_t whole_lines(std::size_t bytes) { return (bytes + kCacheLine - 1) / kCacheLine * kCacheLine; }

/// How the threads share the working memory: activations once or for each of them, then everyone's scratch.
struct Plan {
  bool alone = false;
  std::size_t activations = 0;
  std::size_t scratch = 0;

  explicit Plan(const Product& product)
      : alone{product.columns * product.matrix.depth <= kAloneMax},
        activations{activations_bytes(product.matrix, product.columns)},
        scratch{whole_lines(scratch_bytes(product, best_isa()))} {}

  std::size_t bytes(int threads) const { return kCacheLine + (alone ? threads : 1) * activations + threads * scratch; }
  std::uint8_t* activations_at(std::uint8_t* base, int thread) const {
    return base + (alone ? thread * activations : 0);
  }
  std::uint8_t* scratch_at(std::uint8_t* base, int thread, int threads) const {
    return base + (alone ? threads : 1) * activations + thread * scratch;
  }
};

void compute(const ggml_compute_params& params, const ggml_tensor* op) {
  Product product = describe(op);
  const Plan plan{product};
  GGML_ASSERT(params.wsize >= plan.bytes(params.nth));
  auto* base = reinterpret_cast<std::uint8_t*>(whole_lines(reinterpret_cast<std::uintptr_t>(params.wdata)));
  product.activations = plan.activations_at(base, params.ith);
  std::uint8_t* scratch = plan.scratch_at(base, params.ith, params.nth);
  const std::int64_t groups = product.matrix.groups();
  if (plan.alone) {
    quantize(product, 0, 1);
    return multiply(product, best_isa(), groups * params.ith / params.nth, groups * (params.ith + 1) / params.nth,
                    scratch);
  }
  if (params.ith == 0) ggml_threadpool_chunk_set(params.threadpool, params.nth);
  quantize(product, params.ith, params.nth);
  ggml_barrier(params.threadpool);
  const std::int64_t pieces = std::min(groups, params.nth * kPiecesPerThread);
  for (std::int64_t piece = params.ith; piece < pieces; piece = ggml_threadpool_chunk_add(params.threadpool, 1)) {
    multiply(product, best_isa(), groups * piece / pieces, groups * (piece + 1) / pieces, scratch);
  }
}

class Traits : public ggml::cpu::tensor_traits {
 public:
  bool work_size(int threads, const ggml_tensor* op, std::size_t& size) override {
    size = Plan{describe(op)}.bytes(threads);
    return true;
  }
  bool compute_forward(ggml_compute_params* params, ggml_tensor* op) override {
    compute(*params, op);
    return true;
  }
};

class BufferType : public ggml::cpu::extra_buffer_type {
 public:
  bool supports_op(ggml_backend_dev_t, const ggml_tensor* op) override {
    if (!ours(op) || !matrix_of(op->src[0])) return false;
    const ggml_tensor* in = op->src[1];
    const bool reachable = in->buffer == nullptr || ggml_backend_buft_is_host(in->buffer->buft);
    return reachable && in->type == GGML_TYPE_F32 && even_columns(in);
  }
  ggml::cpu::tensor_traits* get_tensor_traits(const ggml_tensor* op) override { return ours(op) ? &traits_ : nullptr; }

 private:
  Traits traits_;
};

void set_tensor(ggml_backend_buffer_t, ggml_tensor* tensor, const void* data, std::size_t offset, std::size_t size) {
  const std::optional<Matrix> matrix = matrix_of(tensor);
  GGML_ASSERT(matrix);
  const auto block = static_cast<std::size_t>(format_of(matrix->quant).block_bytes);
  GGML_ASSERT(offset % block == 0 && size % block == 0);
  // libllama loads on one thread, and packing is what a start waits for.
  const std::span all{static_cast<const std::uint8_t*>(data), size};
  const std::size_t blocks = size / block;
  const std::size_t threads = std::clamp<std::size_t>(size / kPackShare, 1, std::thread::hardware_concurrency());
  std::vector<std::jthread> helpers;
  for (std::size_t t = 0; t < threads; ++t) {
    const std::size_t first = blocks * t / threads;
    const std::size_t last = blocks * (t + 1) / threads;
    const auto share = [=, &matrix] {
      pack(*matrix, offset / block + first, all.subspan(first * block, (last - first) * block),
           static_cast<std::uint8_t*>(tensor->data));
    };
    if (t + 1 < threads) {
      helpers.emplace_back(share);
    } else {
      share();
    }
  }
}

constexpr std::align_val_t kAlignment{kCacheLine};

ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t type, std::size_t size) {
  void* memory = ::operator new(std::max(size, std::size_t{1}), kAlignment, std::nothrow);
  if (memory == nullptr) return nullptr;
  ggml_backend_buffer_i interface{};
  interface.free_buffer = [](ggml_backend_buffer_t buffer) { ::operator delete(buffer->context, kAlignment); };
  interface.get_base = [](ggml_backend_buffer_t buffer) { return buffer->context; };
  interface.memset_tensor = [](ggml_backend_buffer_t, ggml_tensor* tensor, std::uint8_t value, std::size_t offset,
                               std::size_t bytes) {
    std::fill_n(static_cast<std::uint8_t*>(tensor->data) + offset, bytes, value);
  };
  interface.set_tensor = set_tensor;
  interface.clear = [](ggml_backend_buffer_t buffer, std::uint8_t value) {
    std::fill_n(static_cast<std::uint8_t*>(buffer->context), buffer->size, value);
  };
  return ggml_backend_buffer_init(type, interface, memory, size);
}

ggml_backend_buffer_type_t buffer_type() {
  static BufferType context;
  static ggml_backend_buffer_type type = [] {
    ggml_backend_buffer_type_i interface{};
    interface.get_name = [](ggml_backend_buffer_type_t) { return "Hearth"; };
    interface.alloc_buffer = allocate;
    interface.get_alignment = [](ggml_backend_buffer_type_t) { return std::size_t{kCacheLine}; };
    interface.get_alloc_size = [](ggml_backend_buffer_type_t, const ggml_tensor* tensor) {
      const std::optional<Matrix> matrix = matrix_of(tensor);
      return matrix ? matrix->packed_bytes() : ggml_nbytes(tensor);
    };
    // ggml reads the context as this very class.
    ggml::cpu::extra_buffer_type* base = &context;
    return ggml_backend_buffer_type{
        .iface = interface, .device = ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0), .context = base};
  }();
  return &type;
}

}  // namespace

void register_matmul() {
  if (best_isa() == Isa::none) return;
  auto& types = ggml_backend_cpu_get_extra_buffer_types();
  if (std::ranges::find(types, buffer_type()) == types.end()) types.insert(types.begin(), buffer_type());
}

}  // namespace hearth::engine
