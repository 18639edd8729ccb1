// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "route.hpp"

namespace hearth::api::ollama {

Task<Result<>> async_root(Call& call);
Task<Result<>> async_version(Call& call);
Task<Result<>> async_tags(Call& call);
Task<Result<>> async_ps(Call& call);
Task<Result<>> async_show(Call& call);
Task<Result<>> async_generate(Call& call);
Task<Result<>> async_chat(Call& call);
Task<Result<>> async_embed(Call& call);
Task<Result<>> async_embeddings(Call& call);

// Management: refused with 403 unless Services::allow_management lets the request through.
Task<Result<>> async_create(Call& call);
Task<Result<>> async_copy(Call& call);
Task<Result<>> async_delete(Call& call);
Task<Result<>> async_pull(Call& call);
Task<Result<>> async_push(Call& call);
Task<Result<>> async_has_blob(Call& call);
Task<Result<>> async_add_blob(Call& call);

inline constexpr std::array kRoutes{
    Route{"GET", "/", Family::ollama, async_root},
    Route{"GET", "/api/version", Family::ollama, async_version},
    Route{"GET", "/api/tags", Family::ollama, async_tags},
    Route{"GET", "/api/ps", Family::ollama, async_ps},
    Route{"POST", "/api/show", Family::ollama, async_show},
    Route{"POST", "/api/generate", Family::ollama, async_generate},
    Route{"POST", "/api/chat", Family::ollama, async_chat},
    Route{"POST", "/api/embed", Family::ollama, async_embed},
    Route{"POST", "/api/embeddings", Family::ollama, async_embeddings},
    Route{"POST", "/api/create", Family::ollama, async_create},
    Route{"POST", "/api/copy", Family::ollama, async_copy},
    Route{"DELETE", "/api/delete", Family::ollama, async_delete},
    Route{"POST", "/api/pull", Family::ollama, async_pull},
    Route{"POST", "/api/push", Family::ollama, async_push},
    Route{"HEAD", "/api/blobs/{digest}", Family::ollama, async_has_blob},
    Route{"POST", "/api/blobs/{digest}", Family::ollama, async_add_blob},
};

}  // namespace hearth::api::ollama
