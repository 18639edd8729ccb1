// SPDX-License-Identifier: Apache-2.0
#include "hearth/async/blocking_pool.hpp"

namespace hearth::async {

BlockingPool::BlockingPool(std::size_t threads) : pool_{threads} {}
BlockingPool::~BlockingPool() { pool_.join(); }

}  // namespace hearth::async
