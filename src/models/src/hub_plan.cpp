// SPDX-License-Identifier: Apache-2.0
#include "hub_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "hearth/base/text.hpp"
#include "hearth/models/name.hpp"

namespace hearth::models {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDefaultQuant = "q4_k_m";
constexpr std::array<std::string_view, 6> kSidecars{"mmproj", "imatrix", "mtp-", "eagle3", "dflash", "dspark"};
constexpr std::size_t kCommitMax = 64;

auto strange(std::string_view what) {
  return fail(ErrorCode::upstream_error, fmt::format("the hub's answer is not understood: {}", what));
}

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

bool is_commit(std::string_view text) {
  return !text.empty() && text.size() <= kCommitMax &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::string file_name(const std::string& path) { return text::to_lower_ascii(path.substr(path.rfind('/') + 1)); }

bool is_sidecar(const std::string& name) {
  return std::ranges::any_of(kSidecars, [&](auto word) { return name.find(word) != std::string::npos; });
}

// `word` in `path` with nothing of a longer word around it. "_" is a part of quant names, so it ends no word.
bool has_word(const std::string& path, std::string_view word) {
  const auto border = [&](std::size_t at) { return at >= path.size() || std::string_view{"-./"}.contains(path[at]); };
  for (auto at = path.find(word); at != std::string::npos; at = path.find(word, at + 1)) {
    if ((at == 0 || border(at - 1) || path[at - 1] == '_') && border(at + word.size())) return true;
  }
  return false;
}

// "…-00002-of-00003.gguf"
struct Shard {
  std::string_view stem;
  unsigned number = 0;
  unsigned count = 0;
};
std::optional<Shard> shard_of(std::string_view path) {
  constexpr std::size_t kTail = std::string_view{"-00001-of-00003.gguf"}.size();
  if (path.size() <= kTail) return std::nullopt;
  const auto tail = path.substr(path.size() - kTail);
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-") return std::nullopt;
  Shard shard{path.substr(0, path.size() - kTail), 0, 0};
  const auto read = [&](std::size_t from, unsigned& value) {
    const auto* begin = tail.data() + from;
    const auto [end, error] = std::from_chars(begin, begin + 5, value);
    return error == std::errc{} && end == begin + 5;
  };
  if (!read(1, shard.number) || !read(10, shard.count) || shard.count == 0) return std::nullopt;
  return shard;
}

// The quant-like word of a file name ("Q4_K_M"), as the hub's users write it.
std::string quant_of(std::string_view path) {
  auto stem = path.substr(path.rfind('/') + 1);
  if (const auto shard = shard_of(path)) stem = shard->stem.substr(shard->stem.rfind('/') + 1);
  if (text::to_lower_ascii(stem).ends_with(".gguf")) stem.remove_suffix(5);
  return std::string{stem.substr(stem.find_last_of("-.") + 1)};
}

// Bits a weight, for picking the projector nearest to the model: the digits behind the first letters of the quant.
int bits_of(const std::string& path) {
  const auto quant = text::to_lower_ascii(quant_of(path));
  const auto digit = quant.find_first_of("0123456789");
  int bits = 0;
  if (digit != std::string::npos) std::from_chars(quant.data() + digit, quant.data() + quant.size(), bits);
  return bits;
}

Result<std::vector<HubFile>> all_shards(const std::vector<HubFile>& files, const HubFile& chosen) {
  const auto shard = shard_of(chosen.path);
  if (!shard) return std::vector{chosen};
  std::vector<HubFile> out;
  for (unsigned i = 1; i <= shard->count && i <= files.size(); ++i) {
    const auto path = fmt::format("{}-{:05}-of-{:05}.gguf", shard->stem, i, shard->count);
    const auto found = std::ranges::find(files, path, &HubFile::path);
    if (found == files.end()) {
      return fail(ErrorCode::corrupt_data, fmt::format("the repository lacks the shard {}", path));
    }
    out.push_back(*found);
  }
  if (out.size() != shard->count) return fail(ErrorCode::corrupt_data, "the repository lacks shards of the model");
  return out;
}

auto no_such_quant(const std::vector<const HubFile*>& candidates, std::string_view quant) {
  constexpr std::size_t kShown = 30;
  std::vector<std::string> quants;
  for (const auto* file : candidates) {
    auto name = quant_of(file->path);
    if (quants.size() < kShown && std::ranges::find(quants, name) == quants.end()) quants.push_back(std::move(name));
  }
  return fail(ErrorCode::not_found,
              fmt::format("the repository has no GGUF with '{}'; it has: {}", quant, fmt::join(quants, ", ")), "model");
}

}  // namespace

Result<std::string> parse_hub_refs(std::string_view text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("branches") || !json["branches"].is_array()) return strange("no branches");
  std::string commit;
  for (const auto& branch : json["branches"]) {
    auto target = text_of(branch, "targetCommit");
    if (!is_commit(target)) continue;
    if (text_of(branch, "name") == "main") return target;
    if (commit.empty()) commit = std::move(target);
  }
  if (commit.empty()) return strange("no branch has a commit");
  return commit;
}

