// SPDX-License-Identifier: Apache-2.0
// The model thread's side of Worker; what other threads call is in instance.cpp.
#include "worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "hearth/async/task_group.hpp"
#include "hearth/base/log.hpp"
#include "library.hpp"

namespace hearth::engine {

void Worker::copy(std::int32_t from, std::int32_t to, std::int32_t length) {
  llama_memory_seq_cp(llama_get_memory(context_.get()), seq(from), seq(to), 0, length);
}

void Worker::remove(std::int32_t id) {
  llama_memory_seq_rm(llama_get_memory(context_.get()), seq(id), -1, -1);
  speculator_.forget(id);
}

void Worker::truncate(std::int32_t id, std::int32_t length) {
  llama_memory_seq_rm(llama_get_memory(context_.get()), seq(id), length, -1);
}

bool Worker::can_share(std::int32_t id, std::int32_t length) const {
  const std::int32_t window = model_->facts().sliding_window;
  if (window <= 0) return true;
  return llama_memory_seq_pos_min(llama_get_memory(context_.get()), seq(id)) <= std::max(0, length - window + 1);
}

void Worker::save(std::int32_t id, const std::vector<TokenId>& tokens, const std::string& salt) {
  if (!keep_ || !shelf_.takes(1) || tokens.size() < kKeepMin || shelf_.has(tokens, salt)) return;
  const Clock::time_point before = Clock::now();
  llama_memory_t memory = llama_get_memory(context_.get());
  llama_memory_seq_cp(memory, seq(id), kPorter, -1, -1);
  PrefixShelf::Bytes state;
  const std::size_t bytes = llama_state_seq_get_size(context_.get(), kPorter);
  if (shelf_.takes(bytes) && worth_keeping(tokens.size(), bytes)) state.resize(bytes);
  const bool whole = !state.empty() && llama_state_seq_get_data(context_.get(), state.data(), bytes, kPorter) == bytes;
  llama_memory_seq_rm(memory, kPorter, -1, -1);
  if (!whole) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - before).count();
  copy_speed_ = 0.7 * copy_speed_ + 0.3 * static_cast<double>(bytes) / std::max(seconds, 1e-6);
  shelf_.put(tokens, salt, std::move(state));
}

bool Worker::worth_keeping(std::size_t tokens, std::size_t bytes) const {
  const double again = static_cast<double>(tokens) * budget_.seconds_a_token();  // 0 before the first was measured
  return again == 0 || again > 2 * static_cast<double>(bytes) / copy_speed_;
}

PrefixShelf::Found Worker::find_saved(const std::vector<TokenId>& tokens, std::int32_t limit,
                                      const std::string& salt) const {
  PrefixShelf::Found found = shelf_.find(tokens, limit, salt);
  // A state holds of a sliding window what its own end sees: it can be taken up there and nowhere before.
  if (model_->facts().sliding_window > 0 && found.length < found.size - 1) return {};
  return found;
}

bool Worker::restore(PrefixShelf::Key key, std::int32_t id, std::int32_t length) {
  const auto state = std::exchange(restoring_, nullptr);
  take_library_error();
  llama_memory_t memory = llama_get_memory(context_.get());
  const bool taken = llama_state_seq_set_data(context_.get(), state->data(), state->size(), kPorter) != 0;
  if (taken) llama_memory_seq_cp(memory, kPorter, seq(id), 0, length);
  llama_memory_seq_rm(memory, kPorter, -1, -1);
  if (!taken) {
    log::warn("a kept prefix cannot be taken back", {{"bytes", state->size()}, {"why", take_library_error()}});
    shelf_.forget(key);
  }
  return taken;
}

void Worker::run() {
  async::set_thread_name("model");
  while (take_commands()) {
    drop_ended();
    const Clock::time_point now = Clock::now();
    scheduler_.admit(now);
    for (const auto& sequence : scheduler_.running()) sequence->answer->admitted(now);
    run_step();
    run_embedding();
    publish();
  }
  if (shelf_.keeps_files()) {
    scheduler_.drop_cached(true);
    shelf_.save_all();
  }
  fail_everything(unloading());
  std::unique_lock lock{mutex_};
  std::deque<Command> late = std::exchange(commands_, {});
  lock.unlock();
  for (Command& command : late) refuse(command);
}

