// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/async/asio.hpp"
#include "hearth/async/blocking_pool.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/base/result.hpp"
#include "hearth/models/name.hpp"

namespace hearth::models {

/// The model that comes with the program: docs/starter.md.
inline constexpr const char* kStarter = "starter";

/// One PARAMETER line each; values as written, `stop` may repeat.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// A MESSAGE of a Modelfile.
struct SeedMessage {
  std::string role;
  std::string content;
};

/// A model as its manifest describes it. Paths are absolute and exist.
struct Model {
  std::string name;    // display form
  std::string digest;  // hex sha256 of the manifest's bytes; of the file for a plain file
  WallClock::time_point modified;
  std::uint64_t size = 0;                      // bytes of all layers
  std::vector<std::filesystem::path> weights;  // GGUF; several for a split model, in order
  std::vector<std::filesystem::path> adapters;
  std::optional<std::filesystem::path> projector;
  std::string weights_digest;  // hex; two names of the same weights share one loaded copy
  std::string parent;          // the name it was made from
  std::string template_text;   // TEMPLATE as written (Go or Jinja); empty: the GGUF's own
  std::string system;
  std::vector<std::string> licenses;
  Parameters parameters;
  std::vector<SeedMessage> messages;
  std::string format = "gguf";
  std::string family;               // general.architecture
  std::string parameter_size;       // "1.2B"
  std::string quantization;         // "Q4_K_M"
  std::int64_t context_length = 0;  // trained
  std::int64_t embedding_length = 0;
  std::vector<std::string> capabilities;  // "completion", "tools", "insert", "embedding", "thinking", "vision"
};

/// One line of pull, push or create, as Ollama's NDJSON reports it. total 0: no bar.
struct Progress {
  std::string status;
  std::string digest;
  std::uint64_t total = 0;
  std::uint64_t completed = 0;
};
using OnProgress = std::function<void(const Progress&)>;  // on the caller's io thread

/// What `create` is made of: a Modelfile, parsed, or the fields of POST /api/create.
struct CreateRequest {
  std::string name;
  std::string from;                                           // a model name, or a path of a GGUF file
  std::vector<std::pair<std::string, std::string>> files;     // file name to blob digest
  std::vector<std::pair<std::string, std::string>> adapters;  // file name (or path, with an empty digest) to digest
  std::optional<std::string> template_text;
  std::optional<std::string> system;
  std::vector<std::string> licenses;
  Parameters parameters;
  std::vector<SeedMessage> messages;
  std::string quantize;  // type name; empty: as it is
};

/// Quantizes a GGUF; given by the composition root, since only `engine` may call libllama.
using Quantizer =
    std::function<Result<>(const std::filesystem::path& in, const std::filesystem::path& out, const std::string& type)>;

/// The models on this machine: $home/models/{blobs/sha256-<hex>, manifests/<host>/<ns>/<model>/<tag>}, Ollama's layout.
/// A blob has its final name only once its sha256 was verified; writes are temp file, fsync, rename. Safe against
/// another hearth on the same folder (blobs are content-addressed; manifests are renamed into place).
/// The name kStarter stands for the model that comes with the program, unless the folder has a model of that name.
/// Every call may come from any io thread; files are touched on the blocking pool only.
class Store {
 public:
  struct Options {
    std::filesystem::path root;  // $HEARTH_HOME/models
    bool offer_starter = false;  // list kStarter, too
    std::vector<std::pair<std::string, std::string>>
        named;          // names given from outside: (name, path or name in the store)
    bool paths = true;  // a name may be a path; off in a server, whose clients must not look for files on this machine
    std::size_t parallel_ranges = 8;
    std::string hub_endpoint = "https://huggingface.co";  // env HF_ENDPOINT
    std::string hub_token;                                // env HF_TOKEN
    std::string ca_file;
    std::filesystem::path logins_file;  // of registries, as `docker login` writes them; read by open()

    std::uint64_t range_bytes = 8U << 20;             // of one ranged GET; held in memory while it arrives
    std::uint64_t push_chunk_bytes = 64U << 20;       // of one PATCH; read from disk as it is sent
    std::chrono::milliseconds stall_timeout{30'000};  // a transfer without a byte of progress is tried again
    unsigned max_retries = 6;                         // of one range, one chunk, one small request
    std::chrono::milliseconds first_backoff{500};     // doubles each time, up to 10 s
    std::uint64_t disk_reserve_bytes = 256U << 20;    // kept free: no pull starts that would go below it
    std::chrono::hours leftover_age{7 * 24};          // open() deletes older unfinished and unnamed blobs
    std::size_t facts_cached = 512;                   // models whose header needs no second reading
  };
  static Result<std::unique_ptr<Store>> open(Options options, async::BlockingPool& pool, Quantizer quantizer);
  virtual ~Store() = default;

  /// As Options::offer_starter, from now on. Any thread.
  virtual void offer_starter(bool offered) = 0;

  /// A model by name (Options::named first, then the folder's), or by path of a GGUF file ("./x.gguf", "/x.gguf").
  /// Unknown: not_found with the command to type.
  virtual Task<Result<Model>> async_find(std::string name) = 0;
  /// Every model: Options::named in their order, then the folder's, newest first. A broken manifest is logged and left
  /// out.
  virtual Task<Result<std::vector<Model>>> async_list() = 0;
  /// Joins a pull of the same name that is running. `insecure` allows http to any host; a certificate that
  /// does not verify is refused in any case (Options::ca_file adds an authority).
  virtual Task<Result<>> async_pull(std::string name, bool insecure, OnProgress progress) = 0;
  virtual Task<Result<>> async_push(std::string name, bool insecure, OnProgress progress) = 0;
  virtual Task<Result<>> async_create(CreateRequest request, OnProgress progress) = 0;
  /// Makes a model of a GGUF file on this machine (hard link or copy into the store).
  virtual Task<Result<Model>> async_import(std::filesystem::path file, std::string name, OnProgress progress) = 0;
  virtual Task<Result<>> async_copy(std::string from, std::string to) = 0;
  /// Removes the name; blobs no other manifest uses go with it.
  virtual Task<Result<>> async_remove(std::string name) = 0;
  virtual Task<Result<bool>> async_has_blob(std::string digest) = 0;
  /// Takes an uploaded file into the store if its sha256 is `digest`; the file is gone afterwards either way.
  virtual Task<Result<>> async_add_blob(std::string digest, std::filesystem::path file) = 0;
  /// Where uploads may be spooled (same file system as the blobs).
  virtual std::filesystem::path spool_folder() const = 0;
};

}  // namespace hearth::models
