// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "route.hpp"

/// What operators ask: for those who may manage this server only, since explanations tell who may see what.
namespace hearth::api::admin {

/// POST: a chat request as for /v1/chat/completions, with its x-hearth-* headers: what would be decided, without asking
/// anybody. {"decision": "dec_…"}: what was decided.
Task<Result<>> async_explain(Call& call);
Task<Result<>> async_decision(Call& call);
/// ?by=principal|route|target|day&hours=720: what was asked, how it ended, what it cost and saved.
Task<Result<>> async_ledger(Call& call);

inline constexpr std::array kRoutes{
    Route{"POST", "/admin/explain", Family::openai, async_explain},
    Route{"GET", "/admin/decisions/{id}", Family::openai, async_decision},
    Route{"GET", "/admin/ledger", Family::openai, async_ledger},
};

}  // namespace hearth::api::admin
