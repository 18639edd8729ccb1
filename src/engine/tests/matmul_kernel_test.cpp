// SPDX-License-Identifier: Apache-2.0
#include "../src/matmul_kernel.hpp"

#include <ggml-cpu.h>
#include <ggml.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace hearth::engine {
namespace {

struct Type {
  Quant quant;
  ggml_type ggml;
};
constexpr Type kTypes[] = {{Quant::q4_0, GGML_TYPE_Q4_0}, {Quant::q5_0, GGML_TYPE_Q5_0}, {Quant::q8_0, GGML_TYPE_Q8_0},
                           {Quant::q4_k, GGML_TYPE_Q4_K}, {Quant::q5_k, GGML_TYPE_Q5_K}, {Quant::q6_k, GGML_TYPE_Q6_K}};

std::vector<Isa> isas() {
  std::vector<Isa> out;
  for (const Isa isa : {Isa::avx2, Isa::avx512, Isa::amx}) {
    if (isa <= best_isa()) out.push_back(isa);
  }
  return out;
}

/// Memory whose first byte is at a cache line.
class Bytes {
 public:
  explicit Bytes(std::size_t size) : memory_(size + kCacheLine) {}
  std::uint8_t* data() {
    const auto at = reinterpret_cast<std::uintptr_t>(memory_.data());
    return memory_.data() + (kCacheLine - at % kCacheLine) % kCacheLine;
  }

 private:
  std::vector<std::uint8_t> memory_;
};

std::vector<float> normal_numbers(std::size_t count, unsigned seed) {
  std::mt19937 random{seed};
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& x : out) x = normal(random);
  return out;
}

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

/// A matrix as the file has it, packed, and as numbers.
struct Weights {
  Matrix matrix;
  ggml_type type;
  std::vector<std::uint8_t> file;
  std::vector<float> values;
  Bytes packed;

  Weights(const Type& t, std::int64_t rows, std::int64_t depth)
      : matrix{t.quant, rows, depth}, type{t.ggml}, file(matrix.file_bytes()), packed{matrix.packed_bytes()} {
    values = normal_numbers(size(rows * depth), 1);
    ggml_quantize_chunk(type, values.data(), file.data(), 0, rows, depth, nullptr);
    ggml_get_type_traits(type)->to_float(file.data(), values.data(), rows * depth);
    pack(matrix, 0, file, packed.data());
  }
  const float* row(std::int64_t r) const { return values.data() + r * matrix.depth; }
};

struct Case {
  const Weights& weights;
  std::int64_t columns;
  std::vector<float> in;
  std::vector<float> out;
  Bytes activations;
  Product product;

  Case(Weights& w, std::int64_t m)
      : weights{w},
        columns{m},
        in{normal_numbers(size(m * w.matrix.depth), 2)},
        out(size(m * w.matrix.rows)),
        activations{activations_bytes(w.matrix, m)} {
    // Columns of very different size, a zero one and one huge number: scales are each chunk's own.
    for (std::int64_t c = 0; c < m; ++c) {
      const float scale = std::pow(10.0F, static_cast<float>(c % 5 - 2));
      for (std::int64_t k = 0; k < w.matrix.depth; ++k) in[size(c * w.matrix.depth + k)] *= scale;
    }
    if (m > 3) std::fill_n(in.data() + 3 * w.matrix.depth, w.matrix.depth, 0.0F);
    in[size(w.matrix.depth) - 1] = 300;
    product = {.matrix = w.matrix,
               .columns = m,
               .in = in.data(),
               .in_stride = size(w.matrix.depth),
               .packed = w.packed.data(),
               .activations = activations.data(),
               .out = out.data(),
               .out_stride = size(w.matrix.rows)};
  }
  void run(Isa isa, int threads) {
    std::fill(out.begin(), out.end(), NAN);
    for (int t = threads; t-- > 0;) quantize(product, t, threads);
    Bytes scratch{scratch_bytes(product, isa)};
    const std::int64_t groups = weights.matrix.groups();
    for (int t = 0; t < threads; ++t) {
      multiply(product, isa, groups * t / threads, groups * (t + 1) / threads, scratch.data());
    }
  }
  /// What the kernels made of activation `k` of a column, and the scale of its chunk.
  double quantized(std::int64_t column, std::int64_t k, float& scale) const {
    const Panel panel = panel_of(weights.matrix, columns, column / kPanelMax);
    const std::int64_t c = column - panel.first;
    const std::uint8_t* chunk = product.activations + panel.at + size(k / kChunk) * Panel::chunk_bytes(panel.width);
    std::memcpy(&scale, chunk + panel.width * kChunk + c * 4, sizeof scale);
    return static_cast<double>(scale) * static_cast<std::int8_t>(chunk[c * kChunk + k % kChunk]);
  }
};

