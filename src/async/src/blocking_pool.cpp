// SPDX-License-Identifier: Apache-2.0
#include "hearth/async/blocking_pool.hpp"

namespace hearth::async {

BlockingPool::BlockingPool(std::size_t threads) : pool_{threads} {}
BlockingPool::~BlockingPool() { pool_.join(); }
void BlockingPool::post(std::function<void()> work) { asio::post(pool_, std::move(work)); }

}  // namespace hearth::async
