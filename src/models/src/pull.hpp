// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>

#include "context.hpp"
#include "hearth/net/client.hpp"

/// The places that models are pulled from. Each takes a model into the store and reports as `Store::async_pull` says.
namespace hearth::models {

/// A GGUF file by URL, and the name that it gets here.
struct FileUrl {
  net::Url url;
  Name name;
};
/// What the argument of a pull means: a GGUF file by URL, or a name (of a hub or of a registry).
Result<std::variant<Name, FileUrl>> parse_pull(std::string_view text);
/// As Name::parse; "huggingface.co" is written "hf.co", so that one model has one name.
Result<Name> parse_model_name(std::string_view text);
bool is_hub(const Name& name);
/// Where a registry's API is: "docker.io" is served by another host. http if the name says so or if `insecure` and the
/// name has no scheme of its own.
Result<net::Url> registry_url(const Name& name, std::string_view path);

/// Ollama's registry, Docker's and OCI's (v2 API).
Task<Result<>> async_pull_registry(StoreContext& context, Name name, bool insecure, OnProgress progress);
/// Hugging Face: refs, tree, resolve.
Task<Result<>> async_pull_hub(StoreContext& context, Name name, bool insecure, OnProgress progress);
Task<Result<>> async_pull_url(StoreContext& context, FileUrl file, bool insecure, OnProgress progress);
Task<Result<>> async_push_registry(StoreContext& context, Name name, bool insecure, OnProgress progress);

}  // namespace hearth::models
