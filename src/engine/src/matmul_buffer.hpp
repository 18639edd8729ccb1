// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hearth::engine {

/// Has models loaded from now on keep their quantized weights packed for our kernels (see matmul_kernel.hpp) wherever
/// this machine and the tensor's shape suit them. Call it before the first model is loaded: libllama reads the list of
/// buffer types once. Does nothing the second time.
void register_matmul();

}  // namespace hearth::engine
