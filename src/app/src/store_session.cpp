// SPDX-License-Identifier: Apache-2.0
#include "hearth/app/store_session.hpp"

#include "hearth/engine/estimate.hpp"

namespace hearth::app {

bool offers_starter(const std::vector<provider::ConfiguredModel>& models, const Routing& routing) {
  return models.empty() && routing.providers.empty();
}

std::filesystem::path logins_file(const Environment& environment) {
  if (const auto folder = environment("DOCKER_CONFIG")) return std::filesystem::path{*folder} / "config.json";
  if (const auto home = environment("HOME")) return std::filesystem::path{*home} / ".docker" / "config.json";
  return {};
}

Result<std::unique_ptr<models::Store>> open_store(const Config& config, async::BlockingPool& blocking, bool paths) {
  const Environment environment = process_environment();
  models::Store::Options options;
  options.root = config.home / "models";
  options.paths = paths;
  options.offer_starter = offers_starter(config.models, config.routing);
  for (const auto& model : config.models) options.named.emplace_back(model.name, model.source);
  if (const auto endpoint = environment("HF_ENDPOINT")) options.hub_endpoint = *endpoint;
  if (const auto token = environment("HF_TOKEN")) options.hub_token = *token;
  if (const auto file = environment("SSL_CERT_FILE")) options.ca_file = *file;
  options.logins_file = logins_file(environment);
  const auto quantize = [](const std::filesystem::path& in, const std::filesystem::path& out, const std::string& type) {
    return engine::quantize(in, out, type);
  };
  return models::Store::open(std::move(options), blocking, quantize);
}

Result<std::unique_ptr<StoreSession>> StoreSession::open(const Config& config) {
  std::unique_ptr<StoreSession> session{new StoreSession};
  HEARTH_TRY(session->store_, open_store(config, session->blocking_, /*paths=*/true));
  return session;
}

}  // namespace hearth::app
