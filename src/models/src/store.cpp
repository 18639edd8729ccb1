// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <utility>

#include "context.hpp"
#include "create.hpp"
#include "file_io.hpp"
#include "flights.hpp"
#include "hearth/base/log.hpp"
#include "model_view.hpp"
#include "pull.hpp"
#include "starter.hpp"
#include "web.hpp"

namespace hearth::models {
namespace {

// A name to talk to a registry: without a scheme of its own, http for this machine and where `insecure` asks for it.
Result<Name> with_scheme(Name name, std::string_view text, bool insecure) {
  if (text.find("://") != std::string_view::npos) return name;
  HEARTH_TRY(const auto url, net::Url::parse(fmt::format("https://{}/", name.host)));
  if (insecure || is_loopback(url.host)) name.scheme = "http";
  return name;
}

// From a pool thread to the caller's executor. What was told before the work ended arrives before its result does.
OnProgress told_on(asio::any_io_executor executor, OnProgress progress) {
  if (!progress) return {};
  return [executor = std::move(executor), progress = std::move(progress)](const Progress& line) {
    asio::post(executor, [progress, line] { progress(line); });
  };
}

const Name& starter_name() {
  static const Name name = *parse_model_name(kStarter);
  return name;
}

class FolderStore final : public Store {
 public:
  FolderStore(Options options, async::BlockingPool& pool, Quantizer quantizer)
      : context_{std::move(options), pool, std::move(quantizer)} {}

  Result<> prepare() {
    HEARTH_CHECKED(context_.catalog.make_folders());
    context_.catalog.sweep(context_.options.leftover_age);
    auto logins = RegistryLogins::load(context_.options.logins_file);
    if (logins) {
      context_.logins = *std::move(logins);
    } else {  // another program's file: no reason not to start
      log::warn("no registry logins", {{"reason", logins.error().message}});
    }
    return {};
  }

  Task<Result<Model>> async_find(std::string name) override {
    auto find = [&] { return find_now(name); };
    co_return co_await context_.pool.async_run(std::move(find));
  }

  Task<Result<std::vector<Model>>> async_list() override {
    auto list = [this] { return list_now(); };
    co_return co_await context_.pool.async_run(std::move(list));
  }

  Task<Result<>> async_pull(std::string name, bool insecure, OnProgress progress) override {
    auto built_in = [&] { return is_built_in(name); };
    if (co_await context_.pool.async_run(built_in)) {
      if (progress) progress({.status = "comes with the program"});
      co_return Result<>{};
    }
    HEARTH_CO_TRY(auto what, parse_pull(name));
    std::string key;
    Flights::Work work;
    if (auto* file = std::get_if<FileUrl>(&what)) {
      key = file->url.text();
      work = [this, file = *file, insecure](OnProgress tell) {
        return async_pull_url(context_, file, insecure, std::move(tell));
      };
    } else {
      HEARTH_CO_TRY(auto model, with_scheme(std::get<Name>(std::move(what)), name, insecure));
      key = model.full();
      work = [this, model, insecure](OnProgress tell) {
        return is_hub(model) ? async_pull_hub(context_, model, insecure, std::move(tell))
                             : async_pull_registry(context_, model, insecure, std::move(tell));
      };
    }
    co_return co_await flights_.async_run(std::move(key), std::move(progress), std::move(work));
  }

  void offer_starter(bool offered) override { offer_starter_ = offered; }

  Task<Result<>> async_push(std::string name, bool insecure, OnProgress progress) override {
    HEARTH_CO_TRY(auto model, parse_model_name(name));
    HEARTH_CO_TRY(model, with_scheme(std::move(model), name, insecure));
    co_return co_await async_push_registry(context_, std::move(model), insecure, std::move(progress));
  }

  Task<Result<>> async_create(CreateRequest request, OnProgress progress) override {
    HEARTH_CO_CHECKED(check_path(request.from));
    for (const auto& [path, digest] : request.adapters) {
      if (digest.empty()) HEARTH_CO_CHECKED(check_path(path));
    }
    for (const auto& [given, source] : context_.options.named) {
      if (request.from == given) request.from = source;
    }
    const auto tell = told_on(co_await asio::this_coro::executor, std::move(progress));
    auto create = [&]() -> Result<> {
      if (is_built_in(request.from)) HEARTH_CHECKED(make_from_starter(request));
      return create_model(context_, request, tell);
    };
    co_return co_await context_.pool.async_run(std::move(create));
  }

  Task<Result<Model>> async_import(std::filesystem::path file, std::string name, OnProgress progress) override {
    CreateRequest request;
    request.name = name;
    std::error_code error;
    request.from = std::filesystem::absolute(file, error).string();
    HEARTH_CO_CHECKED(co_await async_create(std::move(request), std::move(progress)));
    co_return co_await async_find(std::move(name));
  }

  Task<Result<>> async_copy(std::string from, std::string to) override {
    auto copy = [&]() -> Result<> {
      if (is_built_in(from)) {
        CreateRequest request{.name = to};
        HEARTH_CHECKED(make_from_starter(request));
        return create_model(context_, request, {});
      }
      HEARTH_TRY(const auto source, parse_model_name(from));
      HEARTH_TRY(const auto target, parse_model_name(to));
      HEARTH_TRY(const auto stored, context_.catalog.read(source));
      HEARTH_TRY(const auto missing, context_.catalog.commit(target, stored.bytes));
      if (missing.empty()) return {};
      return fail(ErrorCode::corrupt_data, fmt::format("model '{}' lacks its blob sha256:{}; try: hearth pull {}",
                                                       source.display(), missing.front(), source.display()));
    };
    co_return co_await context_.pool.async_run(std::move(copy));
  }

