// SPDX-License-Identifier: Apache-2.0
#include "hearth/app/app.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <future>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "hearth/api/api.hpp"
#include "hearth/app/store_session.hpp"
#include "hearth/async/blocking_pool.hpp"
#include "hearth/async/task_group.hpp"
#include "hearth/base/log.hpp"
#include "hearth/base/version.hpp"
#include "hearth/engine/pool.hpp"
#include "hearth/identity/authenticator.hpp"
#include "hearth/models/store.hpp"
#include "hearth/net/server.hpp"
#include "hearth/provider/local.hpp"
#include "hearth/provider/remote.hpp"
#include "hearth/router/router.hpp"
#include "hearth/telemetry/metrics.hpp"
#include "hearth/telemetry/request_log.hpp"
#include "issuer_keys.hpp"

namespace hearth::app {
namespace {

constexpr std::size_t kBlockingThreads = 4;
constexpr std::size_t kServiceTasks = 16;
constexpr int kShadowChecks = 8;  // at once; more would take from those who wait for an answer
constexpr std::chrono::milliseconds kProbeEvery{5'000};
constexpr std::chrono::seconds kLastWords{2};  // after the grace, for error events to reach their clients

std::size_t io_threads() { return std::clamp(std::thread::hardware_concurrency() / 2, 1U, 4U); }

/// Runs a coroutine on an io thread and waits for it: for start and stop, which are not coroutines.
template <class T>
T run_on(asio::io_context& io, Task<T> task) {
  return asio::co_spawn(io, std::move(task), asio::use_future).get();
}

/// Every second: what is idle for long enough leaves, and memory pressure is acted on.
Task<> tick(std::shared_ptr<engine::Pool> pool, std::shared_ptr<std::atomic<engine::Pressure>> pressure) {
  asio::steady_timer timer{co_await asio::this_coro::executor};
  while (true) {
    timer.expires_after(std::chrono::seconds{1});
    co_await timer.async_wait(asio::use_awaitable);
    *pressure = engine::classify(engine::read_memory(), *pressure);
    co_await pool->async_tick(Clock::now(), *pressure);
  }
}

/// Every second: keys that were made or revoked meanwhile.
Task<> watch_keys(identity::Authenticator& auth, async::BlockingPool& blocking) {
  asio::steady_timer timer{co_await asio::this_coro::executor};
  std::string before;
  while (true) {
    timer.expires_after(std::chrono::seconds{1});
    co_await timer.async_wait(asio::use_awaitable);
    auto refresh = [&auth] { return auth.refresh(); };
    const Result<> read = co_await blocking.async_run(std::move(refresh));
    const std::string now = read ? std::string{} : read.error().message;
    if (!now.empty() && now != before) log::error("keys: the old ones stay", {{"reason", now}});
    before = now;
  }
}

/// Every few seconds: a certificate that was renewed meanwhile. Connections that are open keep the old one.
Task<> watch_certificate(std::shared_ptr<net::ServerTls> tls, async::BlockingPool& blocking) {
  constexpr std::chrono::seconds kEvery{2};
  asio::steady_timer timer{co_await asio::this_coro::executor};
  std::string before;
  while (true) {
    timer.expires_after(kEvery);
    co_await timer.async_wait(asio::use_awaitable);
    auto refresh = [&tls] { return tls->refresh(); };
    const Result<bool> read = co_await blocking.async_run(std::move(refresh));
    const std::string now = read ? std::string{} : read.error().message;
    if (!now.empty() && now != before) log::error("tls: the old certificate stays", {{"reason", now}});
    if (read && *read) log::info("tls: a new certificate");
    before = now;
  }
}

/// Asks the remote servers how they are, at times that many gateways do not share.
Task<> probe(router::Router& router) {
  asio::steady_timer timer{co_await asio::this_coro::executor};
  std::minstd_rand random{std::random_device{}()};
  while (true) {
    co_await router.async_probe();
    timer.expires_after(kProbeEvery / 2 + std::chrono::milliseconds{random() % kProbeEvery.count()});
    co_await timer.async_wait(asio::use_awaitable);
  }
}

/// `work`, then one less.
Task<> counted_down(std::atomic<int>& count, Task<> work) {
  const auto leave = [](std::atomic<int>* c) { --*c; };
  const std::unique_ptr<std::atomic<int>, decltype(leave)> guard{&count};
  co_await std::move(work);
}

class AppImpl final : public App {
 public:
  explicit AppImpl(Config config)
      : config_{std::move(config)},
        blocking_{kBlockingThreads},
        io_{io_threads()},
        tasks_{io_.at(0).get_executor(), kServiceTasks} {}

  ~AppImpl() override { stop(); }

  Result<> build();
  void start() override;
  std::uint16_t port() const noexcept override { return server_->port(); }
  std::string url() const override {
    const bool v6 = config_.address.find(':') != std::string::npos;
    return fmt::format("{}://{}:{}", config_.tls ? "https" : "http", v6 ? "[" + config_.address + "]" : config_.address,
                       port());
  }
  Signal wait_for_signal() override;
  Result<> reload(const Config& config) override;
  void stop() override;

 private:
  Result<> admit_only_with_keys();
  Result<> make_router();
  Result<router::TablePtr> make_routes(const Routing& routing);
  Result<provider::Remote*> remote_for(const provider::RemoteOptions& options);
  Task<> async_drain();
  Task<> async_stop_server(asio::steady_timer& grace);
  Task<> async_end_answers(asio::steady_timer& grace);
  Result<> load_configured();
  Result<> bind();
  telemetry::Snapshot snapshot() const;
  void note_request(const api::RequestRecord& record);
  void note_outcome(const router::Outcome& outcome);
  void note_shadow(const router::ShadowVerdict& verdict);
  bool run_in_background(Task<> work);

  // In the order of construction; destroyed the other way round.
  Config config_;
  std::atomic<bool> draining_{false};
  bool stopped_ = false;
  telemetry::Metrics metrics_;
  // Written by the tick, read by scrapes.
  std::shared_ptr<std::atomic<engine::Pressure>> pressure_ =
      std::make_shared<std::atomic<engine::Pressure>>(engine::Pressure::none);
  async::BlockingPool blocking_;
  std::unique_ptr<models::Store> store_;
  std::shared_ptr<identity::TokenVerifier> tokens_;  // null: auth.mode is not oidc
  std::unique_ptr<identity::Authenticator> auth_;    // null: auth.mode is none
  std::shared_ptr<net::ServerTls> tls_;              // null: plain HTTP
  std::shared_ptr<engine::Pool> pool_;
  std::unique_ptr<provider::Local> engine_;
  async::IoThreads io_;
  // Those of earlier configurations too: a request under way may still read from one.
  std::vector<std::pair<provider::RemoteOptions, std::unique_ptr<provider::Remote>>> remotes_;
  std::unique_ptr<router::Ledger> ledger_;
  std::unique_ptr<audit::AuditLog> audit_;
  std::unique_ptr<router::Router> router_;
  std::atomic<int> background_tasks_{0};
  async::TaskGroup tasks_;
  std::unique_ptr<net::Server> server_;
  asio::io_context signal_io_{1};
  asio::signal_set signals_{signal_io_};  // from start() on, so that none is missed between two waits
};

Result<> AppImpl::admit_only_with_keys() {
  const bool alone = is_loopback(config_.address);
  if (config_.auth == Config::Auth::none) {
    if (alone) return {};
    return fail(
        ErrorCode::forbidden,
        fmt::format("refusing to listen on {}: beyond this machine Hearth demands keys. Set auth: {{mode: keys}} "
                    "in the configuration and make a key with `hearth keys create NAME`",
                    config_.address),
        "listen");
  }
  if (config_.auth == Config::Auth::oidc) tokens_ = std::make_shared<identity::TokenVerifier>(config_.issuer);
  auth_ = std::make_unique<identity::Authenticator>(config_.home, tokens_);
  HEARTH_CHECKED(auth_->refresh());
  if (!alone && !config_.tls) {
    log::warn("keys travel in the clear: set tls, or put a proxy with TLS in front", {{"listen", config_.address}});
  }
  if (tokens_ || auth_->has_live_key(WallClock::now())) return {};
  constexpr const char* kMake = "nobody has a key yet; make one with `hearth keys create NAME`";
  if (!alone)
    return fail(ErrorCode::forbidden, fmt::format("refusing to listen on {}: {}", config_.address, kMake), "listen");
  log::warn(kMake);
  return {};
}

Result<> AppImpl::build() {
  HEARTH_CHECKED(admit_only_with_keys());
  HEARTH_TRY(store_, open_store(config_, blocking_, config_.paths));
  pool_ = engine::Pool::create({.budget = config_.memory_budget,
                                .keep_alive = config_.keep_alive,
                                .observer = [this](const std::string& name) { return metrics_.observe(name); },
                                .prefix_memory = config_.prefix_memory,
                                .prefix_disk = config_.prefix_disk,
                                .prefix_folder = config_.home / "prefixes"},
                               blocking_);
  engine_ = provider::make_local(*store_, *pool_, blocking_, config_.models);
  HEARTH_CHECKED(load_configured());
  HEARTH_CHECKED(make_router());
  return bind();
}

Result<provider::Remote*> AppImpl::remote_for(const provider::RemoteOptions& options) {
  for (const auto& [known, remote] : remotes_) {
    if (known == options) return remote.get();
  }
  HEARTH_TRY(auto remote, provider::Remote::create(options, io_));
  remotes_.emplace_back(options, std::move(remote));
  return remotes_.back().second.get();
}

Result<router::TablePtr> AppImpl::make_routes(const Routing& routing) {
  std::map<std::string, provider::Remote*> remotes;
  for (const RemoteProvider& provider : routing.providers) {
    HEARTH_TRY(remotes[provider.options.name], remote_for(provider.options));
  }
  for (const policy::RuleMistake& mistake : policy::mistakes_of(routing.policy)) {
    log::warn("a rule of the policy", {{"line", routing.policy.rules[mistake.rule].line}, {"which", mistake.why}});
  }
  if (!routing.policy.ceilings[static_cast<std::size_t>(routing.zone)]) {
    log::warn("no model of this machine may see anything: policy.zones does not name its zone",
              {{"zone", policy::name_of(routing.zone)}});
  }
  std::vector<router::Mistake> mistakes;  // the configuration was checked when it was read
  return make_table(routing, config_.models, remotes, engine_.get(), mistakes);
}

Result<> AppImpl::reload(const Config& config) {
  HEARTH_TRY(router::TablePtr table, make_routes(config.routing));
  router_->replace(std::move(table));
  store_->offer_starter(offers_starter(config_.models, config.routing));
  config_.routing = config.routing;
  Config rest = config;
  rest.routing = {};
  Config before = config_;
  before.routing = {};
  if (print_config(rest) != print_config(before)) {
    log::warn("reload: changes outside providers, routes, policy and budgets wait for the next start");
  }
  log::info("reloaded", {{"routes", config.routing.routes.size()}, {"providers", config.routing.providers.size()}});
  return {};
}

Result<> AppImpl::make_router() {
  HEARTH_TRY(router::TablePtr table, make_routes(config_.routing));
  if (config_.ledger) {
    HEARTH_TRY(ledger_, router::Ledger::open(config_.home / "ledger.db", WallClock::now()));
  }
  if (config_.audit) {
    HEARTH_TRY(audit_, audit::AuditLog::open({.home = config_.home, .keep = config_.audit_keep}));
  }
  router_ =
      router::Router::create({.local = engine_.get(),
                              .on_outcome = [this](const router::Outcome& outcome) { note_outcome(outcome); },
                              .ledger = ledger_.get(),
                              .audit = audit_.get(),
                              .blocking = &blocking_,
                              .background = [this](Task<> work) { return run_in_background(std::move(work)); },
                              .on_shadow = [this](const router::ShadowVerdict& verdict) { note_shadow(verdict); }},
                             std::move(table));
  return {};
}

Result<> AppImpl::load_configured() {
  for (const provider::ConfiguredModel& model : config_.models) {
    const Result<> loaded = run_on(io_.at(0), engine_->async_load({.id = "start", .principal = "hearth"}, model.name));
    if (!loaded) return fail(loaded.error().code, fmt::format("model {}: {}", model.name, loaded.error().message));
  }
  return {};
}

Result<> AppImpl::bind() {
  api::Services services{
      .engine = *engine_, .store = *store_, .router = router_.get(), .version = std::string{version()}};
  services.files = &blocking_;
  services.auth = auth_.get();
  services.loopback = is_loopback(config_.address);
  services.ledger = ledger_.get();
  services.draining = [this] { return draining_.load(); };
  services.metrics_text = [this] { return metrics_.text(); };
  services.on_request = [this](const api::RequestRecord& record) { note_request(record); };
  services.limits.max_body_bytes = config_.max_body_bytes;
  net::ServerOptions options;
  options.address = config_.address;
  options.port = config_.port;
  options.limits.max_connections = config_.max_connections;
  options.render_error = api::render_error;
  if (config_.tls) {
    HEARTH_TRY(tls_, net::ServerTls::load(*config_.tls));
    options.tls = tls_;
  }
  HEARTH_TRY(server_, net::Server::create(io_, std::move(options), api::make_handler(services),
                                          api::make_body_planner(services)));
  metrics_.gather([this] { return snapshot(); });  // scrapes come only from the server, which start() lets in
  return {};
}

telemetry::Snapshot AppImpl::snapshot() const {
  telemetry::Snapshot now{.models = {},
                          .memory_budget = pool_->budget(),
                          .memory_available = engine::read_memory().available,
                          .pressure = *pressure_,
                          .connections = server_->connections()};
  std::set<std::string> seen;  // names of one copy are one model here
  for (const engine::PoolEntry& entry : pool_->list()) {
    if (!seen.insert(entry.key).second) continue;
    now.models.push_back({.model = entry.name,
                          .host_bytes = entry.bytes - entry.device_bytes,
                          .device_bytes = entry.device_bytes,
                          .cells = entry.status.cells,
                          .cells_used = entry.status.cells_used - entry.status.cells_cached,
                          .cells_cached = entry.status.cells_cached,
                          .prefix_memory = entry.status.prefix_memory,
                          .prefix_disk = entry.status.prefix_disk,
                          .running = static_cast<std::int32_t>(entry.status.running.size()),
                          .queued = entry.status.queued});
  }
  return now;
}

void AppImpl::note_request(const api::RequestRecord& record) {
  metrics_.http(record.route, record.status, std::chrono::duration<double>(record.duration).count());
  telemetry::log_request({.id = record.id,
                          .method = record.method,
                          .route = record.route,
                          .model = record.model,
                          .principal = record.principal,
                          .status = record.status,
                          .streamed = record.streamed,
                          .error = record.error,
                          .duration = record.duration,
                          .first_token = record.first_token,
                          .usage = record.usage});
}

void AppImpl::note_outcome(const router::Outcome& outcome) {
  metrics_.routed({.route = outcome.route,
                   .target = outcome.target,
                   .outcome = outcome.error ? std::string{traits(*outcome.error).name} : "completed",
                   .escalated = outcome.escalated,
                   .cost_usd = outcome.cost_usd,
                   .saved_usd = outcome.saved_usd});
}

void AppImpl::note_shadow(const router::ShadowVerdict& verdict) {
  metrics_.shadow({.route = verdict.route,
                   .workload = verdict.workload,
                   .target = verdict.target,
                   .verdict = verdict.error    ? "failed"
                              : verdict.agrees ? "agrees"
                                               : "disagrees"});
}

/// Called on any io thread; the tasks live on one.
bool AppImpl::run_in_background(Task<> work) {
  if (background_tasks_.fetch_add(1) >= kShadowChecks) {
    --background_tasks_;
    return false;
  }
  auto start = [this, counted = counted_down(background_tasks_, std::move(work))]() mutable {
    tasks_.spawn("shadow", std::move(counted));
  };
  asio::post(io_.at(0), std::move(start));
  return true;
}

void AppImpl::start() {
  tasks_.spawn("tick", tick(pool_, pressure_));
  tasks_.spawn("probe", probe(*router_));
  if (auth_) tasks_.spawn("keys", watch_keys(*auth_, blocking_));
  if (tokens_) tasks_.spawn("issuer", async_watch_issuer(tokens_));
  if (tls_) tasks_.spawn("certificate", watch_certificate(tls_, blocking_));
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) signals_.add(signal);
  server_->start();
}

App::Signal AppImpl::wait_for_signal() {
  int caught = SIGTERM;
  const auto on_signal = [&caught](const boost::system::error_code&, int signal) {
    log::info("signal", {{"number", signal}});
    caught = signal;
  };
  signals_.async_wait(on_signal);
  signal_io_.restart();
  signal_io_.run();
  if (caught == SIGHUP) return Signal::reload;
  signals_.clear();
  std::signal(SIGINT, SIG_DFL);  // impatience is an answer too
  std::signal(SIGTERM, SIG_DFL);
  return Signal::stop;
}

Task<> AppImpl::async_drain() {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer grace{co_await asio::this_coro::executor, config_.shutdown_grace};
  co_await (async_stop_server(grace) && async_end_answers(grace));
}

Task<> AppImpl::async_stop_server(asio::steady_timer& grace) {
  co_await server_->async_stop(config_.shutdown_grace + kLastWords);
  grace.cancel();
}

/// Answers that outlast the grace end with an error that their clients can read, not with a cut connection.
Task<> AppImpl::async_end_answers(asio::steady_timer& grace) {
  const auto [cancelled] = co_await grace.async_wait(use_tuple);
  if (cancelled) co_return;
  for (const auto& [options, remote] : remotes_) co_await remote->async_end();
  co_await pool_->async_stop();
}

void AppImpl::stop() {
  if (std::exchange(stopped_, true)) return;
  draining_ = true;
  if (server_) run_on(io_.at(0), async_drain());
  asio::post(io_.at(0), [this] { tasks_.cancel(); });
  run_on(io_.at(0), tasks_.async_join());
  for (const auto& [options, remote] : remotes_) run_on(io_.at(0), remote->async_close());
  if (pool_) run_on(io_.at(0), pool_->async_stop());
  log::info("stopped");
}

}  // namespace

Result<std::unique_ptr<App>> App::create(Config config) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed socket is an error code, not the end of the process
  std::signal(SIGXFSZ, SIG_IGN);  // so is a limit of the size of files
  auto app = std::make_unique<AppImpl>(std::move(config));
  if (const Result<> built = app->build(); !built) return fail(built.error());
  return app;
}

}  // namespace hearth::app