bool Worker::take_commands() {
  std::unique_lock lock{mutex_};
  const auto has_work = [&] {
    return stopping_ || !commands_.empty() || !embeds_.empty() || (!scheduler_.idle() && !stalled_);
  };
  if (stalled_) {
    wake_.wait_for(lock, kStall, has_work);
  } else {
    wake_.wait(lock, has_work);
  }
  if (stopping_) return false;
  std::deque<Command> commands = std::exchange(commands_, {});
  lock.unlock();
  for (Command& command : commands) {
    if (auto* submit = std::get_if<Submit>(&command)) {
      for (auto& choice : submit->choices) {
        choice->latest_start = latest_start_of(*choice);
        scheduler_.enqueue(std::move(choice));
      }
    } else if (auto* embed = std::get_if<Embed>(&command)) {
      embeds_.push_back(std::move(*embed));
    } else if (std::holds_alternative<DropCached>(command)) {
      scheduler_.drop_cached();
      shelf_.drop_memory();
    } else {
      shelf_.collect_read();
    }
  }
  return true;
}

Deadline Worker::latest_start_of(const Sequence& sequence) const {
  const std::int32_t limit = sequence.answer->options().max_tokens;
  const std::int32_t answer = limit < 0 ? kUsualAnswer : std::min(limit, kUsualAnswer);
  return latest_start(sequence.answer->request().deadline, Clock::now(), budget_.expects(sequence.prompt, answer));
}

void Worker::drop_ended() {
  const Clock::time_point now = Clock::now();
  const auto ended = scheduler_.remove_if([&](Sequence& sequence) {
    const Answer& answer = *sequence.answer;
    return answer.cancelled() || answer.request().deadline.passed(now) || answer.request().events->closed();
  });
  for (const auto& sequence : ended) {
    Answer& answer = *sequence->answer;
    if (answer.cancelled()) {
      observer_->ended(Observer::Outcome::cancelled, {.prompt_tokens = sequence->prompt,
                                                      .cached_tokens = sequence->reused,
                                                      .completion_tokens = answer.generated()});
    } else {
      answer.fail_request({.code = ErrorCode::deadline_exceeded,
                           .message = "the deadline passed before the answer was complete",
                           .param = {},
                           .retry_after = {}});
    }
    --open_;
  }
}

void Worker::run_step() {
  const std::span running{scheduler_.running()};
  speculator_.propose(running, output_rows(options_) - static_cast<std::int32_t>(running.size()), options_.context);
  std::int32_t generating = 0;
  for (const auto& s : running) {
    generating += s->generating() ? s->remaining() + static_cast<std::int32_t>(s->draft.size()) : 0;
  }
  const std::vector<Scheduler::Slice> slices = scheduler_.plan(budget_.tokens(generating));  // answers come first
  stalled_ = slices.empty() && scheduler_.fetching();
  if (slices.empty()) return;
  const auto prompts = std::ranges::find_if_not(slices, [](const auto& s) { return s.sequence->generating(); });
  const auto answers = static_cast<std::size_t>(prompts - slices.begin());
  std::int32_t prompt_tokens = 0;
  for (auto slice = prompts; slice != slices.end(); ++slice) prompt_tokens += slice->count;
  std::span<const Scheduler::Slice> left{slices};
  // On a CPU, attention over one ubatch costs every token what the most scattered one costs: prompts get their own.
  if (apart_ && answers > 0 && prompt_tokens >= kApartMin) {
    const auto took = compute(left, answers);
    if (!took) return;
    observe_answers(left.first(answers), *took);
    left = left.subspan(answers);
  }
  const auto took = compute(left, left.size());
  if (!took) return;
  if (prompt_tokens == 0) {
    observe_answers(left, *took);
  } else {
    budget_.observe_prompt(prompt_tokens, *took);
  }
}

void Worker::observe_answers(std::span<const Scheduler::Slice> slices, Clock::duration took) {
  budget_.observe_answers(took);
  std::int32_t tokens = 0;
  for (const Scheduler::Slice& slice : slices) tokens += slice.count;
  speculator_.observe(tokens, took);
}

std::optional<Clock::duration> Worker::compute(std::span<const Scheduler::Slice> left, std::size_t count) {
  const Clock::time_point before = Clock::now();
  if (!decode(left, count)) return std::nullopt;
  const Clock::time_point after = Clock::now();
  std::int32_t tokens = 0;
  for (const Scheduler::Slice& slice : left.first(count)) {
    scheduler_.commit(slice);
    tokens += slice.count;
  }
  observer_->step(tokens, after - before);
  after_decode(left.first(count), after);
  return after - before;
}

