// SPDX-License-Identifier: Apache-2.0
#pragma once

/// attention_prompt and attention_kernel as an operation of ggml's CPU backend. Taken: float16 keys and values, one
/// stream, no bias, no soft cap, no sinks; ggml keeps the rest.
namespace hearth::engine {

/// Makes it known to ggml. Before the first model is loaded; once a process.
void register_attention();

}  // namespace hearth::engine
