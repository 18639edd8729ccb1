// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "route.hpp"

/// llama-server's own routes.
namespace hearth::api::native {

Task<Result<>> async_health(Call& call);
Task<Result<>> async_props(Call& call);
Task<Result<>> async_slots(Call& call);
Task<Result<>> async_metrics(Call& call);
Task<Result<>> async_lora_adapters(Call& call);
Task<Result<>> async_completion(Call& call);
Task<Result<>> async_infill(Call& call);
Task<Result<>> async_tokenize(Call& call);
Task<Result<>> async_detokenize(Call& call);
Task<Result<>> async_apply_template(Call& call);
Task<Result<>> async_embedding(Call& call);

inline constexpr std::array kRoutes{
    Route{"GET", "/health", Family::llama_server, async_health},
    Route{"GET", "/v1/health", Family::llama_server, async_health},
    Route{"GET", "/props", Family::llama_server, async_props},
    Route{"GET", "/slots", Family::llama_server, async_slots},
    Route{"GET", "/metrics", Family::llama_server, async_metrics},
    Route{"GET", "/lora-adapters", Family::llama_server, async_lora_adapters},
    Route{"POST", "/completion", Family::llama_server, async_completion},
    Route{"POST", "/completions", Family::llama_server, async_completion},
    Route{"POST", "/infill", Family::llama_server, async_infill},
    Route{"POST", "/tokenize", Family::llama_server, async_tokenize},
    Route{"POST", "/detokenize", Family::llama_server, async_detokenize},
    Route{"POST", "/apply-template", Family::llama_server, async_apply_template},
    Route{"POST", "/embedding", Family::llama_server, async_embedding},
    Route{"POST", "/embeddings", Family::llama_server, async_embedding},
};

}  // namespace hearth::api::native
