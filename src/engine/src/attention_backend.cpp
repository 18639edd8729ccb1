// SPDX-License-Identifier: Apache-2.0
#include "attention_backend.hpp"

#include <ggml-backend-impl.h>
#include <ggml-cpp.h>
#include <ggml-cpu.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "attention_kernel.hpp"

namespace hearth::engine {
namespace {

constexpr std::int64_t kQueriesMax = 63;  // from 64 on ggml multiplies tiles, which suits prompts

struct Threads {
  ggml_threadpool* pool = nullptr;
  int count = 1;
};
thread_local Threads t_threads;

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
                      q->ne[0] <= Attention::kHeadSizeMax && q->ne[1] <= kQueriesMax && k->ne[2] == v->ne[2] &&
                      q->ne[2] % k->ne[2] == 0;
  return plain && types && one_stream && shapes;
}

/// The threads of a pool can only be had through a graph: two custom nodes, with ggml's barrier between them.
class Runner {
 public:
  Runner() : memory_(2 * ggml_tensor_overhead() * 4 + ggml_graph_overhead()) {
    context_.reset(ggml_init({.mem_size = memory_.size(), .mem_buffer = memory_.data(), .no_alloc = true}));
    ggml_tensor* input = ggml_new_tensor_1d(context_.get(), GGML_TYPE_F32, 1);
    ggml_tensor* shares = node(input, [](ggml_tensor*, int thread, int threads, void* self) {
      Runner& runner = *static_cast<Runner*>(self);
      attend_share(runner.attention_, runner.scratch_.data(), runner.cells_[thread], thread, threads);
    });
    ggml_tensor* joined = node(shares, [](ggml_tensor*, int thread, int threads, void* self) {
      Runner& runner = *static_cast<Runner*>(self);
      join_shares(runner.attention_, runner.scratch_.data(), thread, threads);
    });
    for (ggml_tensor* tensor : {input, shares, joined}) tensor->data = &unused_;
    graph_ = ggml_new_graph_custom(context_.get(), 4, false);
    ggml_build_forward_expand(graph_, joined);
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  ggml_status run(const ggml_tensor* tensor, const Threads& threads) {
    attention_ = describe(tensor);
    ggml_cplan plan = ggml_graph_plan(graph_, threads.count, threads.pool);
    work_.resize(std::max(work_.size(), plan.work_size));
    plan.work_data = work_.data();
    const std::size_t needed = attention_scratch(attention_, plan.n_threads);
    if (scratch_.size() < needed) scratch_.resize(needed);
    cells_.resize(std::max(cells_.size(), static_cast<std::size_t>(plan.n_threads)));
    return ggml_graph_compute(graph_, &plan);
  }

 private:
  ggml_tensor* node(ggml_tensor* after, ggml_custom_op_t function) {
    return ggml_custom_4d(context_.get(), GGML_TYPE_F32, 1, 1, 1, 1, &after, 1, function, GGML_N_TASKS_MAX, this);
  }

  std::vector<std::uint8_t> memory_;
  ggml_context_ptr context_;
  ggml_cgraph* graph_ = nullptr;
  float unused_ = 0;
  std::vector<std::uint8_t> work_;
  Attention attention_;
  std::vector<float> scratch_;
  std::vector<CellList> cells_;
};

ggml_backend_reg_t registration();

ggml_guid_t guid() {
  static ggml_guid id{0x68, 0x65, 0x61, 0x72, 0x74, 0x68, 0x2d, 0x61, 0x74, 0x74, 0x65, 0x6e, 0x74, 0x69, 0x6f, 0x6e};
  return &id;
}

ggml_status compute(ggml_backend_t backend, ggml_cgraph* graph) {
  Runner& runner = *static_cast<Runner*>(backend->context);
  for (int i = 0; i < ggml_graph_n_nodes(graph); ++i) {
    const ggml_tensor* tensor = ggml_graph_node(graph, i);
    if (tensor->op != GGML_OP_FLASH_ATTN_EXT) continue;  // views, which compute nothing
    if (const ggml_status status = runner.run(tensor, t_threads); status != GGML_STATUS_SUCCESS) return status;
  }
  return GGML_STATUS_SUCCESS;
}

ggml_backend_t make_backend(ggml_backend_dev_t device, const char*) {
  ggml_backend_i interface{};
  interface.get_name = [](ggml_backend_t) { return "Hearth attention"; };
  interface.free = [](ggml_backend_t backend) {
    const std::unique_ptr<Runner> runner{static_cast<Runner*>(backend->context)};
    const std::unique_ptr<ggml_backend> self{backend};
  };
  interface.graph_compute = compute;
  auto runner = std::make_unique<Runner>();
  auto backend = std::make_unique<ggml_backend>();
  backend->guid = guid();
  backend->iface = interface;
  backend->device = device;
  backend->context = runner.release();
  return backend.release();
}

bool supports(ggml_backend_dev_t, const ggml_tensor* node) {
  switch (node->op) {
    case GGML_OP_NONE:
    case GGML_OP_RESHAPE:
    case GGML_OP_VIEW:
    case GGML_OP_PERMUTE:
    case GGML_OP_TRANSPOSE: return true;
    // Only threads that decode with us see the support: a context that is being made sees ggml's own and so decides
    // as ever whether flash attention is on.
    case GGML_OP_FLASH_ATTN_EXT: return t_threads.pool != nullptr && suits(node);
    default: return false;
  }
}

ggml_backend_device_i device_interface() {
  ggml_backend_device_i interface{};
  interface.get_name = [](ggml_backend_dev_t) { return "HEARTH"; };
  interface.get_description = [](ggml_backend_dev_t) { return "Hearth's attention for decoding"; };
  interface.get_memory = [](ggml_backend_dev_t, std::size_t* free, std::size_t* total) { *free = *total = 0; };
  interface.get_type = [](ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_ACCEL; };
  interface.get_props = [](ggml_backend_dev_t device, ggml_backend_dev_props* props) {
    props->name = ggml_backend_dev_name(device);
    props->description = ggml_backend_dev_description(device);
    props->type = ggml_backend_dev_type(device);
    props->memory_free = props->memory_total = 0;
    props->caps = {
        .async = false, .host_buffer = false, .buffer_from_host_ptr = true, .events = false, .mmap_support = true};
  };
  interface.init_backend = make_backend;
  interface.get_buffer_type = [](ggml_backend_dev_t) { return ggml_backend_cpu_buffer_type(); };
  interface.buffer_from_host_ptr = [](ggml_backend_dev_t, void* data, std::size_t size, std::size_t) {
    return ggml_backend_cpu_buffer_from_ptr(data, size);
  };
  interface.supports_op = supports;
  interface.supports_buft = [](ggml_backend_dev_t, ggml_backend_buffer_type_t type) {
    return ggml_backend_buft_is_host(type);
  };
  return interface;
}

ggml_backend_reg_t registration() {
  static ggml_backend_device device{.iface = device_interface(), .reg = nullptr, .context = nullptr};
  static ggml_backend_reg self = [] {
    ggml_backend_reg_i interface{};
    interface.get_name = [](ggml_backend_reg_t) { return "HEARTH"; };
    interface.get_device_count = [](ggml_backend_reg_t) { return std::size_t{1}; };
    interface.get_device = [](ggml_backend_reg_t reg, std::size_t) {
      device.reg = reg;
      return &device;
    };
    return ggml_backend_reg{.api_version = GGML_BACKEND_API_VERSION, .iface = interface, .context = nullptr};
  }();
  return &self;
}

}  // namespace

void register_attention() { ggml_backend_register(registration()); }

void use_attention(ggml_threadpool* pool, int threads) { t_threads = {.pool = pool, .count = threads}; }

}  // namespace hearth::engine
