// SPDX-License-Identifier: Apache-2.0
#include "hearth/models/name.hpp"
#include "hearth/models/parameters.hpp"
#include "ollama_fields.hpp"

namespace hearth::api::ollama {
namespace {

template <class F>
Result<> read_body(std::string_view body, const F& on_object) {
  HEARTH_TRY(const JsonDocument document, JsonDocument::parse(body));
  return document.read(on_object);
}

/// {"file name": "sha256:…"}: uploaded before as blobs.
void read_files(JsonReader& r, std::string_view name, std::vector<std::pair<std::string, std::string>>& out) {
  const auto files = r.value(name);
  if (!files) return;
  files->each_field(kMaxFiles, [&](std::string_view file, const JsonValue& digest) {
    if (!models::parse_digest(digest.view())) {
      return digest.fail("must be the digest of an uploaded blob: sha256: and 64 hex digits");
    }
    out.emplace_back(file, digest.view());
  });
}

/// A path would let any client read this machine's files.
void read_from(JsonReader& r, std::string& out) {
  const auto from = r.value("from");
  if (!from) return;
  out = from->string();
  if (!models::Name::parse(out))
    from->fail("must be the name of a model; upload a file as a blob and give it in files");
}

void read_seed_message(const JsonValue& value, std::vector<models::SeedMessage>& out) {
  value.object([&](JsonReader& r) {
    models::SeedMessage message;
    message.role = r.one_of("role", {"system", "user", "assistant"}).value_or("");
    if (message.role.empty()) r.fail("role", "is required: system, user or assistant");
    message.content = r.required_string("content");
    out.push_back(std::move(message));
  });
}

void read_create(JsonReader& r, CreateCall& out) {
  models::CreateRequest& request = out.request;
  request.name = read_model(r);
  read_from(r, request.from);
  read_files(r, "files", request.files);
  read_files(r, "adapters", request.adapters);
  request.template_text = r.string("template");
  request.system = r.string("system");
  request.licenses = r.strings("license", kMaxFiles).value_or(std::vector<std::string>{});
  if (const auto parameters = r.value("parameters")) {
    request.parameters = read_parameters(*parameters);
    const auto checked = models::to_options(request.parameters);
    if (!checked) parameters->fail("have a bad " + checked.error().message);
  }
  r.each("messages", kMaxMessages, [&](const JsonValue& item) { read_seed_message(item, request.messages); });
  request.quantize = r.string("quantize").value_or("");
  out.stream = r.boolean("stream").value_or(true);
  for (const std::string_view name : {"draft_files", "draft_quantize", "renderer", "parser", "requires", "info"}) {
    r.refuse(name, "is not supported");
  }
  for (const std::string_view name : {"modelfile", "path"}) {
    r.refuse(name, "is not supported; send from or files, or use: hearth create -f Modelfile");
  }
  if (request.from.empty() && request.files.empty()) r.fail("from", "or files is required");
}

}  // namespace

Result<ModelCall> decode_show(std::string_view body) {
  ModelCall out;
  HEARTH_CHECKED(read_body(body, [&](JsonReader& r) {
    out.model = read_model(r);
    out.verbose = r.boolean("verbose").value_or(false);
    for (const std::string_view name : {"system", "template", "options"}) {
      r.refuse(name, "is not supported: show tells what the model has");
    }
  }));
  return out;
}

Result<ModelCall> decode_delete(std::string_view body) {
  ModelCall out;
  HEARTH_CHECKED(read_body(body, [&](JsonReader& r) { out.model = read_model(r); }));
  return out;
}

Result<ModelCall> decode_pull(std::string_view body) {
  ModelCall out;
  HEARTH_CHECKED(read_body(body, [&](JsonReader& r) {
    out.model = read_model(r);
    out.insecure = r.boolean("insecure").value_or(false);
    out.stream = r.boolean("stream").value_or(true);
    for (const std::string_view name : {"username", "password"}) {
      r.refuse(name, "is not supported: give registry credentials to the server");
    }
  }));
  return out;
}

Result<CopyCall> decode_copy(std::string_view body) {
  CopyCall out;
  HEARTH_CHECKED(read_body(body, [&](JsonReader& r) {
    out.source = r.required_string("source");
    out.destination = r.required_string("destination");
  }));
  return out;
}

Result<CreateCall> decode_create(std::string_view body) {
  CreateCall out;
  HEARTH_CHECKED(read_body(body, [&](JsonReader& r) { read_create(r, out); }));
  return out;
}

}  // namespace hearth::api::ollama
