// SPDX-License-Identifier: Apache-2.0
#include "hearth/app/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "routing_reader.hpp"
#include "yaml_reader.hpp"

namespace hearth::app {
namespace {

YamlKey one_of(std::string_view name, const std::vector<std::pair<std::string, std::function<void()>>>& choices) {
  return {name, [choices](const YAML::Node& node) -> std::string {
            std::string known;
            for (const auto& [text, set] : choices) {
              if (node.IsScalar() && node.Scalar() == text) {
                set();
                return {};
              }
              known += (known.empty() ? "" : ", ") + text;
            }
            return "must be one of: " + known;
          }};
}

class ConfigReader {
 public:
  ConfigReader(const std::filesystem::path& folder, const Environment& environment)
      : folder_{folder}, environment_{environment} {
    config_.home = default_home(environment);
  }

  Result<Config> read(const YAML::Node& root) {
    if (!root.IsNull()) read_mapping(root, "", top_keys(), mistakes_);
    config_.routing = routing_.finish(config_.models);
    if (config_.auth == Config::Auth::oidc && (config_.issuer.url.empty() || config_.issuer.audience.empty())) {
      mistakes_.add(root["auth"], "auth: mode oidc needs oidc: {issuer: https://…, audience: …}");
    }
    if (mistakes_.empty()) return std::move(config_);
    return fail(ErrorCode::invalid_request, mistakes_.text());
  }

 private:
  std::vector<YamlKey> top_keys() {
    std::vector<YamlKey> keys{
        {"listen",
         [this](const YAML::Node& node) -> std::string {
           std::string text;
           if (const std::string wrong = into(text, environment_)(node); !wrong.empty()) return wrong;
           const auto set = set_listen(config_, text);
           return set ? "" : set.error().message;
         }},
        {"home",
         [this](const YAML::Node& node) -> std::string {
           std::string text;
           const std::string wrong = into(text, environment_)(node);
           if (wrong.empty()) config_.home = absolute_from(folder_, text);
           return wrong;
         }},
        {"auth", [this](const YAML::Node& node) { return nested(node, "auth", auth_keys()); }},
        {"sandbox", into(config_.sandbox)},
        {"tls", [this](const YAML::Node& node) { return read_tls(node); }},
        {"audit", [this](const YAML::Node& node) { return nested(node, "audit", audit_keys()); }},
        {"models", [this](const YAML::Node& node) { return read_models(node); }},
        {"keep_alive", into(config_.keep_alive)},
        {"memory_budget", bytes_into(config_.memory_budget)},
        {"prefix_memory", bytes_into(config_.prefix_memory)},
        {"prefix_disk", bytes_into(config_.prefix_disk)},
        {"log", [this](const YAML::Node& node) { return nested(node, "log", log_keys()); }},
        {"limits", [this](const YAML::Node& node) { return nested(node, "limits", limit_keys()); }},
        {"shutdown_grace", into(config_.shutdown_grace)},
    };
    std::ranges::move(routing_.keys(), std::back_inserter(keys));
    return keys;
  }

  std::vector<YamlKey> audit_keys() {
    return {{"enabled", into(config_.audit)}, {"keep", [this](const YAML::Node& node) { return read_keep(node); }}};
  }

  std::string read_keep(const YAML::Node& node) {
    std::chrono::seconds keep{};
    if (std::string wrong = into(keep)(node); !wrong.empty()) return wrong;
    if (keep >= std::chrono::seconds{0} && keep < std::chrono::hours{1}) return "must be at least 1h";
    config_.audit_keep = keep.count() < 0 ? Config::kForEver : std::chrono::duration_cast<std::chrono::hours>(keep);
    return {};
  }

  std::vector<YamlKey> auth_keys() {
    return {one_of("mode", {{"none", [this] { config_.auth = Config::Auth::none; }},
                            {"keys", [this] { config_.auth = Config::Auth::keys; }},
                            {"oidc", [this] { config_.auth = Config::Auth::oidc; }}}),
            {"oidc", [this](const YAML::Node& node) { return nested(node, "auth.oidc", oidc_keys()); }}};
  }

