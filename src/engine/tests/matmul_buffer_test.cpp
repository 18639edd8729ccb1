// SPDX-License-Identifier: Apache-2.0
#include "../src/matmul_buffer.hpp"

#include <ggml-backend.h>
#include <ggml-cpp.h>
#include <ggml-cpu.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "../src/matmul_kernel.hpp"

namespace hearth::engine {
namespace {

ggml_backend_dev_t device() { return ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0); }

/// The buffer type as libllama finds it; null where this machine has no kernels.
ggml_backend_buffer_type_t type() {
  register_matmul();
  register_matmul();  // twice is as good as once
  const auto list = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_cpu_reg(), "ggml_backend_dev_get_extra_bufts"));
  ggml_backend_buffer_type_t found = nullptr;
  int count = 0;
  for (ggml_backend_buffer_type_t* t = list(device()); *t != nullptr; ++t) {
    if (std::string{"Hearth"} != ggml_backend_buft_name(*t)) continue;
    found = *t;
    ++count;
  }
  EXPECT_EQ(count, best_isa() == Isa::none ? 0 : 1);
  return found;
}

ggml_context_ptr context() { return ggml_context_ptr{ggml_init({ggml_tensor_overhead() * 16, nullptr, true})}; }

std::vector<float> normal_numbers(std::size_t count, unsigned seed) {
  std::mt19937 random{seed};
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& x : out) x = normal(random);
  return out;
}

/// A product whose weights lie in some buffer type, computed by ggml's threads.
struct Graph {
  ggml_context_ptr of_weights = context();
  ggml_context_ptr of_rest{ggml_init({ggml_tensor_overhead() * 8 + ggml_graph_overhead(), nullptr, true})};
  ggml_tensor* weights = nullptr;
  ggml_tensor* in = nullptr;
  ggml_tensor* out = nullptr;
  ggml_cgraph* graph = nullptr;
  ggml_backend_buffer_ptr weights_buffer;
  ggml_backend_buffer_ptr rest_buffer;

  Graph(ggml_backend_buffer_type_t type, ggml_type quant, std::int64_t rows, std::int64_t depth, std::int64_t columns,
        std::int64_t batches) {
    weights = ggml_new_tensor_2d(of_weights.get(), quant, depth, rows);
    in = ggml_new_tensor_3d(of_rest.get(), GGML_TYPE_F32, depth, columns, batches);
    out = ggml_mul_mat(of_rest.get(), weights, in);
    graph = ggml_new_graph(of_rest.get());
    ggml_build_forward_expand(graph, out);
    weights_buffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(of_weights.get(), type));
    rest_buffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(of_rest.get(), ggml_backend_cpu_buffer_type()));
  }
  /// Sets the weights in `pieces` pieces, the last first.
  void set(const std::vector<std::uint8_t>& file, const std::vector<float>& activations, std::size_t pieces) const {
    const std::size_t block = ggml_type_size(weights->type);
    const std::size_t blocks = file.size() / block;
    for (std::size_t p = pieces; p-- > 0;) {
      const std::size_t from = blocks * p / pieces * block;
      const std::size_t to = blocks * (p + 1) / pieces * block;
      ggml_backend_tensor_set(weights, file.data() + from, from, to - from);
    }
    ggml_backend_tensor_set(in, activations.data(), 0, ggml_nbytes(in));
  }
  std::vector<float> compute(int threads) const {
    const ggml_backend_ptr backend{ggml_backend_cpu_init()};
    ggml_backend_cpu_set_n_threads(backend.get(), threads);
    EXPECT_EQ(ggml_backend_graph_compute(backend.get(), graph), GGML_STATUS_SUCCESS);
    std::vector<float> result(static_cast<std::size_t>(ggml_nelements(out)));
    ggml_backend_tensor_get(out, result.data(), 0, ggml_nbytes(out));
    return result;
  }
};

struct Case {
  ggml_type quant;
  std::int64_t rows, depth, columns, batches;
};