std::string describe(const Weights& w, Isa isa, std::int64_t columns) {
  return std::string{ggml_type_name(w.type)} + " isa " + std::to_string(static_cast<int>(isa)) + " " +
         std::to_string(w.matrix.rows) + "x" + std::to_string(w.matrix.depth) + " times " + std::to_string(columns);
}

/// Every `step`th row against the product in double precision.
void check(const Case& run, std::int64_t step, const std::string& what) {
  const Weights& w = run.weights;
  const auto depth = size(w.matrix.depth);
  std::vector<double> a(depth);
  std::vector<double> halves(depth);  // half a step of the quantizer
  for (std::int64_t c = 0; c < run.columns; ++c) {
    for (std::size_t k = 0; k < depth; ++k) {
      float scale = 0;
      a[k] = run.quantized(c, static_cast<std::int64_t>(k), scale);
      halves[k] = 0.5 * static_cast<double>(scale);
    }
    for (std::int64_t r = 0; r < w.matrix.rows; r += step) {
      const auto by_size = [](float x, float y) { return std::fabs(x) < std::fabs(y); };
      const double peak = std::fabs(static_cast<double>(*std::max_element(w.row(r), w.row(r) + depth, by_size)));
      double rounded = 0;
      double exact = 0;
      double products = 0;
      double bound = 0;
      double apart = 0;  // what weight and minimum give where they cancel: the kernels multiply them one by one
      for (std::size_t k = 0; k < depth; ++k) {
        const double weight = w.row(r)[k];
        rounded += weight * a[k];
        exact += weight * run.in[size(c) * depth + k];
        products += std::fabs(weight * a[k]);
        apart += peak * std::fabs(a[k]);
        bound += std::fabs(weight) * halves[k];
      }
      const double got = run.out[size(c * w.matrix.rows + r)];
      const double tolerance = 1e-5 * products + 1e-6 * apart;
      ASSERT_NEAR(got, rounded, tolerance) << what << ": row " << r << " column " << c;
      ASSERT_NEAR(got, exact, bound + tolerance) << what << ": row " << r << " column " << c;
    }
  }
}

struct Shape {
  std::int64_t rows, depth;
};

void check_shape(const Type& type, const Shape& shape, std::initializer_list<std::int64_t> columns) {
  Weights weights{type, shape.rows, shape.depth};
  ASSERT_TRUE(weights.matrix.supported());
  for (const std::int64_t m : columns) {
    Case run{weights, m};
    for (const Isa isa : isas()) {
      run.run(isa, 1);
      check(run, 1 + shape.rows * m / 256, describe(weights, isa, m));
      const std::vector<float> alone = run.out;
      run.run(isa, 3);
      ASSERT_EQ(run.out, alone) << describe(weights, isa, m);  // nor is any a NaN
    }
  }
}

TEST(MatmulKernel, AgreesWithDoublePrecisionForAllTypesShapesAndColumns) {
  for (const Type& type : kTypes) {
    const bool large = format_of(type.quant).block > kChunk;
    const std::vector<Shape> shapes =
        large ? std::vector<Shape>{{16, 256}, {48, 512}, {208, 768}, {576, 1536}, {2048, 256}}
              : std::vector<Shape>{{16, 32}, {48, 96}, {192, 576}, {576, 576}, {2048, 64}};
    for (const Shape& shape : shapes) check_shape(type, shape, {1, 2, 3, 5, 8, 13, 16, 17, 64, 100});
    for (const Shape& shape : {Shape{2048, 2048}, Shape{32, 8192}}) check_shape(type, shape, {1, 8, 17, 40});
  }
}

/// Root mean square distance of `out` to the exact product.
double error_of(const Case& run, const std::vector<float>& out) {
  const Weights& w = run.weights;
  double sum = 0;
  for (std::int64_t c = 0; c < run.columns; ++c) {
    for (std::int64_t r = 0; r < w.matrix.rows; ++r) {
      double exact = 0;
      for (std::int64_t k = 0; k < w.matrix.depth; ++k) {
        exact += static_cast<double>(w.row(r)[k]) * static_cast<double>(run.in[size(c * w.matrix.depth + k)]);
      }
      sum += std::pow(out[size(c * w.matrix.rows + r)] - exact, 2);
    }
  }
  return std::sqrt(sum / static_cast<double>(out.size()));
}