  std::vector<YamlKey> oidc_keys() {
    identity::Issuer& issuer = config_.issuer;
    return {{"issuer", into(issuer.url, environment_)},
            {"audience", into(issuer.audience, environment_)},
            {"keys_url", into(issuer.keys_url, environment_)},
            {"ca_file", file_into(issuer.ca_file, folder_, environment_)},
            {"name_claim", into(issuer.name_claim, environment_)},
            {"roles_claim", into(issuer.roles_claim, environment_)},
            {"team_claim", into(issuer.team_claim, environment_)},
            {"tenant_claim", into(issuer.tenant_claim, environment_)},
            {"admin_roles", [&issuer](const YAML::Node& node) { return read_texts(node, issuer.admin_roles); }},
            {"manage_roles", [&issuer](const YAML::Node& node) { return read_texts(node, issuer.manage_roles); }}};
  }

  std::string read_tls(const YAML::Node& node) {
    net::TlsFiles& files = config_.tls.emplace();
    const auto file = [this](std::filesystem::path& target) {
      return [this, &target](const YAML::Node& n) {
        std::string text;
        std::string wrong = into(text, environment_)(n);
        if (wrong.empty()) target = absolute_from(folder_, text);
        return wrong;
      };
    };
    read_mapping(node, "tls",
                 {{"certificate", file(files.certificate)},
                  {"key", file(files.key)},
                  {"client_ca", file(files.client_ca)},
                  {"client_must", into(files.client_must)}},
                 mistakes_);
    if (files.certificate.empty() || files.key.empty()) return "needs a certificate and its key, files in PEM";
    if (files.client_must && files.client_ca.empty())
      return "client_must needs client_ca: whose certificates are good?";
    return {};
  }

  std::vector<YamlKey> log_keys() {
    return {one_of("level", {{"debug", [this] { config_.log_level = LogLevel::debug; }},
                             {"info", [this] { config_.log_level = LogLevel::info; }},
                             {"warn", [this] { config_.log_level = LogLevel::warn; }},
                             {"error", [this] { config_.log_level = LogLevel::error; }}}),
            one_of("format", {{"text", [this] { config_.log_format = log::Format::text; }},
                              {"json", [this] { config_.log_format = log::Format::json; }}})};
  }

  std::vector<YamlKey> limit_keys() {
    return {{"connections", into(config_.max_connections, 1, 1'000'000)}, {"body", bytes_into(config_.max_body_bytes)}};
  }

  std::string nested(const YAML::Node& node, const std::string& where, const std::vector<YamlKey>& keys) {
    read_mapping(node, where, keys, mistakes_);
    return {};
  }

  std::string read_models(const YAML::Node& list) {
    if (!list.IsSequence()) return "must be a list of models";
    for (std::size_t i = 0; i < list.size(); ++i) read_model(list[i], fmt::format("models[{}]", i));
    return {};
  }

  void read_model(const YAML::Node& node, const std::string& where) {
    provider::ConfiguredModel model;
    engine::LoadOptions& o = model.options;
    std::string path;
    std::string source;
    read_mapping(node, where, model_keys(model.name, path, source, model.quality, o), mistakes_);
    if (!node.IsMap()) return;
    if (path.empty() == source.empty())
      mistakes_.add(node, where + ": give either path (a GGUF file) or model (a name in the store)");
    if (!path.empty()) source = absolute_from(folder_, path).string();
    if (!path.empty() && !std::filesystem::exists(source))
      mistakes_.add(node, fmt::format("{}.path: no such file: {}", where, path));
    if (model.name.empty()) mistakes_.add(node, where + ": name is missing");
    for (const auto& other : config_.models) {
      if (other.name == model.name)
        mistakes_.add(node, fmt::format("{}: the name \"{}\" is given twice", where, model.name));
    }
    model.source = std::move(source);
    config_.models.push_back(std::move(model));
  }

