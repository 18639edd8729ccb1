// SPDX-License-Identifier: Apache-2.0
// What any thread may call of Worker; the model thread's side is in worker.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "hearth/base/checksum.hpp"
#include "hearth/base/id.hpp"
#include "library.hpp"
#include "worker.hpp"

namespace hearth::engine {

Result<std::unique_ptr<Instance>> Instance::start(std::shared_ptr<Model> model, const LoadOptions& given,
                                                  std::shared_ptr<Observer> observer, PrefixKeeping prefixes) {
  const ModelFacts& facts = model->facts();
  if (facts.has_encoder && facts.has_decoder) {
    return fail(ErrorCode::unsupported, "encoder-decoder models are not supported", "model");
  }
  const LoadOptions options = resolved(given, facts.train_context, usable_cores());
  ContextPtr context;
  if (facts.causal) {
    HEARTH_TRY(const llama_context_params params, generation_params(options));
    HEARTH_TRY(context, make_context(*model, params));
    if (!model->adapters().empty()) {
      std::vector<llama_adapter_lora*> loras;
      std::vector<float> scales;
      for (const auto& [lora, scale] : model->adapters()) {
        loras.push_back(lora);
        scales.push_back(scale);
      }
      llama_set_adapters_lora(context.get(), loras.data(), loras.size(), scales.data());
    }
  }
  ggml_threadpool_params pool = ggml_threadpool_params_default(options.threads);
  ThreadPoolPtr threads{ggml_threadpool_new(&pool)};
  if (context && threads) llama_attach_threadpool(context.get(), threads.get(), threads.get());
  std::unique_ptr<DraftModel> draft;
  if (context && !options.draft.empty()) {
    HEARTH_TRY(draft, DraftModel::load(*model, options, threads.get()));
  }
  return std::make_unique<Worker>(std::move(model), options, std::move(observer), std::move(context),
                                  std::move(threads), std::move(prefixes), std::move(draft));
}

namespace {

/// Everything that a state of the cache depends on beside the tokens.
PrefixShelf::Options shelf_options(PrefixKeeping keeping, const LoadOptions& options) {
  PrefixShelf::Options out{.memory = keeping.memory, .disk = keeping.disk, .folder = {}, .key = {}};
  out.key = fmt::format("{} {} {} {} {} {}", keeping.model, options.kv_type_k, options.kv_type_v, options.cells,
                        static_cast<int>(options.flash_attention), LLAMA_STATE_SEQ_VERSION);
  for (const Adapter& adapter : options.adapters) {
    std::error_code ignored;
    out.key += fmt::format(" {} {} {} {}", adapter.path.string(), adapter.scale,
                           std::filesystem::file_size(adapter.path, ignored),
                           std::filesystem::last_write_time(adapter.path, ignored).time_since_epoch().count());
  }
  out.folder = keeping.folder / fmt::format("{:016x}", mixed(checksum(out.key)));
  return out;
}

}  // namespace

Worker::Worker(std::shared_ptr<Model> model, LoadOptions options, std::shared_ptr<Observer> observer,
               ContextPtr context, ThreadPoolPtr threads, PrefixKeeping prefixes, std::unique_ptr<DraftModel> draft)
    : model_{std::move(model)},
      options_{std::move(options)},
      observer_{observer ? std::move(observer) : std::make_shared<Observer>()},
      threads_{std::move(threads)},
      context_{std::move(context)},
      first_id_{model_->facts().recurrent ? 0 : kPorter + 1},
      batch_{llama_batch_init(options_.batch, 0, 1)},
      scheduler_{{.cells = options_.cells,
                  .parallel = options_.parallel,
                  .sequence_ids = model_->facts().recurrent ? options_.parallel + 1 : kMaxSequenceIds - first_id_,
                  .share_prefixes = !model_->facts().recurrent,
                  .outputs = output_rows(options_)},
                 *this},
      budget_{options_.step_target, options_.batch},
      speculator_{model_->facts().recurrent ? Speculation::off : options_.speculation, std::move(draft)},
      shelf_{shelf_options(prefixes, options_),
             prefixes.background ? prefixes.background : [](const std::function<void()>& job) { job(); },
             [waker = waker_] { waker->wake(); }},
      embedder_{*model_, options_, threads_.get()} {
  if (context_) {
    const ContextBytes bytes = bytes_of(context_.get());
    bytes_ = bytes.weights + bytes.kv + bytes.compute + speculator_.bytes();
    device_bytes_ = bytes.device;
  } else {
    bytes_ = model_->facts().weight_bytes;
  }
  waker_->set(this);
  publish();
  thread_ = std::thread{[this] { run(); }};
}

Worker::~Worker() {
  waker_->set(nullptr);
  stop();
  thread_.join();
  llama_batch_free(batch_);
}

void Worker::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
}

void Worker::post(Command command) {
  {
    std::unique_lock lock{mutex_};
    if (stopping_) {
      lock.unlock();
      return refuse(command);
    }
    commands_.push_back(std::move(command));
  }
  wake_.notify_one();
}

void Worker::refuse(Command& command) {
  if (auto* submit = std::get_if<Submit>(&command)) {
    for (auto& choice : submit->choices) choice->answer->fail_request(unloading());
    open_ -= static_cast<std::int32_t>(submit->choices.size());
  } else if (auto* embed = std::get_if<Embed>(&command)) {
    embed->reply->push(EmbedResult{fail(unloading())});
    --open_;
  }
}

Error Worker::unloading() {
  return {.code = ErrorCode::unavailable,
          .message = "the model is being unloaded; try again",
          .param = {},
          .retry_after = std::chrono::seconds{1}};
}

