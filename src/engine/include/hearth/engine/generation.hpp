// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/async/mailbox.hpp"
#include "hearth/base/clock.hpp"
#include "hearth/engine/chat_format.hpp"
#include "hearth/engine/model.hpp"
#include "hearth/inference/event.hpp"

namespace hearth::engine {

class MaskProgram;

/// The grammar of one answer, already in GBNF.
struct GrammarSpec {
  std::string gbnf;           // empty: none
  std::string root = "root";  // its start symbol
  bool lazy = false;
  bool prefilled = false;  // the grammar also covers `generation_prompt`, which stands in the prompt already
  std::string generation_prompt;
  std::vector<GrammarTrigger> triggers;
  std::vector<std::string> preserved_tokens;  // control tokens whose text the caller wants to see
  std::string thinking_start;                 // with a budget: where thinking begins and ends
  std::vector<std::string> thinking_ends;
  std::optional<std::int32_t> thinking_budget;
  std::shared_ptr<MaskProgram> mask;  // `gbnf` for our own masks; null: libllama follows it (compile_mask)
};

/// Fills `spec.mask`, unless libllama has to follow the grammar: it begins later or elsewhere than the answer, or names
/// tokens, or its marks have control tokens, or it goes beyond our bounds at once. Reads the vocabulary of `model` when
/// it is the first. Takes milliseconds: for the blocking pool.
Result<> compile_mask(GrammarSpec& spec, const Model& model);

/// A prompt ready for the model thread: tokens, merged sampling, nothing left that can be wrong in the request.
struct GenerateRequest {
  std::vector<TokenId> prompt;       // at least one token
  inference::Generation generation;  // `sampling` merged with the model's defaults; `stop` complete
  GrammarSpec grammar;
  bool special_pieces = false;  // show control tokens in the text (raw completions that ask for it)
  bool prompt_logprobs = false;
  std::string principal;
  Deadline deadline;
};

using EventBox = async::Mailbox<inference::Event>;

/// A submitted request. Destroying it cancels: within one token the model thread lets go of it.
class Generation {
 public:
  Generation(std::shared_ptr<EventBox> events, std::shared_ptr<std::atomic<bool>> cancelled)
      : events_{std::move(events)}, cancelled_{std::move(cancelled)} {}
  ~Generation() { cancel(); }
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  /// Raw events: text as the model wrote it (TextDelta only). nullopt after the end.
  Task<std::optional<inference::Event>> async_next() { return events_->async_receive(); }
  void cancel() noexcept {
    cancelled_->store(true, std::memory_order_relaxed);
    events_->close();
  }

 private:
  std::shared_ptr<EventBox> events_;
  std::shared_ptr<std::atomic<bool>> cancelled_;
};

}  // namespace hearth::engine