bool Worker::decode(std::span<const Scheduler::Slice> left, std::size_t count) {
  batch_.n_tokens = 0;
  for (const auto& [sequence, length, drafted] : left.first(count)) {
    for (std::int32_t i = 0; i < length; ++i) {
      const std::int32_t n = batch_.n_tokens++;
      const std::int32_t position = sequence->done + i;
      const std::int32_t guess = i - (length - drafted);
      batch_.token[n] = guess < 0 ? sequence->tokens[position] : sequence->draft[guess];
      batch_.pos[n] = position;
      batch_.n_seq_id[n] = 1;
      batch_.seq_id[n][0] = seq(sequence->id);
      const bool last = position + 1 >= sequence->size();  // and every guess behind it
      const bool wanted =
          sequence->all_outputs && position + 1 < sequence->prompt && position + 1 >= sequence->reported;
      batch_.logits[n] = static_cast<std::int8_t>(last || wanted);
    }
  }
  int rc = -100;
  std::string reason;
  try {
    rc = llama_decode(context_.get(), batch_);
  } catch (const std::exception& e) {
    reason = e.what();
  }
  if (rc == 0) return true;
  for (const Scheduler::Slice& slice : left) scheduler_.roll_back(slice);
  if (rc == 1) {
    // The ledger promised cells and the library found none: make room and try again rather than fail anyone.
    log::warn("decode found no cells", {{"used", scheduler_.cells_used()}, {"cached", scheduler_.cells_cached()}});
    scheduler_.drop_cached();
    if (scheduler_.preempt_one()) return false;
  }
  log::error("decode failed", {{"code", rc}, {"reason", reason}, {"tokens", batch_.n_tokens}});
  fail_everything({.code = ErrorCode::internal,
                   .message = fmt::format("the engine failed to compute (code {})", rc),
                   .param = {},
                   .retry_after = {}});
  llama_memory_clear(llama_get_memory(context_.get()), true);
  return false;
}

void Worker::after_decode(std::span<const Scheduler::Slice> slices, Clock::time_point now) {
  std::int32_t row = 0;  // of the slice's first token in the batch
  for (const Scheduler::Slice& slice : slices) {
    Sequence& sequence = *slice.sequence;
    const std::int32_t last = row + slice.count - slice.drafted - 1;
    if (sequence.all_outputs) report_prompt_logprobs(slice, row);
    if (sequence.remaining() == 0) sample_next(slice, last, now);
    row += slice.count;
  }
}

void Worker::report_prompt_logprobs(const Scheduler::Slice& slice, std::int32_t row) {
  Sequence& sequence = *slice.sequence;
  const std::int32_t first = sequence.done - slice.count;
  if (first == 0 &&
      sequence.reported ==
          0) {  // nothing predicts the first token; it has an entry so that entries and tokens stand side by side
    const TokenId token = sequence.tokens.front();
    sequence.answer->add_prompt_logprob({.id = token, .bytes = model_->piece(token, true)});
  }
  for (std::int32_t i = 0; i < slice.count; ++i) {
    const std::int32_t target = first + i + 1;  // the row after position p predicts token p + 1
    if (target >= sequence.prompt) break;
    if (target < sequence.reported) continue;  // before it was preempted
    sequence.answer->add_prompt_logprob(logprob_of(*model_, llama_get_logits_ith(context_.get(), row + i),
                                                   model_->facts().vocabulary_size, sequence.tokens[target],
                                                   sequence.answer->options().logprobs.value_or(0)));
    sequence.reported = target + 1;
  }
}

Result<Worker::Sampled> Worker::sample_row(Answer& answer, std::int32_t row) {
  HEARTH_TRY(const TokenId token, answer.sampler().sample(context_.get(), row));
  Sampled out{.token = token, .logprob = {}};
  if (answer.wants_logits()) {
    out.logprob = logprob_of(*model_, llama_get_logits_ith(context_.get(), row), model_->facts().vocabulary_size, token,
                             *answer.options().logprobs);
  }
  return out;
}

