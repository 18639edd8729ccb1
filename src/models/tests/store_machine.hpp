// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "download.hpp"
#include "gguf_writer.hpp"
#include "hearth/async/task_group.hpp"
#include "hearth/models/store.hpp"
#include "hearth/net/server.hpp"
#include "sha256.hpp"

namespace hearth::models::testing {

namespace fs = std::filesystem;

/// A folder that is gone after the test.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (fs::temp_directory_path() / "hearth-models-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline void write_text(const fs::path& file, const std::string& bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream{file, std::ios::binary} << bytes;
}
inline std::string read_text(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// A valid model of 2.5 kB + 96 bytes * `width`; `seed` makes its weights, and so its digest, differ.
inline std::string model_bytes(std::uint32_t width, unsigned seed) {
  auto writer = tiny_llama();
  writer.u32("llama.feed_forward_length", width);
  writer.at("blk.0.ffn_gate.weight").dims = {8, width};
  writer.at("blk.0.ffn_up.weight").dims = {8, width};
  writer.at("blk.0.ffn_down.weight").dims = {width, 8};
  auto bytes = writer.build();
  std::mt19937 random{seed};
  const auto weights = std::size_t{96} * width;
  for (std::size_t i = bytes.size() - weights; i < bytes.size(); ++i) bytes[i] = static_cast<char>(random());
  return bytes;
}

/// Options with small bounds, so that small files hit them.
inline Store::Options small_options(const fs::path& root) {
  Store::Options options;
  options.root = root;
  options.parallel_ranges = 4;
  options.range_bytes = 16 << 10;
  options.push_chunk_bytes = 32 << 10;
  options.stall_timeout = std::chrono::milliseconds{5'000};
  options.max_retries = 2;
  options.first_backoff = std::chrono::milliseconds{1};
  options.disk_reserve_bytes = 0;
  return options;
}

/// Threads, and a way to wait for a coroutine.
class Machine {
 public:
  template <class T>
  T run(Task<T> task) {
    return start(std::move(task)).get();
  }
  template <class T>
  std::future<T> start(Task<T> task, std::size_t thread = 0) {
    return asio::co_spawn(io_.at(thread), std::move(task), asio::use_future);
  }
  std::unique_ptr<Store> open(Store::Options options, Quantizer quantizer = {}) {
    auto store = Store::open(std::move(options), pool_, std::move(quantizer));
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return *std::move(store);
  }
  std::unique_ptr<Store> open(const fs::path& root) { return open(small_options(root)); }
  async::IoThreads& io() { return io_; }

 private:
  async::IoThreads io_{2};
  async::BlockingPool pool_{4};
};

/// What an operation told, one line each; any thread.
class Lines {
 public:
  OnProgress sink() {
    return [this](const Progress& progress) {
      const std::lock_guard lock{mutex_};
      lines_.push_back(progress);
    };
  }
  std::vector<Progress> all() const {
    const std::lock_guard lock{mutex_};
    return lines_;
  }
  /// The statuses in order, each run of equal ones once.
  std::vector<std::string> statuses() const {
    std::vector<std::string> out;
    for (const auto& line : all()) {
      if (out.empty() || out.back() != line.status) out.push_back(line.status);
    }
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Progress> lines_;
};

/// An HTTP server on a free loopback port; stopped when the test ends, also when it fails.
class WebServer {
 public:
  explicit WebServer(net::Handler handler) {
    net::ServerOptions options;
    options.limits.linger_timeout = std::chrono::milliseconds{100};
    auto server = net::Server::create(io_, std::move(options), std::move(handler));
    EXPECT_TRUE(server.has_value());
    server_ = *std::move(server);
    server_->start();
  }
  ~WebServer() { asio::co_spawn(io_.at(0), server_->async_stop(std::chrono::milliseconds{0}), asio::use_future).get(); }
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;
  std::string origin() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  std::string host() const { return "127.0.0.1:" + std::to_string(server_->port()); }

 private:
  async::IoThreads io_{1};
  std::unique_ptr<net::Server> server_;
};

/// Files by path, with ranges, and the ways in which servers misbehave. Set up before the server runs; put() later.
struct FileHost {
  std::map<std::string, std::string> files;
  bool ranges = true;
  std::atomic<bool> etags = true;
  std::atomic<bool> truncate = false;               // half of every answer, then the end
  std::map<std::string, std::string> redirects;     // path to URL
  std::map<std::string, std::string> links;         // Link headers by path
  std::function<bool(const net::Request&)> hold;    // a request waits as long as this says so
  std::function<int(const net::Request&)> refusal;  // not 0: answered instead of the file
  std::mutex mutex;
  std::vector<std::string> log;  // "GET /path bytes=0-1"
  std::map<std::string, std::string> seen_authorization;

  std::size_t count(const std::string& part) {
    const std::lock_guard lock{mutex};
    return static_cast<std::size_t>(
        std::ranges::count_if(log, [&](const auto& line) { return line.find(part) != std::string::npos; }));
  }
  void put(const std::string& path, const std::string& content) {
    const std::lock_guard lock{mutex};
    files[path] = content;
  }
  void forget_log() {
    const std::lock_guard lock{mutex};
    log.clear();
  }
  net::Handler handler() {
    return [this](const net::Request& request, net::Responder& responder) { return async_answer(request, responder); };
  }
  Task<> async_answer(const net::Request& request, net::Responder& responder) {
    const std::string range{request.headers.get("range").value_or("")};
    {
      const std::lock_guard lock{mutex};
      log.push_back(request.method + " " + request.path + " " + range);
      seen_authorization[request.path] = request.headers.get("authorization").value_or("");
    }
    asio::steady_timer timer{co_await asio::this_coro::executor};
    while (hold && hold(request)) {
      timer.expires_after(std::chrono::milliseconds{1});
      co_await timer.async_wait(asio::use_awaitable);
    }
    net::Headers headers;
    if (const int code = refusal ? refusal(request) : 0; code != 0) {
      (void)co_await responder.send(code, std::move(headers), "no");
      co_return;
    }
    std::string target;
    std::optional<std::string> content;
    {
      const std::lock_guard lock{mutex};
      if (const auto found = redirects.find(request.path); found != redirects.end()) target = found->second;
      if (const auto found = files.find(request.path); found != files.end()) content = found->second;
    }
    if (!target.empty()) {
      headers.set("Location", target);
      (void)co_await responder.send(302, std::move(headers), "");
      co_return;
    }
    if (!content) {
      (void)co_await responder.send(404, std::move(headers), "no");
      co_return;
    }
    auto& body = *content;
    int status = 200;
    if (const auto link = links.find(request.path); link != links.end()) headers.set("Link", link->second);
    if (etags) headers.set("ETag", "\"" + sha256_hex(body).substr(0, 8) + "\"");
    if (ranges && range.starts_with("bytes=")) {
      const auto dash = range.find('-');
      const auto begin = std::stoull(range.substr(6));
      const auto last = std::min<std::uint64_t>(std::stoull(range.substr(dash + 1)), body.size() - 1);
      headers.set("Content-Range",
                  "bytes " + std::to_string(begin) + "-" + std::to_string(last) + "/" + std::to_string(body.size()));
      body = body.substr(begin, last - begin + 1);
      status = 206;
    }
    if (truncate && body.size() > 1) {
      auto started = co_await responder.start(status, std::move(headers));
      if (started) (void)co_await responder.write(std::string_view{body}.substr(0, body.size() / 2));
      (void)co_await responder.finish();
      co_return;
    }
    (void)co_await responder.send(status, std::move(headers), std::move(body));
  }
};

/// Every file with a blob's name has that sha256. The number of them.
inline std::size_t check_blobs(const fs::path& root) {
  std::size_t blobs = 0;
  for (const auto& entry : fs::directory_iterator{root / "blobs"}) {
    const auto name = entry.path().filename().string();
    if (name.size() != 7 + 64) continue;
    ++blobs;
    EXPECT_EQ("sha256-" + sha256_hex(read_text(entry.path())), name);
  }
  return blobs;
}

/// Names of the files in blobs/ and spool/ that are no blobs.
inline std::vector<std::string> leftovers(const fs::path& root) {
  std::vector<std::string> out;
  for (const auto* folder : {"blobs", "spool"}) {
    for (const auto& entry : fs::directory_iterator{root / folder}) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with("sha256-") || name.size() != 7 + 64) out.push_back(name);
    }
  }
  return out;
}

}  // namespace hearth::models::testing
