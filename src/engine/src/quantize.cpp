// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <llama.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "hearth/base/text.hpp"
#include "hearth/engine/estimate.hpp"
#include "hearth/engine/model.hpp"
#include "library.hpp"

namespace hearth::engine {
namespace {

struct Known {
  const char* name;
  llama_ftype type;
  const char* note;
};

constexpr Known kKnown[] = {
    {"Q4_K_M", LLAMA_FTYPE_MOSTLY_Q4_K_M, "about 4.8 bits a weight; the usual choice"},
    {"Q4_K_S", LLAMA_FTYPE_MOSTLY_Q4_K_S, "about 4.6 bits"},
    {"Q5_K_M", LLAMA_FTYPE_MOSTLY_Q5_K_M, "about 5.7 bits"},
    {"Q5_K_S", LLAMA_FTYPE_MOSTLY_Q5_K_S, "about 5.5 bits"},
    {"Q6_K", LLAMA_FTYPE_MOSTLY_Q6_K, "about 6.6 bits; nearly lossless"},
    {"Q8_0", LLAMA_FTYPE_MOSTLY_Q8_0, "8.5 bits; no loss that is seen in use"},
    {"Q3_K_S", LLAMA_FTYPE_MOSTLY_Q3_K_S, "about 3.5 bits"},
    {"Q3_K_M", LLAMA_FTYPE_MOSTLY_Q3_K_M, "about 3.9 bits"},
    {"Q3_K_L", LLAMA_FTYPE_MOSTLY_Q3_K_L, "about 4.3 bits"},
    {"Q2_K", LLAMA_FTYPE_MOSTLY_Q2_K, "about 3 bits; visible loss"},
    {"Q2_K_S", LLAMA_FTYPE_MOSTLY_Q2_K_S, "about 2.9 bits; wants an importance matrix"},
    {"Q4_0", LLAMA_FTYPE_MOSTLY_Q4_0, "4.5 bits, old format"},
    {"Q4_1", LLAMA_FTYPE_MOSTLY_Q4_1, "5 bits, old format"},
    {"Q5_0", LLAMA_FTYPE_MOSTLY_Q5_0, "5.5 bits, old format"},
    {"Q5_1", LLAMA_FTYPE_MOSTLY_Q5_1, "6 bits, old format"},
    {"IQ4_NL", LLAMA_FTYPE_MOSTLY_IQ4_NL, "4.5 bits, non-linear"},
    {"IQ4_XS", LLAMA_FTYPE_MOSTLY_IQ4_XS, "4.25 bits"},
    {"IQ3_M", LLAMA_FTYPE_MOSTLY_IQ3_M, "3.66 bits"},
    {"IQ3_S", LLAMA_FTYPE_MOSTLY_IQ3_S, "3.44 bits"},
    {"IQ3_XS", LLAMA_FTYPE_MOSTLY_IQ3_XS, "3.3 bits"},
    {"IQ3_XXS", LLAMA_FTYPE_MOSTLY_IQ3_XXS, "3.06 bits; wants an importance matrix"},
    {"IQ2_M", LLAMA_FTYPE_MOSTLY_IQ2_M, "2.7 bits; wants an importance matrix"},
    {"IQ2_S", LLAMA_FTYPE_MOSTLY_IQ2_S, "2.5 bits; wants an importance matrix"},
    {"IQ2_XS", LLAMA_FTYPE_MOSTLY_IQ2_XS, "2.31 bits; wants an importance matrix"},
    {"IQ2_XXS", LLAMA_FTYPE_MOSTLY_IQ2_XXS, "2.06 bits; wants an importance matrix"},
    {"IQ1_M", LLAMA_FTYPE_MOSTLY_IQ1_M, "1.75 bits; wants an importance matrix"},
    {"IQ1_S", LLAMA_FTYPE_MOSTLY_IQ1_S, "1.56 bits; wants an importance matrix"},
    {"TQ1_0", LLAMA_FTYPE_MOSTLY_TQ1_0, "1.69 bits, for ternary models"},
    {"TQ2_0", LLAMA_FTYPE_MOSTLY_TQ2_0, "2.06 bits, for ternary models"},
    {"Q1_0", LLAMA_FTYPE_MOSTLY_Q1_0, "1.125 bits, for binary models"},
    {"Q2_0", LLAMA_FTYPE_MOSTLY_Q2_0, "2.25 bits"},
    {"MXFP4_MOE", LLAMA_FTYPE_MOSTLY_MXFP4_MOE, "MXFP4 for the experts of a mixture"},
    {"NVFP4", LLAMA_FTYPE_MOSTLY_NVFP4, "NVFP4"},
    {"BF16", LLAMA_FTYPE_MOSTLY_BF16, "16 bits, range of F32"},
    {"F16", LLAMA_FTYPE_MOSTLY_F16, "16 bits"},
    {"F32", LLAMA_FTYPE_ALL_F32, "32 bits"},
};

const Known* find_type(const std::string& name) {
  std::string wanted = text::to_lower_ascii(name);
  if (wanted == "q3_k" || wanted == "q4_k" || wanted == "q5_k") wanted += "_m";
  for (const Known& known : kKnown) {
    if (text::to_lower_ascii(known.name) == wanted) return &known;
  }
  return nullptr;
}

/// Reports the size of a growing file until it is destroyed.
class SizeWatch {
 public:
  SizeWatch(std::filesystem::path file, const std::function<void(std::uint64_t)>& report) {
    if (!report) return;
    thread_ = std::jthread{[this, file = std::move(file), &report](const std::stop_token& stop) {
      std::unique_lock lock{mutex_};
      while (!stop.stop_requested()) {
        wake_.wait_for(lock, stop, std::chrono::milliseconds{200}, [] { return false; });
        std::error_code ignored;
        const auto size = std::filesystem::file_size(file, ignored);
        if (!ignored) report(size);
      }
    }};
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace

const std::vector<QuantizeType>& quantize_types() {
  static const std::vector<QuantizeType> types = [] {
    std::vector<QuantizeType> list;
    for (const Known& known : kKnown) list.push_back({known.name, known.note});
    return list;
  }();
  return types;
}

Result<> quantize(const std::filesystem::path& in, const std::filesystem::path& out, const std::string& type,
                  const std::function<void(std::uint64_t)>& on_bytes) {
  initialize_library();
  const Known* known = find_type(type);
  if (known == nullptr) {
    return fail(ErrorCode::invalid_request,
                fmt::format("unknown quantization \"{}\"; try Q4_K_M, Q8_0, or see: hearth quantize --types", type),
                "quantize");
  }
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.ftype = known->type;
  params.nthread = usable_cores();
  params.allow_requantize = true;
  take_library_error();
  std::string reason;
  {
    const SizeWatch watch{out, on_bytes};
    try {
      if (llama_model_quantize(in.c_str(), out.c_str(), &params) == 0) return {};
      reason = take_library_error();
    } catch (const std::exception& e) {
      reason = e.what();
    }
  }
  std::error_code ignored;
  std::filesystem::remove(out, ignored);
  return fail(ErrorCode::invalid_request,
              fmt::format("cannot quantize {} to {}: {}", in.filename().string(), known->name,
                          reason.empty() ? "the library gave no reason" : reason));
}

}  // namespace hearth::engine