void Worker::sample_next(const Scheduler::Slice& slice, std::int32_t row, Clock::time_point now) {
  Sequence& sequence = *slice.sequence;
  Answer& answer = *sequence.answer;
  if (answer.cancelled()) return scheduler_.settle(slice, 0);  // dropped at the next step
  answer.prompt_done(sequence.prompt, sequence.reused, now);
  if (answer.options().max_tokens == 0) {
    answer.finish(inference::FinishReason::length, {}, now);
    return end(sequence);
  }
  const std::vector<TokenId>& draft = sequence.draft;
  std::vector<Sampled> sampled;
  std::optional<Error> error;
  std::int32_t hits = 0;
  for (bool guessed = true; guessed;) {
    auto next = sample_row(answer, row + hits);
    if (!next) {
      error = next.error();
      break;
    }
    const std::size_t before = sampled.size();
    sampled.push_back(*std::move(next));
    const bool ends = model_->is_end_of_generation(sampled.back().token);
    if (!answer.wants_logits() && !ends) {
      for (const TokenId forced : answer.sampler().take_forced(*model_, kMostForced)) sampled.push_back({forced, {}});
    }
    for (std::size_t i = before; i < sampled.size(); ++i) {
      guessed = guessed && !ends && hits < slice.drafted && sampled[i].token == draft[hits];
      hits += guessed ? 1 : 0;
    }
  }
  if (!sampled.empty()) speculator_.judge(sequence, sampled.front().token, hits, slice.drafted);
  scheduler_.settle(slice, hits);
  for (Sampled& one : sampled) {
    if (add_token(sequence, one.token, std::move(one.logprob), now)) return;
  }
  if (error) answer.fail_request(*error);  // dropped at the next step, with the request's other choices
}

bool Worker::add_token(Sequence& sequence, TokenId token, std::optional<inference::TokenLogprob> logprob,
                       Clock::time_point now) {
  sequence.tokens.push_back(token);
  const bool full = sequence.size() >= options_.context;
  if (!sequence.answer->add_token(token, std::move(logprob), full, now)) return false;
  end(sequence);
  return true;
}

void Worker::end(Sequence& sequence) {
  speculator_.forget(sequence.id);
  const auto ended = scheduler_.finish(sequence);
  const double seconds = std::chrono::duration<double>(Clock::now() - ended->answer->request().submitted).count();
  seconds_per_answer_ = 0.9 * seconds_per_answer_ + 0.1 * seconds;
  --open_;
}

void Worker::run_embedding() {
  if (embeds_.empty()) return;
  Embed& embed = embeds_.front();
  if (embed.reply->closed()) {
    embeds_.pop_front();
    --open_;
    return;
  }
  Result<std::size_t> next = embed.next;
  try {
    if (embed.next == 0) {
      if (const Result<> ready = embedder_.prepare(embed.job); !ready) next = fail(ready.error());
    }
    if (next) next = embedder_.run_batch(embed.job, embed.next, embed.vectors);
  } catch (const std::exception& e) {
    next = fail(ErrorCode::internal, fmt::format("the library failed to embed: {}", e.what()));
  }
  if (next && *next < embed.job.inputs.size()) {
    embed.next = *next;  // the streams get their step before the next batch
    return;
  }
  embed.reply->push(next ? EmbedResult{std::move(embed.vectors)} : EmbedResult{fail(next.error())});
  embeds_.pop_front();
  --open_;
}

void Worker::fail_everything(const Error& error) {
  for (const auto& sequence : scheduler_.remove_if([](Sequence&) { return true; })) {
    sequence->answer->fail_request(error);
    --open_;
  }
  scheduler_.drop_cached();
  for (Embed& embed : embeds_) {
    embed.reply->push(EmbedResult{fail(error)});
    --open_;
  }
  embeds_.clear();
}

void Worker::publish() {
  InstanceStatus status;
  status.context = options_.context;
  status.parallel = options_.parallel;
  status.cells = options_.cells;
  status.cells_used = scheduler_.cells_used();
  status.cells_cached = scheduler_.cells_cached();
  status.queued = static_cast<std::int32_t>(scheduler_.waiting());
  status.preemptions = scheduler_.preemptions();
  status.prefix_memory = shelf_.memory_used();
  status.prefix_disk = shelf_.disk_used();
  for (const auto& s : scheduler_.running()) {
    status.running.push_back({.prompt_tokens = s->prompt,
                              .done_tokens = std::min(s->done, s->prompt),
                              .reused_tokens = s->reused,
                              .generated_tokens = s->answer->generated()});
  }
  if (status.preemptions != preemptions_seen_) observer_->preempted(status.preemptions - preemptions_seen_);
  preemptions_seen_ = status.preemptions;
  const std::lock_guard lock{mutex_};
  status_ = std::move(status);
}

}  // namespace hearth::engine
