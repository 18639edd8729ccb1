// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "answer.hpp"
#include "hearth/inference/request.hpp"
#include "prefix_shelf.hpp"
#include "speculation.hpp"

namespace hearth::engine {

/// Tokens that a constraint forces behind a sampled one, and that are computed together with it, at most.
inline constexpr std::int32_t kMostForced = 8;

/// What is known of how well one stream can be guessed (Speculator).
struct Guessing {
  NgramLookup lookup;
  Acceptance lookups{0.3};
  std::optional<Acceptance> drafts;          // of the draft model; absent: not asked yet
  std::optional<inference::TokenId> shadow;  // what lookup says comes next, computed or not
  bool by_model = false;                     // the draft is the draft model's
};

/// One choice of one request on its way through the scheduler. `tokens` holds the prompt and what was generated since;
/// the first `done` of them stand in the KV cache under sequence id `id`. A preempted sequence simply has done == 0
/// again and its tokens are computed anew: there is no other state to restore.
struct Sequence {
  std::vector<inference::TokenId> tokens;
  std::int32_t prompt = 0;  // how many of them were given
  std::int32_t done = 0;
  std::int32_t id = -1;     // -1: holds nothing in the cache
  std::int32_t reused = 0;  // prompt tokens taken over from another sequence
  std::uint32_t uses = 1;   // of the conversation that it continues

  std::string principal;
  std::int32_t priority = 0;
  Deadline latest_start;      // must begin before it to end before its request's deadline
  std::string salt;           // prefixes are shared between equal salts only
  bool share = true;          // may take and leave prefixes
  bool all_outputs = false;   // wants logits of every prompt token
  std::int32_t reported = 0;  // prompt tokens of which these were reported
  std::uint64_t arrival = 0;  // set by the scheduler; larger is younger
  std::int32_t skipped = 0;   // steps without a slice

  const Sequence* donor = nullptr;  // waits until this running sequence has computed `donor_goal` tokens
  std::int32_t donor_goal = 0;
  PrefixShelf::Key awaited = 0;  // a prefix that is being read from a file

  std::vector<inference::TokenId> draft;  // guesses of what follows `tokens`, to be computed with the next step
  Guessing guessing;

  std::unique_ptr<Answer> answer;  // what the client sees; the scheduler does not look inside

  std::int32_t size() const noexcept { return static_cast<std::int32_t>(tokens.size()); }
  std::int32_t remaining() const noexcept { return size() - done; }
  bool generating() const noexcept { return size() > prompt && remaining() > 0 && remaining() <= kMostForced + 1; }
};

}  // namespace hearth::engine