  std::vector<YamlKey> model_keys(std::string& name, std::string& path, std::string& source, double& quality,
                                  engine::LoadOptions& o) {
    constexpr std::int32_t kMillion = 1'000'000;
    return {
        {"name", into(name, environment_)},
        {"path", into(path, environment_)},
        {"model", into(source, environment_)},
        {"context", into(o.context, 1, 16 * kMillion)},
        {"parallel", into(o.parallel, 1, engine::kMaxParallel)},
        {"cells", into(o.cells, 256, 64 * kMillion)},
        {"batch", into(o.batch, 1, 4096)},
        {"threads", into(o.threads, 1, 1024)},
        {"gpu_layers", into(o.gpu_layers, -1, 10'000)},
        {"main_gpu", into(o.main_gpu, 0, 64)},
        {"tensor_split",
         [&o](const YAML::Node& node) -> std::string {
           try {
             o.tensor_split = node.as<std::vector<float>>();
             return {};
           } catch (const YAML::Exception&) {
             return "must be a list of numbers, one a GPU";
           }
         }},
        {"mmap", into(o.mmap)},
        {"mlock", into(o.mlock)},
        one_of("flash_attention", {{"auto", [&o] { o.flash_attention = engine::FlashAttention::automatic; }},
                                   {"on", [&o] { o.flash_attention = engine::FlashAttention::on; }},
                                   {"off", [&o] { o.flash_attention = engine::FlashAttention::off; }}}),
        one_of("speculation", {{"auto", [&o] { o.speculation = engine::Speculation::automatic; }},
                               {"off", [&o] { o.speculation = engine::Speculation::off; }},
                               {"always", [&o] { o.speculation = engine::Speculation::always; }}}),
        {"draft", [this, &o](const YAML::Node& node) { return read_draft(node, o); }},
        {"kv_type_k", into(o.kv_type_k, environment_)},
        {"kv_type_v", into(o.kv_type_v, environment_)},
        {"max_queue", into(o.max_queue, 0, 100'000)},
        {"quality", into(quality, 0.0, 1.0)},
        {"adapters", [this, &o](const YAML::Node& node) -> std::string { return read_adapters(node, o); }},
    };
  }

  std::string read_draft(const YAML::Node& node, engine::LoadOptions& options) {
    std::string path;
    if (std::string wrong = into(path, environment_)(node); !wrong.empty()) return wrong;
    options.draft = absolute_from(folder_, path);
    return std::filesystem::exists(options.draft) ? std::string{} : fmt::format("no such file: {}", path);
  }

  std::string read_adapters(const YAML::Node& list, engine::LoadOptions& options) {
    if (!list.IsSequence()) return "must be a list of {path, scale}";
    for (std::size_t i = 0; i < list.size(); ++i) {
      std::string path;
      engine::Adapter adapter;
      read_mapping(list[i], fmt::format("adapters[{}]", i),
                   {{"path", into(path, environment_)},
                    {"scale",
                     [&adapter](const YAML::Node& node) -> std::string {
                       try {
                         adapter.scale = node.as<float>();
                         return {};
                       } catch (const YAML::Exception&) {
                         return "must be a number";
                       }
                     }}},
                   mistakes_);
      adapter.path = absolute_from(folder_, path);
      options.adapters.push_back(std::move(adapter));
    }
    return {};
  }

  const std::filesystem::path& folder_;
  const Environment& environment_;
  Config config_;
  YamlMistakes mistakes_;
  RoutingReader routing_{folder_, environment_, mistakes_};
};

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
  };
}

std::filesystem::path default_home(const Environment& environment) {
  if (const auto home = environment("HEARTH_HOME"); home && !home->empty()) return std::filesystem::absolute(*home);
  return std::filesystem::path{environment("HOME").value_or("/")} / ".hearth";
}

Result<Config> parse_config(const std::string& yaml, const std::filesystem::path& folder,
                            const Environment& environment) {
  try {
    return ConfigReader{folder, environment}.read(YAML::Load(yaml));
  } catch (const YAML::Exception& e) {
    return fail(ErrorCode::invalid_request, fmt::format("line {}: {}", e.mark.line + 1, e.msg));
  }
}

Result<Config> load_config(const std::filesystem::path& file, const Environment& environment) {
  std::ifstream in{file};
  if (!in) return fail(ErrorCode::not_found, fmt::format("cannot read the configuration file {}", file.string()));
  std::stringstream text;
  text << in.rdbuf();
  Result<Config> config = parse_config(text.str(), std::filesystem::absolute(file).parent_path(), environment);
  if (!config) return fail(config.error().code, fmt::format("{}:\n{}", file.string(), config.error().message));
  return config;
}

Result<> set_listen(Config& config, const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  std::string address = colon == std::string::npos ? "" : listen.substr(0, colon);
  const std::string port = listen.substr(colon == std::string::npos ? 0 : colon + 1);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size()) {
    return fail(ErrorCode::invalid_request, fmt::format("\"{}\" is no address:port, such as 127.0.0.1:4327", listen),
                "listen");
  }
  if (!address.empty()) config.address = address == "localhost" ? "127.0.0.1" : address;
  config.port = number;
  return {};
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

}  // namespace hearth::app
