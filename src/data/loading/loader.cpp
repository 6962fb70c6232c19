#include "data/loading/loader.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "data/augmentation/augment.h"
#include "data/loading/batch_maker.h"
#include "data/shards/shard_order.h"

namespace quench::data {
namespace {

void check(const LoaderOptions& options, const Dataset& dataset) {
  if (options.imgsz < 1 || options.batch < 1 || options.workers < 0) {
    fail(ErrorKind::config,
         "[data.loader] expected imgsz and batch of 1 or more and workers of 0 or more, got {}, {}, {}", options.imgsz,
         options.batch, options.workers);
  }
  ensure(options.share >= 0 && options.share < options.shares, "[data.loader] expected a share below {}, got {}",
         options.shares, options.share);
  for (int64_t index : options.subset) {
    if (index < 0 || index >= dataset.size()) {
      fail(ErrorKind::config, "[data.loader] expected subset indices in [0,{}], got {}", dataset.size() - 1, index);
    }
  }
}

}  // namespace

struct Loader::State {
  struct Made {
    std::optional<Batch> batch;
    std::exception_ptr error;
  };

  State(std::shared_ptr<const Dataset> data, LoaderOptions given)
      : dataset(std::move(data)),
        options(std::move(given)),
        settings(options.augment ? AugmentSettings::from(options.augmentation) : AugmentSettings{}) {
    check(options, *dataset);
    if (!options.left_out) options.left_out = std::make_shared<LeftOut>();
    const int64_t images = options.subset.empty() ? dataset->size() : static_cast<int64_t>(options.subset.size());
    batches = options.drop_last ? images / options.batch : (images + options.batch - 1) / options.batch;
    ahead = std::max(1, options.prefetch);
    const auto pictures = std::make_shared<ResizedPictures>(options.imgsz);
    for (int i = 0; i < std::max(1, options.workers); ++i) {
      makers.push_back(make_batch_maker(*dataset, options, settings, pictures));
    }
    for (int i = 0; i < options.workers; ++i) {
      threads.emplace_back([this, i] { work(*makers[static_cast<size_t>(i)]); });
    }
  }

  ~State() {
    {
      std::lock_guard lock(mutex);
      stop = true;
      ++generation;
    }
    work_wanted.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  Epoch make_epoch(int64_t number) const {
    Epoch out;
    out.number = number;
    out.order = options.subset;
    if (out.order.empty()) {
      out.order.resize(static_cast<size_t>(dataset->size()));
      std::iota(out.order.begin(), out.order.end(), int64_t{0});
    }
    if (options.shuffle) {
      Rng rng(options.seed, "shuffle", static_cast<uint64_t>(number));
      if (auto by_shards = shuffled_by_shards(*dataset, out.order, rng)) {
        out.order = std::move(*by_shards);
        return with_strength(std::move(out));
      }
      std::vector<int64_t> shuffled = permutation(static_cast<int64_t>(out.order.size()), rng);
      for (int64_t& position : shuffled) position = out.order[static_cast<size_t>(position)];
      out.order = std::move(shuffled);
    }
    return with_strength(std::move(out));
  }

  Epoch with_strength(Epoch out) const {
    out.strong = options.total_epochs <= 0 || out.number < options.total_epochs - settings.augment_off_epochs;
    return out;
  }

  void work(BatchMaker& maker) {
    std::unique_lock lock(mutex);
    for (;;) {
      work_wanted.wait(lock, [this] { return stop || (claimed < batches && claimed < yielded + ahead && epoch); });
      if (stop) return;
      const int64_t number = claimed++;
      const uint64_t mine = generation;
      const std::shared_ptr<const Epoch> current = epoch;
      lock.unlock();
      Made made;
      try {
        made.batch = maker.make(*current, number, [&] { return generation == mine; });
      } catch (...) {
        made.error = std::current_exception();
      }
      lock.lock();
      if (generation != mine) continue;  // of an epoch that was given up
      ready.emplace(number, std::move(made));
      if (number == yielded) batch_ready.notify_one();
    }
  }

  std::shared_ptr<const Dataset> dataset;
  LoaderOptions options;
  AugmentSettings settings;
  int64_t batches = 0;
  int64_t ahead = 1;

  std::mutex mutex;  // guards what follows
  std::condition_variable work_wanted, batch_ready;
  std::atomic<uint64_t> generation{0};  ///< written under the mutex, read by workers between images
  bool stop = false;
  std::shared_ptr<const Epoch> epoch;
  int64_t claimed = 0;  ///< next batch to make
  int64_t yielded = 0;  ///< next batch to hand out
  std::map<int64_t, Made> ready;

  bool any = false;  ///< whether the epoch gave an image; of the thread that takes batches
  std::vector<std::unique_ptr<BatchMaker>> makers;  ///< one for each worker; one where there are none
  std::vector<std::thread> threads;
};

Loader::Loader(std::shared_ptr<const Dataset> dataset, LoaderOptions options)
    : state_(std::make_unique<State>(std::move(dataset), std::move(options))) {}

Loader::~Loader() = default;

int64_t Loader::batches() const { return state_->batches; }

void Loader::start(int64_t epoch, int64_t first_batch) {
  ensure(epoch >= 0 && first_batch >= 0, "[data.loader] expected epoch and batch of 0 or more, got {} and {}", epoch,
         first_batch);
  state_->any = first_batch > 0;
  auto next_epoch = std::make_shared<const Epoch>(state_->make_epoch(epoch));
  std::map<int64_t, State::Made> given_up;  // freed outside the lock
  {
    std::lock_guard lock(state_->mutex);
    ++state_->generation;
    state_->epoch = std::move(next_epoch);
    state_->claimed = state_->yielded = first_batch;
    given_up.swap(state_->ready);
  }
  state_->work_wanted.notify_all();
}

const LeftOut& Loader::left_out() const { return *state_->options.left_out; }

std::optional<Batch> Loader::next() {
  while (std::optional<Batch> batch = next_of_all()) {
    if (batch->indices.empty()) continue;
    state_->any = true;
    return batch;
  }
  if (!state_->any && !state_->options.is_share && left_out().count() > 0) {
    fail_none_read(left_out().images(), state_->dataset->size());
  }
  return std::nullopt;
}

/// The next batch, with or without images.
std::optional<Batch> Loader::next_of_all() {
  std::unique_lock lock(state_->mutex);
  ensure(state_->epoch != nullptr, "[data.loader] next() before start()");
  if (state_->yielded >= state_->batches) return std::nullopt;
  if (state_->threads.empty()) {
    std::optional<Batch> batch = state_->makers[0]->make(*state_->epoch, state_->yielded, [] { return true; });
    ++state_->yielded;
    return batch;
  }
  const auto here = [this] { return state_->ready.find(state_->yielded); };
  state_->batch_ready.wait(lock, [&] { return here() != state_->ready.end(); });
  if (here()->second.error) std::rethrow_exception(here()->second.error);  // and again at the next call
  std::optional<Batch> batch = std::move(state_->ready.extract(here()).mapped().batch);
  ++state_->yielded;
  lock.unlock();
  state_->work_wanted.notify_one();
  return batch;
}

}  // namespace quench::data
