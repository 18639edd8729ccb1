// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <variant>

#include "context.hpp"
#include "embedder.hpp"
#include "hearth/engine/instance.hpp"
#include "scheduler.hpp"
#include "speculator.hpp"

namespace hearth::engine {

/// The model thread. Other threads put commands into a mailbox; everything else here belongs to the thread alone.
class Worker final : public Instance, private KvCache {
 public:
  Worker(std::shared_ptr<Model> model, LoadOptions options, std::shared_ptr<Observer> observer, ContextPtr context,
         ThreadPoolPtr threads, PrefixKeeping prefixes, std::unique_ptr<DraftModel> draft);
  ~Worker() override;

  const Model& model() const noexcept override { return *model_; }
  std::int32_t context() const noexcept override { return options_.context; }
  std::uint64_t bytes() const noexcept override { return bytes_; }
  std::uint64_t device_bytes() const noexcept override { return device_bytes_; }
  Result<std::unique_ptr<Generation>> submit(GenerateRequest request, asio::any_io_executor executor) override;
  Task<Result<std::vector<std::vector<float>>>> async_embed(EmbedJob job) override;
  InstanceStatus status() const override;
  bool busy() const override { return open_ > 0; }
  void drop_cached_prefixes() override { post(DropCached{}); }
  void keep_prefixes(bool keep) override { keep_ = keep; }
  void stop() override;
  void refuse_prompts_over(std::int32_t tokens) override { prompt_limit_ = tokens; }

 private:
  using EmbedResult = Result<std::vector<std::vector<float>>>;
  struct Submit {
    std::vector<std::unique_ptr<Sequence>> choices;
  };
  struct Embed {
    EmbedJob job;
    std::shared_ptr<async::Mailbox<EmbedResult>> reply;
    std::size_t next = 0;
    std::vector<std::vector<float>> vectors;
  };
  static constexpr std::chrono::milliseconds kStall{100};  // looks after deadlines while a file is read
  static constexpr std::size_t kKeepMin = 64;              // tokens of a prefix that is kept outside the cache
  static constexpr std::int32_t kApartMin = 32;            // prompt tokens that pay for streaming the weights twice
  static constexpr std::int32_t kUsualAnswer = 256;        // tokens to expect of an answer at most: limits are generous
  struct DropCached {};
  struct Read {};  // of a kept prefix's file
  using Command = std::variant<Submit, Embed, DropCached, Read>;
  /// Outlives the worker in jobs that read for it.
  class Waker {
   public:
    void set(Worker* worker) {
      const std::scoped_lock lock{mutex_};
      worker_ = worker;
    }
    void wake() {
      const std::scoped_lock lock{mutex_};
      if (worker_ != nullptr) worker_->post(Read{});
    }

   private:
    std::mutex mutex_;  // before the worker's
    Worker* worker_ = nullptr;
  };

  Result<> check(const GenerateRequest& request) const;
  Result<std::unique_ptr<Sequence>> make_sequence(const GenerateRequest& request, std::int32_t choice,
                                                  const std::shared_ptr<RequestState>& state, std::uint32_t seed);
  void post(Command command);
  /// Answers a command that the model thread will not see.
  void refuse(Command& command);
  static Error unloading();

  // The thread.
  void run();
  bool take_commands();
  Deadline latest_start_of(const Sequence& sequence) const;
  void drop_ended();
  void run_step();
  /// The first `count` of the slices that are left of a step; how long it took, or nothing if the step is over.
  std::optional<Clock::duration> compute(std::span<const Scheduler::Slice> left, std::size_t count);
  bool decode(std::span<const Scheduler::Slice> left, std::size_t count);
  void observe_answers(std::span<const Scheduler::Slice> slices, Clock::duration took);
  void after_decode(std::span<const Scheduler::Slice> slices, Clock::time_point now);
  void report_prompt_logprobs(const Scheduler::Slice& slice, std::int32_t row);
  /// Samples what follows a slice, of which the last known token's logits stand in `row` and those of its guesses
  /// behind: one token, and one more for each guess that was right.
  void sample_next(const Scheduler::Slice& slice, std::int32_t row, Clock::time_point now);
  struct Sampled {
    TokenId token;
    std::optional<inference::TokenLogprob> logprob;
  };
  Result<Sampled> sample_row(Answer& answer, std::int32_t row);
  /// True when the answer ended with it, and the sequence is gone.
  bool add_token(Sequence& sequence, TokenId token, std::optional<inference::TokenLogprob> logprob,
                 Clock::time_point now);
  void end(Sequence& sequence);
  void run_embedding();
  void fail_everything(const Error& error);
  void publish();

  void copy(std::int32_t from, std::int32_t to, std::int32_t length) override;
  void remove(std::int32_t id) override;
  void truncate(std::int32_t id, std::int32_t length) override;
  void save(std::int32_t id, const std::vector<TokenId>& tokens, const std::string& salt) override;
  PrefixShelf::Found find_saved(const std::vector<TokenId>& tokens, std::int32_t limit,
                                const std::string& salt) const override;
  bool can_share(std::int32_t id, std::int32_t length) const override;
  bool prepare(PrefixShelf::Key key) override {
    restoring_ = shelf_.state(key);
    return restoring_ != nullptr;
  }
  void fetch(PrefixShelf::Key key) override { shelf_.fetch(key); }
  bool fetching(PrefixShelf::Key key) const override { return shelf_.fetching(key); }
  bool restore(PrefixShelf::Key key, std::int32_t id, std::int32_t length) override;
  /// libllama's name for a sequence id of the scheduler.
  std::int32_t seq(std::int32_t id) const noexcept { return id + first_id_; }
  /// Whether computing so many tokens again takes longer than to copy their state out and in.
  bool worth_keeping(std::size_t tokens, std::size_t bytes) const;

  std::shared_ptr<Model> model_;
  LoadOptions options_;
  std::shared_ptr<Observer> observer_;
  ThreadPoolPtr threads_;
  ContextPtr context_;
  // libllama writes the state of sequences below n_seq_max only: the first one carries states out and in.
  static constexpr std::int32_t kPorter = 0;
  const std::int32_t first_id_;
  llama_batch batch_;
  Scheduler scheduler_;
  StepBudget budget_;
  Speculator speculator_;
  std::shared_ptr<Waker> waker_ = std::make_shared<Waker>();
  PrefixShelf shelf_;
  std::shared_ptr<const PrefixShelf::Bytes> restoring_;
  double copy_speed_ = 1e9;                           // bytes a second, as measured
  bool stalled_ = false;                              // nothing can be computed before a file was read
  const bool apart_ = !llama_supports_gpu_offload();  // prompts and answers in ubatches of their own
  Embedder embedder_;
  std::deque<Embed> embeds_;
  std::uint64_t preemptions_seen_ = 0;

  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> device_bytes_{0};
  std::atomic<std::int32_t> open_{0};  // choices and embeddings submitted and not ended
  std::atomic<bool> keep_{true};
  std::atomic<std::int32_t> prompt_limit_{0};
  std::atomic<double> seconds_per_answer_{1};

  mutable std::mutex mutex_;  // guards what follows; order: alone (docs/LOCKS.md)
  std::condition_variable wake_;
  std::deque<Command> commands_;
  bool stopping_ = false;
  InstanceStatus status_;
  std::thread thread_;
};

}  // namespace hearth::engine
