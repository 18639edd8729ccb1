// SPDX-License-Identifier: Apache-2.0
// ggml's CPU backend asks its extra buffer types about every operation before it computes it itself: the door by which
// our attention comes in, on ggml's own threads and without cutting the graph. Its header is not installed.
#include "attention_operation.hpp"

#include <ggml-backend-impl.h>
#include <ggml-cpu.h>
#include <traits.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "attention_kernel.hpp"
#include "attention_prompt.hpp"

namespace hearth::engine {
namespace {

constexpr std::int64_t kQueriesAtOnce = 64;  // bounds the scratch

Attention describe(const ggml_tensor* node) {
  const ggml_tensor* q = node->src[0];
  const ggml_tensor* k = node->src[1];
  const ggml_tensor* v = node->src[2];
  const ggml_tensor* mask = node->src[3];
  Attention a{.head_size = q->ne[0], .queries = q->ne[1], .heads = q->ne[2], .kv_heads = k->ne[2], .cells = k->ne[1]};
  std::memcpy(&a.scale, node->op_params, sizeof a.scale);
  const auto at = [](const ggml_tensor* t) { return static_cast<const char*>(t->data); };
  a.q = at(q), a.q_query = q->nb[1], a.q_head = q->nb[2];
  a.k = at(k), a.k_cell = k->nb[1], a.k_head = k->nb[2];
  a.v = at(v), a.v_cell = v->nb[1], a.v_head = v->nb[2];
  a.mask = at(mask), a.mask_query = mask->nb[1];
  a.out = static_cast<char*>(node->data), a.out_head = node->nb[1], a.out_query = node->nb[2];
  return a;
}

bool suits(const ggml_tensor* node) {
  const ggml_tensor* q = node->src[0];
  const ggml_tensor* k = node->src[1];
  const ggml_tensor* v = node->src[2];
  const ggml_tensor* mask = node->src[3];
  if (mask == nullptr || node->src[4] != nullptr) return false;
  std::array<float, 2> bias_and_cap{};
  std::memcpy(bias_and_cap.data(), reinterpret_cast<const float*>(node->op_params) + 1, sizeof bias_and_cap);
  const bool plain = bias_and_cap[0] == 0 && bias_and_cap[1] == 0;
  const bool types = q->type == GGML_TYPE_F32 && k->type == GGML_TYPE_F16 && v->type == GGML_TYPE_F16 &&
                     mask->type == GGML_TYPE_F16 && node->type == GGML_TYPE_F32;
  const bool one_stream = q->ne[3] == 1 && k->ne[3] == 1 && mask->ne[2] == 1 && mask->ne[3] == 1;
  const bool shapes = q->ne[0] == v->ne[0] && q->ne[0] % Attention::kHeadStep == 0 &&
                      q->ne[0] <= Attention::kHeadSizeMax && k->ne[2] == v->ne[2] && q->ne[2] % k->ne[2] == 0;
  return plain && types && one_stream && shapes;
}

class Traits : public ggml::cpu::tensor_traits {
 public:
  bool work_size(int threads, const ggml_tensor* op, std::size_t& size) override {
    const Attention a = describe(op);
    size = attention_scratch(a.of_queries(0, std::min(a.queries, kQueriesAtOnce)), threads) * sizeof(float);
    return true;
  }
  bool compute_forward(ggml_compute_params* params, ggml_tensor* op) override {
    thread_local PromptAttention prompt;  // ggml's threads live as long as their pool
    thread_local CellList cells;
    const Attention attention = describe(op);
    if (prompt.suits(attention)) {  // all threads find the same
      prompt.attend(attention, params->ith, params->nth);
      return true;
    }
    auto* scratch = static_cast<float*>(params->wdata);
    for (std::int64_t first = 0; first < attention.queries; first += kQueriesAtOnce) {
      const Attention part = attention.of_queries(first, std::min(attention.queries - first, kQueriesAtOnce));
      GGML_ASSERT(params->wsize >= attention_scratch(part, params->nth) * sizeof(float));
      if (first > 0) ggml_barrier(params->threadpool);  // the scratch is free again
      attend_share(part, scratch, cells, params->ith, params->nth);
      ggml_barrier(params->threadpool);
      join_shares(part, scratch, params->ith, params->nth);
    }
    return true;
  }
};

/// Holds no tensors: libllama offers it weights, and it declines.
class Operation : public ggml::cpu::extra_buffer_type {
 public:
  bool supports_op(ggml_backend_dev_t, const ggml_tensor*) override { return false; }
  ggml::cpu::tensor_traits* get_tensor_traits(const ggml_tensor* op) override {
    return op->op == GGML_OP_FLASH_ATTN_EXT && suits(op) ? &traits_ : nullptr;
  }

 private:
  Traits traits_;
};

ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t type, std::size_t size) {
  ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
  if (buffer != nullptr) buffer->buft = type;
  return buffer;
}

ggml_backend_buffer_type_t buffer_type() {
  static Operation context;
  static ggml_backend_buffer_type type = [] {
    ggml_backend_buffer_type_i interface{};
    interface.get_name = [](ggml_backend_buffer_type_t) { return "Hearth attention"; };
    interface.alloc_buffer = allocate;
    interface.get_alignment = [](ggml_backend_buffer_type_t) {
      return ggml_backend_buft_get_alignment(ggml_backend_cpu_buffer_type());
    };
    ggml::cpu::extra_buffer_type* base = &context;  // ggml reads the context as this very class
    return ggml_backend_buffer_type{
        .iface = interface, .device = ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0), .context = base};
  }();
  return &type;
}

}  // namespace

void register_attention() {
  auto& types = ggml_backend_cpu_get_extra_buffer_types();
  if (std::ranges::find(types, buffer_type()) == types.end()) types.push_back(buffer_type());
}

}  // namespace hearth::engine