Result<std::vector<HubFile>> parse_hub_tree(std::string_view text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return strange("the file list is not a list");
  if (json.size() > kHubFilesMax) return strange("the file list is too long");
  std::vector<HubFile> out;
  for (const auto& item : json) {
    HubFile file{text_of(item, "path"), 0, {}};
    if (text_of(item, "type") != "file" || file.path.empty()) continue;
    const bool lfs = item.contains("lfs") && item["lfs"].is_object();
    const auto& sized = lfs && item["lfs"].contains("size") ? item["lfs"] : item;
    if (!sized.contains("size") || !sized["size"].is_number_unsigned()) return strange("a file has no size");
    file.size = sized["size"].get<std::uint64_t>();
    if (lfs) {
      const auto oid = text_of(item["lfs"], "oid");
      auto hex = parse_digest(oid.starts_with("sha256:") ? oid : "sha256:" + oid);
      if (!hex) return strange(fmt::format("the oid of {} is not a sha256", file.path));
      file.sha256 = *std::move(hex);
    }
    out.push_back(std::move(file));
  }
  return out;
}

Result<HubChoice> choose_hub_files(const std::vector<HubFile>& files, std::string_view quant) {
  std::vector<const HubFile*> candidates;
  std::vector<const HubFile*> projectors;
  for (const auto& file : files) {
    const auto name = file_name(file.path);
    if (!name.ends_with(".gguf")) continue;
    if (name.find("mmproj") != std::string::npos) projectors.push_back(&file);
    if (is_sidecar(name)) continue;
    const auto shard = shard_of(file.path);
    if (!shard || shard->number == 1) candidates.push_back(&file);
  }
  if (candidates.empty()) return fail(ErrorCode::not_found, "the repository has no GGUF file", "model");
  std::ranges::sort(candidates, {}, &HubFile::path);

  const bool by_default = quant.empty() || quant == "latest";
  const auto word = by_default ? std::string{kDefaultQuant} : text::to_lower_ascii(quant);
  auto chosen = std::ranges::find_if(
      candidates, [&](const auto* file) { return has_word(text::to_lower_ascii(file->path), word); });
  if (chosen == candidates.end()) {
    if (!by_default) return no_such_quant(candidates, quant);
    chosen = candidates.begin();
  }
  HubChoice choice;
  HEARTH_TRY(choice.weights, all_shards(files, **chosen));
  const int bits = bits_of((*chosen)->path);
  const auto distance = [&](const HubFile* file) { return std::abs(bits_of(file->path) - bits); };
  if (!projectors.empty()) choice.projector = {**std::ranges::min_element(projectors, {}, distance)};
  return choice;
}

}  // namespace hearth::models
