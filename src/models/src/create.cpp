// SPDX-License-Identifier: Apache-2.0
#include "create.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "fetch.hpp"
#include "file_io.hpp"
#include "image.hpp"
#include "model_view.hpp"
#include "pull.hpp"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;

Result<std::string> take_file(StoreContext& context, const fs::path& file, const OnProgress& tell) {
  std::error_code error;
  if (fs::is_directory(file, error)) {
    return fail(ErrorCode::unsupported,
                fmt::format("{} is a folder; convert it to GGUF first and name the file", file.string()), "from");
  }
  HEARTH_CHECKED(read_gguf(file));  // before gigabytes are copied
  const auto total = fs::file_size(file, error);
  const Progress line{fmt::format("copying file {}", file.filename().string()), {}, total, 0};
  std::uint64_t shown = 0;
  const auto on_bytes = [&](std::uint64_t bytes) {
    constexpr std::uint64_t kStep = 32U << 20;
    if (!tell || (bytes < shown + kStep && bytes != total)) return;
    shown = bytes;
    tell(Progress{line.status, {}, total, bytes});
  };
  return context.catalog.blobs().put_file(file, on_bytes);
}

Result<> add_path(StoreContext& context, Image& image, const fs::path& file, const OnProgress& tell) {
  HEARTH_TRY(const auto shards, shard_paths(file));
  for (const auto& shard : shards) {
    HEARTH_TRY(auto digest, take_file(context, shard, tell));
    HEARTH_TRY(const auto kind, kind_of_file(context.catalog.blobs().path(digest)));
    image.files.push_back(file_layer(kind, std::move(digest), shard.string(), shard.filename().string()));
  }
  return {};
}

Result<std::string> uploaded(const StoreContext& context, const std::string& digest) {
  HEARTH_TRY(auto hex, parse_digest(digest));
  if (context.catalog.blobs().has(hex)) return hex;
  return fail(ErrorCode::not_found,
              fmt::format("blob {} is not here; upload it with POST /api/blobs/{}", digest, digest), "files");
}

Result<> add_uploads(StoreContext& context, Image& image, std::vector<std::pair<std::string, std::string>> files,
                     const OnProgress& tell) {
  std::ranges::sort(files);  // shards in order
  for (const auto& [name, digest] : files) {
    HEARTH_TRY(auto hex, uploaded(context, digest));
    report(tell, "parsing GGUF");
    HEARTH_TRY(const auto kind, kind_of_file(context.catalog.blobs().path(hex)));
    image.files.push_back(file_layer(kind, std::move(hex), {}, name));
  }
  return {};
}

Result<Image> base_image(StoreContext& context, const CreateRequest& request, const OnProgress& tell) {
  Image image;
  if (request.from.empty() == request.files.empty()) {
    return fail(ErrorCode::invalid_request,
                "a model is made either from a model or file (FROM), or from uploaded files", "from");
  }
  if (request.from.empty()) {
    HEARTH_CHECKED(add_uploads(context, image, request.files, tell));
    return image;
  }
  if (is_path(request.from)) {
    HEARTH_CHECKED(add_path(context, image, expand_path(request.from), tell));
    return image;
  }
  HEARTH_TRY(const auto name, parse_model_name(request.from));
  HEARTH_TRY(const auto stored, context.catalog.read(name));
  return open_image(context, stored);
}

Result<> add_adapters(StoreContext& context, Image& image, const CreateRequest& request, const OnProgress& tell) {
  for (const auto& [name, digest] : request.adapters) {
    std::string hex;
    if (digest.empty()) {
      HEARTH_TRY(hex, take_file(context, expand_path(name), tell));
    } else {
      HEARTH_TRY(hex, uploaded(context, digest));
    }
    HEARTH_TRY(const auto kind, kind_of_file(context.catalog.blobs().path(hex)));
    if (kind != LayerKind::adapter) {
      return fail(ErrorCode::invalid_request, fmt::format("{} is not a LoRA adapter in GGUF form", name), "adapters");
    }
    image.files.push_back(file_layer(kind, std::move(hex), {}, fs::path{name}.filename().string()));
  }
  return {};
}

// What the request says replaces what the base says; licenses add up, parameters are replaced key by key.
void apply_texts(Image& image, const CreateRequest& request) {
  if (request.template_text) image.template_text = request.template_text;
  if (request.system) image.system = *request.system;
  image.licenses.insert(image.licenses.end(), request.licenses.begin(), request.licenses.end());
  std::erase_if(image.parameters, [&](const auto& old) {
    return std::ranges::any_of(request.parameters, [&](const auto& parameter) { return parameter.first == old.first; });
  });
  image.parameters.insert(image.parameters.end(), request.parameters.begin(), request.parameters.end());
  if (!request.messages.empty()) image.messages = request.messages;
}