Result<> Worker::check(const GenerateRequest& request) const {
  if (!context_) {
    return fail(ErrorCode::unsupported, "this model embeds or ranks text; it cannot generate", "model");
  }
  if (request.prompt.empty()) return fail(ErrorCode::invalid_request, "the prompt is empty", "prompt");
  for (const TokenId token : request.prompt) {
    if (!model_->valid(token)) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("token {} is not in the vocabulary (0 … {})", token, model_->facts().vocabulary_size - 1),
                  "prompt");
    }
  }
  const auto length = static_cast<std::int32_t>(std::min<std::size_t>(request.prompt.size(), INT32_MAX));
  const bool room_needed = request.generation.max_tokens.value_or(1) != 0;
  if (length + (room_needed ? 1 : 0) > options_.context) {
    return fail(
        ErrorCode::context_too_long,
        fmt::format("the prompt has {} tokens and this model's context is {}; shorten it, or load the model with a "
                    "larger context",
                    length, options_.context),
        "messages");
  }
  if (const std::int32_t limit = prompt_limit_; limit > 0 && length > limit) {
    return fail(Error{.code = ErrorCode::unavailable,
                      .message = fmt::format("memory is short: prompts over {} tokens are refused for now", limit),
                      .param = {},
                      .retry_after = std::chrono::seconds{10}});
  }
  const auto places = static_cast<std::int32_t>(options_.max_queue) + options_.parallel;
  if (open_ + request.generation.n > places) {
    const double wait = seconds_per_answer_ * static_cast<double>(open_) / options_.parallel;
    return fail(
        Error{.code = ErrorCode::rate_limited,
              .message = fmt::format("the queue of this model is full ({} requests); try again later", open_.load()),
              .param = {},
              .retry_after = std::chrono::seconds{std::clamp(static_cast<int>(wait), 1, 60)}});
  }
  return {};
}

Result<std::unique_ptr<Sequence>> Worker::make_sequence(const GenerateRequest& request, std::int32_t choice,
                                                        const std::shared_ptr<RequestState>& state,
                                                        std::uint32_t seed) {
  HEARTH_TRY(auto sampler, Sampler::create(*model_, request.generation.sampling, request.grammar, seed));
  sampler->accept_prompt(request.prompt);
  Answer::Options options;
  options.choice = choice;
  options.max_tokens = request.generation.max_tokens.value_or(-1);
  options.logprobs = request.generation.logprobs;
  options.ignore_eos = request.generation.sampling.ignore_eos.value_or(false);
  options.prompt_logprobs = request.prompt_logprobs;
  options.special_pieces = request.special_pieces;
  options.time_limit = request.generation.time_limit;
  options.stops = request.generation.stop;
  for (const std::string& text : request.grammar.preserved_tokens) {
    const auto tokens = model_->tokenize(text, false, true);
    if (tokens && tokens->size() == 1) options.visible_control.push_back(tokens->front());
  }
  auto sequence = std::make_unique<Sequence>();
  sequence->tokens = request.prompt;
  sequence->prompt = static_cast<std::int32_t>(request.prompt.size());
  sequence->principal = request.principal;
  sequence->priority = request.generation.priority;
  sequence->salt = request.generation.cache_salt;
  sequence->share = request.generation.cache_prompt;
  sequence->all_outputs = request.prompt_logprobs;
  sequence->answer = std::make_unique<Answer>(state, std::move(options), std::move(sampler), *model_, *observer_);
  return sequence;
}

Result<std::unique_ptr<Generation>> Worker::submit(GenerateRequest request, asio::any_io_executor executor) {
  HEARTH_CHECKED(check(request));
  const std::int32_t n = request.generation.n;
  auto state = std::make_shared<RequestState>();
  // One event a token at the very most, so the box cannot be what loses one.
  const std::size_t capacity = static_cast<std::size_t>(n) * (static_cast<std::size_t>(options_.context) + 4);
  state->events = std::make_shared<EventBox>(std::move(executor), capacity);
  state->cancelled = std::make_shared<std::atomic<bool>>(false);
  state->deadline = request.deadline;
  state->submitted = Clock::now();
  state->open_choices = n;
  const std::uint32_t seed = request.generation.sampling.seed.value_or(static_cast<std::uint32_t>(random_u64()));
  Submit submit;
  for (std::int32_t choice = 0; choice < n; ++choice) {
    HEARTH_TRY(auto sequence, make_sequence(request, choice, state, seed + static_cast<std::uint32_t>(choice)));
    submit.choices.push_back(std::move(sequence));
  }
  open_ += n;
  post(std::move(submit));
  return std::make_unique<Generation>(state->events, state->cancelled);
}

Task<Result<std::vector<std::vector<float>>>> Worker::async_embed(EmbedJob job) {
  if (job.inputs.empty()) co_return std::vector<std::vector<float>>{};
  if (open_ >= static_cast<std::int32_t>(options_.max_queue) + options_.parallel) {
    co_return fail(Error{.code = ErrorCode::rate_limited,
                         .message = "the queue of this model is full; try again later",
                         .param = {},
                         .retry_after = std::chrono::seconds{1}});
  }
  auto reply = std::make_shared<async::Mailbox<EmbedResult>>(co_await asio::this_coro::executor, 1);
  struct CloseOnExit {  // a client that goes away takes its job out of the queue
    async::Mailbox<EmbedResult>& box;
    ~CloseOnExit() { box.close(); }
  } close_on_exit{*reply};
  ++open_;
  post(Embed{.job = std::move(job), .reply = reply, .next = 0, .vectors = {}});
  std::optional<EmbedResult> result = co_await reply->async_receive();
  if (!result) co_return fail(ErrorCode::unavailable, "the model is being unloaded; try again");
  co_return std::move(*result);
}

InstanceStatus Worker::status() const {
  const std::lock_guard lock{mutex_};
  return status_;
}

}  // namespace hearth::engine