TEST(MatmulBuffer, MultipliesAsGgmlDoesHoweverTheWeightsCome) {
  const ggml_backend_buffer_type_t ours = type();
  if (ours == nullptr) GTEST_SKIP() << "no kernels for this machine";
  for (const Case& c : {Case{GGML_TYPE_Q5_0, 192, 576, 1, 1}, Case{GGML_TYPE_Q8_0, 16, 576, 9, 1},
                        Case{GGML_TYPE_Q4_K, 272, 768, 40, 1}, Case{GGML_TYPE_Q6_K, 64, 2048, 3, 5},
                        Case{GGML_TYPE_Q4_0, 48, 4096, 2, 1}, Case{GGML_TYPE_Q5_K, 512, 256, 100, 1}}) {
    const auto count = static_cast<std::size_t>(c.rows * c.depth);
    std::vector<std::uint8_t> file(ggml_row_size(c.quant, c.depth) * static_cast<std::size_t>(c.rows));
    ggml_quantize_chunk(c.quant, normal_numbers(count, 1).data(), file.data(), 0, c.rows, c.depth, nullptr);
    const auto activations = normal_numbers(static_cast<std::size_t>(c.depth * c.columns * c.batches), 2);
    const Graph plain{ggml_backend_cpu_buffer_type(), c.quant, c.rows, c.depth, c.columns, c.batches};
    plain.set(file, activations, 1);
    const std::vector<float> wanted = plain.compute(1);
    for (const std::size_t pieces : {1, 7}) {
      const Graph graph{ours, c.quant, c.rows, c.depth, c.columns, c.batches};
      graph.set(file, activations, pieces);
      for (const int threads : {1, 2, 5}) {
        const std::vector<float> got = graph.compute(threads);
        const auto tolerance = 0.05 * std::sqrt(static_cast<double>(c.depth));  // both round their activations
        for (std::size_t i = 0; i < got.size(); ++i) {
          ASSERT_NEAR(got[i], wanted[i], tolerance) << ggml_type_name(c.quant) << " " << threads << " threads, " << i;
        }
      }
    }
  }
}

bool takes(ggml_backend_buffer_type_t type, ggml_tensor* weights, ggml_tensor* op) {
  const ggml_backend_buffer_ptr nothing{ggml_backend_buft_alloc_buffer(type, 0)};
  weights->buffer = nothing.get();
  const bool taken = ggml_backend_dev_supports_op(device(), op);
  weights->buffer = nullptr;
  return taken;
}

TEST(MatmulBuffer, TakesProductsOfItsShapesAndNothingElse) {
  const ggml_backend_buffer_type_t ours = type();
  if (ours == nullptr) GTEST_SKIP() << "no kernels for this machine";
  const ggml_context_ptr holder = context();
  ggml_context* c = holder.get();
  const auto product = [&](ggml_type quant, std::int64_t rows, std::int64_t depth) {
    ggml_tensor* w = ggml_new_tensor_2d(c, quant, depth, rows);
    const bool taken = takes(ours, w, ggml_mul_mat(c, w, ggml_new_tensor_2d(c, GGML_TYPE_F32, depth, 8)));
    ggml_reset(c);
    return taken;
  };
  EXPECT_TRUE(product(GGML_TYPE_Q5_0, 192, 576));
  EXPECT_TRUE(product(GGML_TYPE_Q6_K, 16, 256));
  EXPECT_FALSE(product(GGML_TYPE_Q5_0, 200, 576));
  EXPECT_FALSE(product(GGML_TYPE_F16, 192, 576));
  EXPECT_FALSE(product(GGML_TYPE_IQ4_XS, 192, 512));

  ggml_tensor* table = ggml_new_tensor_2d(c, GGML_TYPE_Q4_K, 256, 64);
  EXPECT_FALSE(takes(ours, table, ggml_get_rows(c, table, ggml_new_tensor_1d(c, GGML_TYPE_I32, 4))));
  ggml_tensor* stacked = ggml_new_tensor_3d(c, GGML_TYPE_Q4_K, 256, 64, 2);
  EXPECT_FALSE(takes(ours, stacked, ggml_mul_mat(c, stacked, ggml_new_tensor_3d(c, GGML_TYPE_F32, 256, 8, 2))));
  ggml_reset(c);
  ggml_tensor* experts = ggml_new_tensor_3d(c, GGML_TYPE_Q4_K, 256, 64, 4);
  EXPECT_FALSE(takes(ours, experts,
                     ggml_mul_mat_id(c, experts, ggml_new_tensor_3d(c, GGML_TYPE_F32, 256, 1, 8),
                                     ggml_new_tensor_2d(c, GGML_TYPE_I32, 2, 8))));
  ggml_tensor* plain = ggml_new_tensor_2d(c, GGML_TYPE_Q4_K, 256, 64);
  ggml_tensor* halves = ggml_new_tensor_2d(c, GGML_TYPE_F16, 256, 8);
  EXPECT_FALSE(takes(ours, plain, ggml_mul_mat(c, plain, halves)));
  ggml_tensor* wide = ggml_new_tensor_3d(c, GGML_TYPE_F32, 256, 8, 4);  // of which every other column is taken
  ggml_tensor* uneven = ggml_view_3d(c, wide, 256, 4, 4, wide->nb[1], wide->nb[2], 0);
  EXPECT_FALSE(takes(ours, plain, ggml_mul_mat(c, plain, uneven)));
}

}  // namespace
}  // namespace hearth::engine
