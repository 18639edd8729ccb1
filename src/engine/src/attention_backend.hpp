// SPDX-License-Identifier: Apache-2.0
#pragma once

struct ggml_threadpool;

/// attention_kernel as a ggml backend of type ACCEL, the door that ggml has for such things (its BLAS backend uses it
/// too): the graph scheduler gives it the nodes that it supports and that lie in host memory, ggml keeps the rest.
/// Supported: few queries (decoding), float16 keys and values, one stream, no bias, no soft cap, no sinks.
namespace hearth::engine {

/// Makes the backend known to ggml. Before the first context; once a process.
void register_attention();

/// From now on decodes on this thread may use the backend, with `pool`'s threads. `pool` must outlive them and be the
/// pool of the contexts that this thread decodes with (they never compute at the same time); null turns it off again.
void use_attention(ggml_threadpool* pool, int threads);

}  // namespace hearth::engine
