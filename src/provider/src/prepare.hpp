// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "hearth/engine/generation.hpp"
#include "hearth/engine/pool.hpp"
#include "hearth/inference/request.hpp"
#include "hearth/models/parameters.hpp"
#include "hearth/models/store.hpp"
#include "hearth/provider/provider.hpp"

/// From a request in the native vocabulary to tokens the model thread can take. Milliseconds of CPU: blocking pool.
/// No effects.
namespace hearth::provider {

/// A model found by name, with its Modelfile's words already understood.
struct Resolved {
  models::Model model;
  models::ModelOptions options;
  std::string template_override;  // Jinja; empty: the GGUF's own
  engine::ModelSpec spec;
};

struct PreparedChat {
  engine::GenerateRequest request;
  std::shared_ptr<const engine::RenderedChat> chat;
  std::vector<std::string> degraded;
};

/// The Modelfile's system text, template and seed messages put into the request where it has none of its own.
inference::ChatRequest with_model_defaults(inference::ChatRequest request, const Resolved& resolved);

Result<engine::RenderedChat> render(const engine::Loaded& loaded, const inference::ChatRequest& request);
Result<PreparedChat> prepare_chat(const engine::Loaded& loaded, const Resolved& resolved,
                                  inference::ChatRequest request);
Result<engine::GenerateRequest> prepare_completion(const engine::Loaded& loaded, const Resolved& resolved,
                                                   inference::CompletionRequest request);
Result<engine::EmbedJob> prepare_embedding(const engine::Loaded& loaded, const inference::EmbeddingRequest& request);
Result<engine::EmbedJob> prepare_rerank(const engine::Loaded& loaded, const inference::RerankRequest& request);

}  // namespace hearth::provider
