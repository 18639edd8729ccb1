// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json_reader.hpp"
#include "ollama_decode.hpp"

/// Fields that several of Ollama's requests share. Each reads them off the reader and records what is wrong with them.
namespace hearth::api::ollama {

/// `model`, or its old name `name`.
std::string read_model(JsonReader& r);
/// `parameters` or `options` as the text pairs of a Modelfile.
models::Parameters read_parameters(const JsonValue& value);
/// model, keep_alive and options; sampling, stops and num_predict go into `generation`.
void read_common(JsonReader& r, Common& common, inference::Generation& generation);
/// format, logprobs and top_logprobs.
void read_output(JsonReader& r, inference::Generation& generation);
/// think: true, false, or how hard.
void read_think(JsonReader& r, inference::Reasoning& reasoning);
/// truncate and shift, which may only be false: nothing is cut silently here.
void refuse_cutting(JsonReader& r);
/// `images`: base64 texts.
void read_images(JsonReader& r, inference::Message& message);
void read_tools(JsonReader& r, std::vector<inference::Tool>& out);

}  // namespace hearth::api::ollama
