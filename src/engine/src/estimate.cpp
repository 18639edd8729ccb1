// SPDX-License-Identifier: Apache-2.0
#include "hearth/engine/estimate.hpp"

#include <fmt/format.h>
#include <llama.h>

#include <memory>

#include "context.hpp"
#include "draft_model.hpp"
#include "hearth/engine/instance.hpp"
#include "library.hpp"

namespace hearth::engine {

Result<MemoryEstimate> estimate(const LoadOptions& given) {
  initialize_library();
  if (given.weights.empty()) return fail(ErrorCode::invalid_request, "no model file was given", "path");
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = given.gpu_layers;
  params.main_gpu = given.main_gpu;
  params.no_alloc = true;
  params.load_mode = LLAMA_LOAD_MODE_NONE;
  std::vector<const char*> paths;
  for (const auto& path : given.weights) paths.push_back(path.c_str());
  take_library_error();
  try {
    const std::unique_ptr<llama_model, decltype(&llama_model_free)> model{
        paths.size() == 1 ? llama_model_load_from_file(paths[0], params)
                          : llama_model_load_from_splits(paths.data(), paths.size(), params),
        llama_model_free};
    if (!model) return fail(ErrorCode::corrupt_data, fmt::format("cannot read the model: {}", take_library_error()));
    const LoadOptions options = resolved(given, llama_model_n_ctx_train(model.get()), usable_cores());
    HEARTH_TRY(const llama_context_params context_params, generation_params(options));
    const ContextPtr context{llama_init_from_model(model.get(), context_params)};
    if (!context) return fail(ErrorCode::unsupported, fmt::format("cannot plan a context: {}", take_library_error()));
    const ContextBytes bytes = planned_bytes_of(context.get());
    MemoryEstimate out{.weights = bytes.weights,
                       .kv = bytes.kv,
                       .compute = bytes.compute,
                       .device = bytes.device,
                       .context = options.context,
                       .parallel = options.parallel,
                       .cells = options.cells,
                       .train_context = llama_model_n_ctx_train(model.get())};
    if (!options.draft.empty()) {
      HEARTH_TRY(const MemoryEstimate draft, estimate(draft_options(options)));
      out.weights += draft.weights;
      out.kv += draft.kv;
      out.compute += draft.compute;
      out.device += draft.device;
    }
    return out;
  } catch (const std::exception& e) {
    return fail(ErrorCode::corrupt_data, fmt::format("cannot read the model: {}", e.what()));
  }
}

}  // namespace hearth::engine