// Links with the names that libllama expects of shards; deleted at the end.
class ShardLinks {
 public:
  ShardLinks() = default;
  ShardLinks(const ShardLinks&) = delete;
  ShardLinks& operator=(const ShardLinks&) = delete;
  ~ShardLinks() {
    for (const auto& link : links_) remove_quietly(link);
  }
  Result<fs::path> make(const Blobs& blobs, const std::vector<const Layer*>& weights) {
    if (weights.size() == 1) return blobs.path(weights.front()->digest);
    const auto stem = blobs.temporary().string();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      links_.emplace_back(fmt::format("{}-{:05}-of-{:05}.gguf", stem, i + 1, weights.size()));
      std::error_code error;
      fs::create_symlink(blobs.path(weights[i]->digest), links_.back(), error);
      if (error)
        return fail(ErrorCode::internal, fmt::format("cannot link {}: {}", links_.back().string(), error.message()));
    }
    return links_.front();
  }

 private:
  std::vector<fs::path> links_;
};

Result<> quantize(StoreContext& context, Image& image, const std::string& type, const OnProgress& tell) {
  const auto& blobs = context.catalog.blobs();
  if (!context.quantizer) return fail(ErrorCode::unsupported, "this build cannot quantize", "quantize");
  std::vector<const Layer*> weights;
  Manifest manifest;
  for (const auto& layer : image.files) {
    if (layer_kind(layer.media_type) != LayerKind::model) continue;
    weights.push_back(&layer);
    manifest.layers.push_back(layer);
  }
  HEARTH_TRY(const auto facts, facts_of_layers(context, manifest));
  HEARTH_CHECKED(check_layers(blobs, manifest));
  if (facts.quantization != "F16" && facts.quantization != "F32" && facts.quantization != "BF16") {
    return fail(ErrorCode::invalid_request,
                fmt::format("the model is {} already; quantize from F16, BF16 or F32", facts.quantization), "quantize");
  }
  report(tell, fmt::format("quantizing {} model to {}", facts.quantization, type));
  ShardLinks links;
  HEARTH_TRY(const auto in, links.make(blobs, weights));
  const auto out = blobs.temporary();
  auto done = context.quantizer(in, out, type);
  auto digest = done ? sha256_file(out) : Result<std::string>{fail(std::move(done).error())};
  auto adopted = digest ? blobs.adopt(out, *digest) : Result<>{fail(digest.error())};
  if (!adopted) {
    remove_quietly(out);
    return adopted;
  }
  auto layer = file_layer(LayerKind::model, *std::move(digest), weights.front()->from, {});
  std::erase_if(image.files, [](const Layer& l) { return layer_kind(l.media_type) == LayerKind::model; });
  image.files.insert(image.files.begin(), std::move(layer));
  return {};
}

Result<> commit(StoreContext& context, const Name& name, const std::string& bytes, const OnProgress& tell) {
  HEARTH_TRY(const auto manifest, parse_manifest(bytes));
  auto checked = check_layers(context.catalog.blobs(), manifest);
  if (!checked) {
    context.catalog.drop_unused(digests_of(manifest));
    return checked;
  }
  for (const auto& layer : manifest.layers) {
    report(tell, fmt::format("{} layer {}", layer.from.empty() ? "creating new" : "using existing",
                             with_algorithm(layer.digest)));
  }
  report(tell, "writing manifest");
  HEARTH_TRY(const auto missing, context.catalog.commit(name, bytes));
  if (!missing.empty()) return fail(raced_error(name));
  report(tell, "success");
  return {};
}

}  // namespace

Result<> create_model(StoreContext& context, const CreateRequest& request, const OnProgress& tell) {
  HEARTH_TRY(const auto name, parse_model_name(request.name));
  report(tell, "gathering model components");
  HEARTH_TRY(auto image, base_image(context, request, tell));
  HEARTH_CHECKED(add_adapters(context, image, request, tell));
  if (!request.quantize.empty()) HEARTH_CHECKED(quantize(context, image, request.quantize, tell));
  apply_texts(image, request);
  HEARTH_TRY(const auto bytes, finish_image(context, std::move(image)));
  return commit(context, name, bytes, tell);
}

}  // namespace hearth::models
