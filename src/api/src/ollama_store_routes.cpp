// SPDX-License-Identifier: Apache-2.0
#include "management.hpp"
#include "ollama_decode.hpp"
#include "ollama_progress.hpp"
#include "ollama_routes.hpp"

namespace hearth::api::ollama {

Task<Result<>> async_pull(Call& call) {
  HEARTH_CO_CHECKED(check_management(call));
  HEARTH_CO_TRY(ModelCall request, decode_pull(call.request().body));
  call.record().model = request.model;
  Operation pull = [&store = call.store(), &request](models::OnProgress progress) {
    return store.async_pull(request.model, request.insecure, std::move(progress));
  };
  co_return co_await async_answer_progress(call, request.stream, std::move(pull));
}

Task<Result<>> async_push(Call& call) {
  HEARTH_CO_CHECKED(check_management(call));
  HEARTH_CO_TRY(ModelCall request, decode_pull(call.request().body));
  call.record().model = request.model;
  Operation push = [&store = call.store(), &request](models::OnProgress progress) {
    return store.async_push(request.model, request.insecure, std::move(progress));
  };
  co_return co_await async_answer_progress(call, request.stream, std::move(push));
}

Task<Result<>> async_create(Call& call) {
  HEARTH_CO_CHECKED(check_management(call));
  HEARTH_CO_TRY(CreateCall request, decode_create(call.request().body));
  call.record().model = request.request.name;
  Operation create = [&store = call.store(), &request](models::OnProgress progress) {
    return store.async_create(request.request, std::move(progress));
  };
  co_return co_await async_answer_progress(call, request.stream, std::move(create));
}

Task<Result<>> async_copy(Call& call) {
  HEARTH_CO_CHECKED(check_management(call));
  HEARTH_CO_TRY(CopyCall request, decode_copy(call.request().body));
  HEARTH_CO_CHECKED(co_await call.store().async_copy(request.source, request.destination));
  co_return co_await call.async_send(200, {}, {});
}

Task<Result<>> async_delete(Call& call) {
  HEARTH_CO_CHECKED(check_management(call));
  HEARTH_CO_TRY(ModelCall request, decode_delete(call.request().body));
  call.record().model = request.model;
  HEARTH_CO_CHECKED(co_await call.store().async_remove(request.model));
  co_return co_await call.async_send(200, {}, {});
}

Task<Result<>> async_has_blob(Call& call) {
  HEARTH_CO_CHECKED(check_management(call));
  HEARTH_CO_CHECKED(models::parse_digest(call.argument()));
  HEARTH_CO_TRY(const bool here, co_await call.store().async_has_blob(call.argument()));
  co_return co_await call.async_send(here ? 200 : 404, {}, {});
}

Task<Result<>> async_add_blob(Call& call) {
  HEARTH_CO_CHECKED(check_management(call));
  HEARTH_CO_CHECKED(models::parse_digest(call.argument()));
  if (call.request().spooled.empty()) {
    co_return hearth::fail(ErrorCode::invalid_request, "the request has no body; send the blob as its body");
  }
  const Result<> added = co_await call.store().async_add_blob(call.argument(), call.request().spooled);
  // Ollama's clients look for 400 when what arrived is not what the digest says.
  if (!added && added.error().code == ErrorCode::corrupt_data) {
    co_return hearth::fail(ErrorCode::invalid_request, added.error().message, "digest");
  }
  HEARTH_CO_CHECKED(added);
  co_return co_await call.async_send(201, {}, {});
}

}  // namespace hearth::api::ollama