TEST(MatmulKernel, IsAsCloseToTheExactProductAsGgmlsOwn) {
  ggml_cpu_init();
  for (const Type& type : kTypes) {
    Weights weights{type, 256, 1024};
    Case run{weights, 16};
    std::ranges::copy(normal_numbers(run.in.size(), 3), run.in.begin());
    const ggml_type_traits_cpu* own = ggml_get_type_traits_cpu(type.ggml);
    std::vector<std::uint8_t> column(ggml_row_size(own->vec_dot_type, weights.matrix.depth));
    std::vector<float> theirs(run.out.size());
    for (std::int64_t c = 0; c < run.columns; ++c) {
      ggml_get_type_traits_cpu(own->vec_dot_type)
          ->from_float(run.in.data() + c * weights.matrix.depth, column.data(), weights.matrix.depth);
      for (std::int64_t r = 0; r < weights.matrix.rows; ++r) {
        own->vec_dot(static_cast<int>(weights.matrix.depth), &theirs[size(c * weights.matrix.rows + r)], 0,
                     weights.file.data() + r * ggml_row_size(type.ggml, weights.matrix.depth), 0, column.data(), 0, 1);
      }
    }
    const double allowed = 1.2 * error_of(run, theirs);
    for (const Isa isa : isas()) {
      run.run(isa, 2);
      EXPECT_LE(error_of(run, run.out), allowed) << describe(weights, isa, run.columns);
    }
  }
}

TEST(MatmulKernel, TakesExtremeBytes) {
  // All bits set or clear: the largest and smallest weights and byte scales that a file can hold.
  for (const Type& type : kTypes) {
    Weights weights{type, 32, 512};
    const Format format = format_of(type.quant);
    for (std::size_t i = 0; i < weights.file.size(); ++i) weights.file[i] = i / 7 % 2 == 0 ? 0xff : 0;
    for (std::size_t at = 0; at < weights.file.size(); at += format.block_bytes) {  // float16 scales of 1
      const std::size_t scale = type.quant == Quant::q6_k ? 208 : 0;
      for (std::size_t i = 0; i < (format.minimums ? 2 : 1); ++i) {
        weights.file[at + scale + 2 * i] = 0;
        weights.file[at + scale + 2 * i + 1] = 0x3c;
      }
    }
    ggml_get_type_traits(type.ggml)->to_float(weights.file.data(), weights.values.data(), 32 * 512);
    pack(weights.matrix, 0, weights.file, weights.packed.data());
    for (const std::int64_t m : {1, 4, 16}) {
      Case run{weights, m};
      for (std::size_t i = 0; i < run.in.size(); ++i) run.in[i] = i % 5 == 0 ? -1.0F : 1.0F;
      for (const Isa isa : isas()) {
        run.run(isa, 1);
        check(run, 1, "extreme " + describe(weights, isa, m));
      }
    }
  }
}

TEST(MatmulKernel, PacksBlocksInAnyOrder) {
  for (const Type& type : kTypes) {
    Weights weights{type, 32, 512};
    Bytes pieces{weights.matrix.packed_bytes()};
    const auto block = size(format_of(type.quant).block_bytes);
    const std::size_t blocks = weights.file.size() / block;
    const std::span<const std::uint8_t> file{weights.file};
    for (std::size_t last = blocks; last > 0;) {
      const std::size_t first = last > 5 ? last - 5 : 0;
      pack(weights.matrix, first, file.subspan(first * block, (last - first) * block), pieces.data());
      last = first;
    }
    EXPECT_EQ(std::memcmp(pieces.data(), weights.packed.data(), weights.matrix.packed_bytes()), 0);
  }
}

TEST(MatmulKernel, RefusesShapesThatDoNotFit) {
  EXPECT_TRUE((Matrix{Quant::q5_0, 16, 32}.supported()));
  EXPECT_FALSE((Matrix{Quant::q5_0, 24, 32}.supported()));
  EXPECT_FALSE((Matrix{Quant::q5_0, 16, 48}.supported()));
  EXPECT_FALSE((Matrix{Quant::q4_k, 16, 576}.supported()));
  EXPECT_FALSE((Matrix{Quant::q6_k, 0, 256}.supported()));
}

TEST(MatmulKernel, KnowsTheSizesOfFiles) {
  for (const Type& type : kTypes) {
    const Matrix matrix{type.quant, 32, 512};
    EXPECT_EQ(matrix.file_bytes(), 32 * ggml_row_size(type.ggml, 512));
    EXPECT_LE(static_cast<double>(matrix.packed_bytes()), 1.04 * static_cast<double>(matrix.file_bytes()));
  }
}

}  // namespace
}  // namespace hearth::engine
