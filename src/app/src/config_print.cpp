// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/yaml.h>

#include "hearth/app/config.hpp"

#include "routing_print.hpp"

namespace hearth::app {
namespace {

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warn: return "warn";
    case LogLevel::error: return "error";
  }
  return "info";
}

const char* name_of(engine::FlashAttention flash) {
  switch (flash) {
    case engine::FlashAttention::automatic: return "auto";
    case engine::FlashAttention::on: return "on";
    case engine::FlashAttention::off: return "off";
  }
  return "auto";
}

const char* name_of(engine::Speculation speculation) {
  switch (speculation) {
    case engine::Speculation::automatic: return "auto";
    case engine::Speculation::off: return "off";
    case engine::Speculation::always: return "always";
  }
  return "auto";
}

void print_auth(YAML::Emitter& out, const Config& config) {
  const char* mode = config.auth == Config::Auth::none ? "none" : config.auth == Config::Auth::keys ? "keys" : "oidc";
  out << YAML::Key << "auth" << YAML::Value << YAML::BeginMap << YAML::Key << "mode" << YAML::Value << mode;
  if (config.auth == Config::Auth::oidc) {
    const identity::Issuer& issuer = config.issuer;
    out << YAML::Key << "oidc" << YAML::Value << YAML::BeginMap;
    const auto text = [&](const char* key, const std::string& value) {
      if (!value.empty()) out << YAML::Key << key << YAML::Value << value;
    };
    text("issuer", issuer.url);
    text("audience", issuer.audience);
    text("keys_url", issuer.keys_url);
    text("ca_file", issuer.ca_file);
    text("name_claim", issuer.name_claim);
    text("roles_claim", issuer.roles_claim);
    text("team_claim", issuer.team_claim);
    text("tenant_claim", issuer.tenant_claim);
    out << YAML::Key << "admin_roles" << YAML::Value << YAML::Flow << issuer.admin_roles;
    out << YAML::Key << "manage_roles" << YAML::Value << YAML::Flow << issuer.manage_roles;
    out << YAML::EndMap;
  }
  out << YAML::EndMap;
}

void print_tls(YAML::Emitter& out, const net::TlsFiles& tls) {
  out << YAML::Key << "tls" << YAML::Value << YAML::BeginMap;
  out << YAML::Key << "certificate" << YAML::Value << tls.certificate.string();
  out << YAML::Key << "key" << YAML::Value << tls.key.string();
  if (!tls.client_ca.empty()) {
    out << YAML::Key << "client_ca" << YAML::Value << tls.client_ca.string();
    out << YAML::Key << "client_must" << YAML::Value << tls.client_must;
  }
  out << YAML::EndMap;
}

void print_model(YAML::Emitter& out, const provider::ConfiguredModel& model) {
  const engine::LoadOptions& o = model.options;
  const bool is_path = model.source.starts_with('/');
  out << YAML::BeginMap << YAML::Key << "name" << YAML::Value << model.name;
  out << YAML::Key << (is_path ? "path" : "model") << YAML::Value << model.source;
  const auto number = [&](const char* key, std::int64_t value) {
    if (value > 0) out << YAML::Key << key << YAML::Value << value;  // absent: the engine chooses
  };
  number("context", o.context);
  number("parallel", o.parallel);
  number("cells", o.cells);
  number("batch", o.batch);
  number("threads", o.threads);
  out << YAML::Key << "gpu_layers" << YAML::Value << o.gpu_layers;
  number("main_gpu", o.main_gpu);
  if (!o.tensor_split.empty()) out << YAML::Key << "tensor_split" << YAML::Value << YAML::Flow << o.tensor_split;
  out << YAML::Key << "mmap" << YAML::Value << o.mmap << YAML::Key << "mlock" << YAML::Value << o.mlock;
  out << YAML::Key << "flash_attention" << YAML::Value << name_of(o.flash_attention);
  out << YAML::Key << "speculation" << YAML::Value << name_of(o.speculation);
  if (!o.draft.empty()) out << YAML::Key << "draft" << YAML::Value << o.draft.string();
  out << YAML::Key << "kv_type_k" << YAML::Value << o.kv_type_k << YAML::Key << "kv_type_v" << YAML::Value
      << o.kv_type_v;
  out << YAML::Key << "max_queue" << YAML::Value << o.max_queue;
  out << YAML::Key << "quality" << YAML::Value << model.quality;
  if (!o.adapters.empty()) {
    out << YAML::Key << "adapters" << YAML::Value << YAML::BeginSeq;
    for (const engine::Adapter& adapter : o.adapters) {
      out << YAML::Flow << YAML::BeginMap << YAML::Key << "path" << YAML::Value << adapter.path.string();
      out << YAML::Key << "scale" << YAML::Value << adapter.scale << YAML::EndMap;
    }
    out << YAML::EndSeq;
  }
  out << YAML::EndMap;
}

}  // namespace

std::string print_config(const Config& config) {
  YAML::Emitter out;
  const bool v6 = config.address.find(':') != std::string::npos;
  out << YAML::BeginMap;
  out << YAML::Key << "listen" << YAML::Value
      << (v6 ? "[" + config.address + "]" : config.address) + ":" + std::to_string(config.port);
  out << YAML::Key << "home" << YAML::Value << config.home.string();
  out << YAML::Key << "zone" << YAML::Value << std::string{policy::name_of(config.routing.zone)};
  print_auth(out, config);
  out << YAML::Key << "sandbox" << YAML::Value << config.sandbox;
  if (config.tls) print_tls(out, *config.tls);
  out << YAML::Key << "audit" << YAML::Value << YAML::Flow << YAML::BeginMap << YAML::Key << "enabled" << YAML::Value
      << config.audit << YAML::Key << "keep" << YAML::Value
      << (config.audit_keep >= Config::kForEver ? "-1" : std::to_string(config.audit_keep.count()) + "h")
      << YAML::EndMap;
  out << YAML::Key << "models" << YAML::Value << YAML::BeginSeq;
  for (const auto& model : config.models) print_model(out, model);
  out << YAML::EndSeq;
  print_routing(out, config.routing);
  out << YAML::Key << "keep_alive" << YAML::Value << std::to_string(config.keep_alive.count()) + "s";
  out << YAML::Key << "memory_budget" << YAML::Value << config.memory_budget;
  out << YAML::Key << "prefix_memory" << YAML::Value << config.prefix_memory;
  out << YAML::Key << "prefix_disk" << YAML::Value << config.prefix_disk;
  out << YAML::Key << "log" << YAML::Value << YAML::BeginMap;
  out << YAML::Key << "level" << YAML::Value << name_of(config.log_level);
  out << YAML::Key << "format" << YAML::Value << (config.log_format == log::Format::json ? "json" : "text")
      << YAML::EndMap;
  out << YAML::Key << "limits" << YAML::Value << YAML::BeginMap;
  out << YAML::Key << "connections" << YAML::Value << config.max_connections;
  out << YAML::Key << "body" << YAML::Value << config.max_body_bytes << YAML::EndMap;
  out << YAML::Key << "shutdown_grace" << YAML::Value << std::to_string(config.shutdown_grace.count()) + "s";
  out << YAML::EndMap;
  return std::string{out.c_str()} + "\n";
}

}  // namespace hearth::app