  Task<Result<>> async_remove(std::string name) override {
    auto remove = [&]() -> Result<> {
      HEARTH_TRY(const auto model, parse_model_name(name));
      if (is_built_in(name)) {
        return fail(ErrorCode::forbidden,
                    "'starter' comes with the program and cannot be removed; a configuration that names models or "
                    "providers does not offer it");
      }
      return context_.catalog.remove(model);
    };
    co_return co_await context_.pool.async_run(std::move(remove));
  }

  Task<Result<bool>> async_has_blob(std::string digest) override {
    auto has = [&]() -> Result<bool> {
      HEARTH_TRY(const auto hex, parse_digest(digest));
      return context_.catalog.blobs().has(hex);
    };
    co_return co_await context_.pool.async_run(std::move(has));
  }

  Task<Result<>> async_add_blob(std::string digest, std::filesystem::path file) override {
    auto add = [&]() -> Result<> {
      const auto hex = parse_digest(digest);
      if (hex) return context_.catalog.blobs().take(file, *hex);
      remove_quietly(file);
      return fail(hex.error());
    };
    co_return co_await context_.pool.async_run(std::move(add));
  }

  std::filesystem::path spool_folder() const override { return context_.catalog.blobs().spool(); }

 private:
  Result<Model> find_now(const std::string& text) {
    const auto& named = context_.options.named;
    const auto given = std::ranges::find(named, text, &std::pair<std::string, std::string>::first);
    if (given != named.end()) {
      HEARTH_TRY(Model model,
                 is_path(given->second) ? view_file(context_, expand_path(given->second)) : find_name(given->second));
      model.name = given->first;
      return model;
    }
    if (!is_path(text)) return find_name(text);
    HEARTH_CHECKED(check_path(text));
    return view_file(context_, expand_path(text));
  }

  Result<> check_path(const std::string& text) const {
    if (context_.options.paths || !is_path(text)) return {};
    return fail(ErrorCode::forbidden,
                "this server takes no file paths as model names; name a model (hearth list), or name "
                "the file in the configuration",
                "model");
  }

  Result<Model> find_name(const std::string& text) {
    HEARTH_TRY(const auto name, parse_model_name(text));
    auto stored = context_.catalog.read(name);
    if (stored) return view_model(context_, *stored);
    auto error = std::move(stored).error();
    if (error.code == ErrorCode::not_found && name == starter_name()) return view_starter();
    std::error_code ignored;
    if (error.code == ErrorCode::not_found && std::filesystem::is_regular_file(text, ignored)) {
      error.message += fmt::format("; for the file of that name write ./{}", text);
    }
    return fail(std::move(error));
  }

  /// Names the model that comes with the program, and the folder has none of that name.
  bool is_built_in(const std::string& text) {
    if (is_path(text)) return false;
    const auto name = parse_model_name(text);
    if (!name || *name != starter_name()) return false;
    const auto stored = context_.catalog.read(*name);
    return !stored && stored.error().code == ErrorCode::not_found;
  }

  /// FROM starter: its file, and what view_starter() says beside it, unless the request says otherwise.
  Result<> make_from_starter(CreateRequest& request) {
    HEARTH_TRY(const Model starter, view_starter());
    request.from = starter.weights.front();
    for (const auto& parameter : starter.parameters) {
      if (std::ranges::find(request.parameters, parameter.first, &Parameters::value_type::first) ==
          request.parameters.end()) {
        request.parameters.push_back(parameter);
      }
    }
    return {};
  }

  static bool has_own_starter(const std::vector<Model>& models) {
    return std::ranges::any_of(models, [](const Model& model) {
      const auto name = parse_model_name(model.name);
      return name && *name == starter_name();
    });
  }

  Result<Model> view_starter() {
    HEARTH_TRY(const auto file, unpack_starter(context_.options.root));
    HEARTH_TRY(Model model, view_file(context_, file));
    model.name = kStarter;
    model.parameters = {{"temperature", "0"}};  // it answers with what it is surest of
    return model;
  }

  Result<std::vector<Model>> list_now() {
    std::vector<Model> models;
    for (const auto& stored : context_.catalog.read_all()) {
      auto model = view_model(context_, stored);
      if (model) {
        models.push_back(*std::move(model));
      } else {
        log::warn("model left out", {{"model", stored.name.display()}, {"why", model.error().message}});
      }
    }
    std::ranges::sort(models, [](const Model& a, const Model& b) {
      return a.modified != b.modified ? a.modified > b.modified : a.name < b.name;
    });
    std::vector<Model> all;
    for (const auto& [name, source] : context_.options.named) {
      if (auto model = find_now(name)) {
        all.push_back(*std::move(model));
      } else {
        log::warn("model left out", {{"model", name}, {"why", model.error().message}});
      }
    }
    std::ranges::move(models, std::back_inserter(all));
    if (offer_starter_ && !has_own_starter(all)) {
      if (auto starter = view_starter()) {
        all.push_back(*std::move(starter));
      } else {
        log::warn("model left out", {{"model", kStarter}, {"why", starter.error().message}});
      }
    }
    return all;
  }

  StoreContext context_;
  std::atomic<bool> offer_starter_{context_.options.offer_starter};
  Flights flights_;
};

}  // namespace

Result<std::unique_ptr<Store>> Store::open(Options options, async::BlockingPool& pool, Quantizer quantizer) {
  if (options.parallel_ranges == 0 || options.range_bytes == 0 || options.push_chunk_bytes == 0) {
    return fail(ErrorCode::invalid_request, "the store's ranges and chunks must not be 0");
  }
  auto store = std::make_unique<FolderStore>(std::move(options), pool, std::move(quantizer));
  HEARTH_CHECKED(store->prepare());
  return std::unique_ptr<Store>{std::move(store)};
}

}  // namespace hearth::models
