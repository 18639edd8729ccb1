// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "json_dump.hpp"
#include "ollama_decode.hpp"
#include "ollama_encode.hpp"
#include "ollama_routes.hpp"
#include "ollama_show.hpp"

namespace hearth::api::ollama {
namespace {

using nlohmann::json;

/// With `verbose` the vocabulary is wanted too; still bounded.
constexpr std::uint64_t kVerboseElements = 1'000'000;

Result<models::GgufInfo> read_header(const std::filesystem::path& file, bool verbose) {
  models::GgufLimits limits;
  if (verbose) limits.kept_elements = kVerboseElements;
  return models::read_gguf(file, limits);
}

Task<Result<models::GgufInfo>> async_read_header(async::BlockingPool* pool, models::Model model, bool verbose) {
  if (pool == nullptr || model.weights.empty()) co_return models::GgufInfo{};
  auto work = [file = model.weights.front(), verbose] { return read_header(file, verbose); };
  co_return co_await pool->async_run(std::move(work));
}

}  // namespace

Task<Result<>> async_root(Call& call) {
  co_return co_await call.async_send(200, "text/plain; charset=utf-8", "Ollama is running");
}

Task<Result<>> async_version(Call& call) {
  const json answer{{"version", call.shared().services.version}};
  co_return co_await call.async_send_json(dump(answer));
}

Task<Result<>> async_tags(Call& call) {
  HEARTH_CO_TRY(const std::vector<models::Model> models, co_await call.store().async_list());
  json list = json::array();
  for (const models::Model& model : models) {
    if (call.is_granted_here(model.name)) list.push_back(tag_json(model));
  }
  const json answer{{"models", std::move(list)}};
  co_return co_await call.async_send_json(dump(answer));
}

Task<Result<>> async_ps(Call& call) {
  HEARTH_CO_TRY(const std::vector<models::Model> models, co_await call.store().async_list());
  json list = json::array();
  for (const provider::Running& running : call.engine().running()) {
    if (!call.is_granted_here(running.name)) continue;
    const auto known = std::ranges::find(models, running.name, &models::Model::name);
    list.push_back(running_json(running, known == models.end() ? nullptr : &*known, WallClock::now()));
  }
  const json answer{{"models", std::move(list)}};
  co_return co_await call.async_send_json(dump(answer));
}

Task<Result<>> async_show(Call& call) {
  HEARTH_CO_TRY(const ModelCall request, decode_show(call.request().body));
  HEARTH_CO_CHECKED(call.check_local(request.model));
  HEARTH_CO_TRY(const models::Model model, co_await call.store().async_find(std::string{local_name(request.model)}));
  HEARTH_CO_TRY(const models::GgufInfo info,
                co_await async_read_header(call.shared().services.files, model, request.verbose));
  const json answer = show_json(model, info, request.verbose);
  co_return co_await call.async_send_json(dump(answer));
}

}  // namespace hearth::api::ollama
