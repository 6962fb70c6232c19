#include "study/worker.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <optional>
#include <set>
#include <thread>

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMsNs = 1'000'000;
constexpr int64_t kSoonestLookNs = 50 * kMsNs;
constexpr int64_t kLookShare = 20;  ///< looks take a twentieth of the time at most
constexpr int64_t kFirstPauseNs = 20 * kMsNs;
constexpr int64_t kMostDeaths = 3;  ///< workers that may die with a job in hand, before it is the job's fault
const char* const kStop = "stop";
const char* const kStopped = "work on this study was stopped (quench study cancel)";

/// A thread that gives signs of life for the job in hand, and hears when work shall end.
class Heart {
 public:
  Heart(const JobStores& stores, const WorkOptions& options, const CancelToken& cancel, CancelToken* stop,
        const DoingNow& doing)
      : stores_(stores), options_(options), cancel_(cancel), stop_(stop), doing_(doing), thread_([this] { beat(); }) {}
  ~Heart() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  Heart(const Heart&) = delete;
  Heart& operator=(const Heart&) = delete;

  /// Whether work shall end, asked at once.
  void look() {
    const std::lock_guard lock(mutex_);
    if (asked_to_stop(stores_)) end(kStopped);
  }
  /// Gives signs of life for these from now on; for none: what was held has an end.
  void hold(std::vector<HeldJob*> held) {
    const std::lock_guard lock(mutex_);
    held_ = std::move(held);
  }
  /// Throws Error{cancelled} with the reason, where work shall end.
  void check() const {
    const std::lock_guard lock(mutex_);
    if (!reason_.empty()) fail(ErrorKind::cancelled, "{}", reason_);
    cancel_.check();
  }

 private:
  void beat() {
    std::unique_lock lock(mutex_);
    int64_t beaten = now_ns();
    while (!ends_) {
      wake_.wait_for(lock, std::chrono::milliseconds(50));
      if (stop_ && cancel_.cancelled()) stop_->cancel();
      if (ends_ || static_cast<double>(now_ns() - beaten) < options_.beat_seconds * 1e9) continue;
      beaten = now_ns();
      if (asked_to_stop(stores_)) end(kStopped);
      for (HeldJob* held : held_) {
        if (!held->beat(doing_.get())) end("another worker took the job over: this one gave no sign of life");
      }
    }
  }
  void end(const std::string& reason) {
    if (reason_.empty()) reason_ = reason;
    if (stop_) stop_->cancel();
  }

  const JobStores& stores_;
  const WorkOptions& options_;
  const CancelToken& cancel_;
  CancelToken* stop_;
  const DoingNow& doing_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<HeldJob*> held_;  ///< the job in hand, and the device that it has alone
  std::string reason_;
  bool ends_ = false;
  std::thread thread_;
};

/// The jobs that come before some, and these.
std::vector<bool> with_before(const JobGraph& graph, const std::vector<size_t>& only) {
  std::vector<bool> needed(graph.jobs().size(), only.empty());
  for (const size_t place : only) needed.at(place) = true;
  for (size_t i = needed.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const size_t before : graph.job(i).after) needed[before] = true;
  }
  return needed;
}

class WorkLoop {
 public:
  WorkLoop(const JobGraph& graph, JobResults& results, JobStores& stores, const WorkOptions& options,
           const CancelToken& cancel, CancelToken* stop, const DoingNow& doing, ToldFailures& observer)
      : graph_(graph),
        results_(results),
        stores_(stores),
        options_(options),
        work_cancel_(stop ? *stop : cancel),
        observer_(observer),
        heart_(stores, options, cancel, stop, doing),
        needed_(with_before(graph, options.only)),
        wanted_(graph.jobs().size(), options.only.empty()),
        settled_(graph.jobs().size()),
        waits_for_(graph.jobs().size()),
        next_(graph.jobs().size()) {
    put_in_order();
    for (const size_t place : options.only) wanted_.at(place) = true;
    open_ = std::ranges::count(wanted_, true);
    for (size_t i = 0; i < needed_.size(); ++i) {
      for (const size_t before : graph.job(i).after) next_[before].push_back(i);
      waits_for_[i] = graph.job(i).after.size();
    }
    for (size_t i = 0; i < needed_.size(); ++i) {
      if (results.state(i) == JobState::done_before) {
        settle(i);
      } else if (waits_for_[i] == 0) {
        ready_.insert(rank_[i]);
      }
    }
  }

  void run() {
    const int64_t began = now_ns();
    if (open_ > 0) heart_.look();
    int64_t pause = kFirstPauseNs;
    while (open_ > 0) {
      heart_.check();
      look(false);
      if (open_ == 0) break;
      if (const std::optional<size_t> place = pick()) {
        attempt(*place, 0);
        pause = kFirstPauseNs;
        continue;
      }
      if (!options_.only.empty()) require_before(began);
      if (take_from_dead()) continue;
      wait(pause);
      pause = std::min<int64_t>(2 * pause, static_cast<int64_t>(options_.poll_seconds * 1e9));
      look(true);
    }
  }

 private:
  const JobSigns* signs(size_t place) const { return seen_.of(graph_.job(place)); }

  /// Which job comes before which, where both are ready.
  void put_in_order() {
    const size_t count = graph_.jobs().size();
    for (size_t i = 0; i < count; ++i) by_rank_.push_back((i + options_.first) % count);
    if (!options_.chains.empty()) {
      std::ranges::stable_sort(by_rank_, std::greater(), [&](size_t place) { return options_.chains.at(place); });
    }
    rank_.resize(count);
    for (size_t rank = 0; rank < count; ++rank) rank_[by_rank_[rank]] = rank;
  }

  /// The jobs that are ready, in the worker's order.
  std::vector<size_t> ready() const {
    std::vector<size_t> places;
    for (const size_t rank : ready_) places.push_back(by_rank_[rank]);
    return places;
  }

  /// It has an end: what comes after may be ready.
  void settle(size_t place) {
    std::vector<size_t> ended{place};
    while (!ended.empty()) {
      const size_t now = ended.back();
      ended.pop_back();
      if (settled_[now]) continue;
      settled_[now] = true;
      ready_.erase(rank_[now]);
      if (wanted_[now]) --open_;
      for (const size_t next : next_[now]) {
        if (--waits_for_[next] > 0 || settled_[next] || !needed_[next]) continue;
        const Job& job = graph_.job(next);
        const auto bad = std::ranges::find_if_not(job.after, [&](size_t before) { return results_.good(before); });
        if (bad == job.after.end() || job.runs_after_failures) {
          ready_.insert(rank_[next]);
          continue;
        }
        Error reason = results_.failure(*bad);
        observer_.fails(job.key, JobState::skipped, reason.what());
        results_.set_failure(next, JobState::skipped, std::move(reason));
        ended.push_back(next);
      }
    }
  }

  /// Reads what others did, unless that was a moment ago.
  void look(bool now) {
    const int64_t begin = now_ns();
    if (!now && looked_ns_ != 0 && begin - looked_ns_ < std::max(kSoonestLookNs, kLookShare * look_cost_ns_)) return;
    seen_ = see_marks(stores_);
    looked_ns_ = now_ns();
    look_cost_ns_ = looked_ns_ - begin;
    elsewhere_.clear();
    bool changed = true;
    while (changed) {  // what others ended may make ready what others ended, too
      changed = false;
      for (const size_t place : ready()) {
        const JobSigns* seen = signs(place);
        if (seen && (seen->done || seen->failed) && take_end(place, *seen)) changed = true;
      }
    }
  }

  /// How a job ended for another worker.
  bool take_end(size_t place, const JobSigns& seen) {
    const Job& job = graph_.job(place);
    if (seen.failed && !seen.done) {
      const std::optional<JobMark> mark = stores_.of(job).failure(job.key);
      if (!mark) return false;  // opened again between
      // Rows of a job that makes records are in their records: the job itself has ended.
      if (!job.runs_after_failures) {
        results_.set_failure(place, mark->state, Error(mark->kind, mark->reason));
        observer_.fails(job.key, mark->state, mark->reason);
        settle(place);
        return true;
      }
      observer_.fails(job.key, mark->state, mark->reason);
    }
    results_.set(place, JobState::done);
    settle(place);
    return true;
  }

  std::optional<size_t> pick() const {
    std::optional<size_t> alone;
    const auto free = [&](size_t place) {
      if (!wanted_[place] || elsewhere_.contains(place)) return false;
      const JobSigns* seen = signs(place);
      return !seen || seen->claim == 0;
    };
    for (const size_t rank : ready_) {
      const size_t place = by_rank_[rank];
      if (!free(place)) continue;
      if (!options_.alone_last || graph_.job(place).alone != kThisHost) return place;
      if (!alone) alone = place;
    }
    return alone;
  }

  bool take_from_dead() {
    for (const size_t place : ready()) {
      const JobSigns* seen = signs(place);
      if (!wanted_[place] || !seen || seen->claim == 0) continue;
      const Job& job = graph_.job(place);
      if (stores_.of(job).is_dead(job.key, seen->claim, options_.stale_seconds)) {
        attempt(place, seen->claim);
        return true;
      }
    }
    return false;
  }

  /// With jobs of its own: what comes before them has to have an end by now.
  void require_before(int64_t began) {
    if (static_cast<double>(now_ns() - began) < options_.patience_seconds * 1e9) return;
    for (size_t i = 0; i < needed_.size(); ++i) {
      if (!needed_[i] || wanted_[i] || settled_[i]) continue;
      const Job& job = graph_.job(i);
      Error none(ErrorKind::data,
                 fmt::format("[study.work] expected the result of {} {}, got none: its worker was stopped, or its time "
                             "was up (`quench study status` says more)",
                             job.kind, job.name));
      const bool may_go_on = std::ranges::all_of(
          options_.only, [&](size_t place) { return settled_[place] || graph_.job(place).runs_after_failures; });
      if (!may_go_on) throw none;
      results_.set_failure(i, JobState::failed, std::move(none));
      settle(i);
    }
  }

  void wait(int64_t pause_ns) const {
    const int64_t until = now_ns() + pause_ns;
    while (now_ns() < until) {
      heart_.check();
      ::usleep(static_cast<useconds_t>(std::clamp<int64_t>((until - now_ns()) / 1000, 1, 50'000)));
    }
  }

  /// Does a job, where no other is faster. dead: workers that died with it, each of whom left a claim.
  void attempt(size_t place, int64_t dead) {
    const Job& job = graph_.job(place);
    elsewhere_.insert(place);  // until the next look, whatever comes
    std::unique_ptr<HeldJob> device;
    if (!job.alone.empty() && job.alone != kThisHost) {
      device = stores_.own.take_over(sha256_hex("device " + job.alone), "device", job.alone, options_.stale_seconds);
      if (!device) return;
    }
    const std::unique_ptr<HeldJob> held = stores_.of(job).take(job, dead);
    if (!held) return;
    if (held->settled_before()) {
      held->release();
      looked_ns_ = 0;
      return;
    }
    if (dead >= kMostDeaths) {
      failed(place, *held, JobState::failed,
             Error(ErrorKind::backend,
                   fmt::format("[study.work] {} workers died while they did it: was there too little memory?", dead)));
      return settle(place);
    }
    std::vector<HeldJob*> alive{held.get()};
    if (device) alive.push_back(device.get());
    heart_.hold(alive);
    try {
      work(place, *held);
    } catch (...) {
      heart_.hold({});
      held->release();
      heart_.check();  // says why
      throw;
    }
  }

  void failed(size_t place, HeldJob& held, JobState state, const Error& error) {
    held.fail(state, error.kind(), error.what());
    results_.set_failure(place, state, error);
    observer_.fails(graph_.job(place).key, state, error.what());
  }

  void work(size_t place, HeldJob& held) {
    const Job& job = graph_.job(place);
    const auto turn = options_.machine ? options_.machine->wait(job.alone == kThisHost, work_cancel_) : nullptr;
    observer_.begins(job);
    try {
      call_and_translate(job.work);
      heart_.hold({});
      if (const auto* told = observer_.of(job.key)) {
        held.fail(told->first, told->first == JobState::unsupported ? ErrorKind::unsupported : ErrorKind::backend,
                  told->second);
      } else {
        held.finish();
      }
      results_.set(place, JobState::done);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      heart_.hold({});
      failed(place, held, error.kind() == ErrorKind::unsupported ? JobState::unsupported : JobState::failed, error);
    }
    settle(place);
  }

  const JobGraph& graph_;
  JobResults& results_;
  JobStores& stores_;
  const WorkOptions& options_;
  const CancelToken& work_cancel_;
  ToldFailures& observer_;
  Heart heart_;
  std::vector<bool> needed_, wanted_, settled_;
  std::vector<size_t> waits_for_;          ///< jobs before that have no end yet
  std::vector<std::vector<size_t>> next_;  ///< jobs that come after
  std::vector<size_t> rank_, by_rank_;     ///< by place, and back
  std::set<size_t> ready_;                 ///< ranks
  std::set<size_t> elsewhere_;             ///< that others hold, as was found since the last look
  int64_t open_ = 0;                       ///< wanted jobs without an end
  SeenMarks seen_;
  int64_t looked_ns_ = 0, look_cost_ns_ = 0;
};

}  // namespace

void DoingNow::set(std::string_view text) {
  const std::lock_guard lock(mutex_);
  text_ = text;
}

std::string DoingNow::get() const {
  const std::lock_guard lock(mutex_);
  return text_;
}

void ToldFailures::fails(const std::string& key, JobState state, const std::string& reason) {
  told_.insert_or_assign(key, std::pair(state, reason));
  next_.fails(key, state, reason);
}

const std::pair<JobState, std::string>* ToldFailures::of(const std::string& key) const {
  const auto found = told_.find(key);
  return found == told_.end() ? nullptr : &found->second;
}

const JobSigns* SeenMarks::of(const Job& job) const {
  const SeenJobs& seen = job.of_study ? own : shared;
  const auto found = seen.find(JobStore::name_of(job.key));
  return found == seen.end() ? nullptr : &found->second;
}

SeenMarks see_marks(const JobStores& stores) { return {stores.shared.look(), stores.own.look()}; }

JobResults begin_work(const JobGraph& graph, JobStores& stores, const SeenMarks& seen, Retry retry,
                      const std::vector<size_t>& only) {
  const std::vector<bool> needed = with_before(graph, only);
  JobResults results(graph.jobs().size());
  for (size_t i = 0; i < graph.jobs().size(); ++i) {
    const Job& job = graph.job(i);
    if (!needed[i]) continue;
    const JobSigns* found = seen.of(job);
    const JobSigns signs = found ? *found : JobSigns();
    // Who joins others believes them: a question for each job takes long where files are far away.
    if ((retry == Retry::none && signs.done) || (job.is_done && job.is_done())) {
      results.set(i, JobState::done_before);
      continue;
    }
    if (retry == Retry::none) continue;
    if (signs.done) stores.of(job).forget_done(job.key);
    if (!signs.failed) continue;
    const std::optional<JobMark> mark = stores.of(job).failure(job.key);
    const bool whole = std::ranges::all_of(job.after, [&](size_t before) { return results.good(before); });
    const bool closed = retry == Retry::twice && mark && mark->same >= 2 && (!job.runs_after_failures || whole);
    if (!closed) stores.of(job).reopen(job.key);
  }
  return results;
}

void work_on(const JobGraph& graph, JobResults& results, JobStores& stores, const WorkOptions& options,
             const CancelToken& cancel, CancelToken* stop, const DoingNow& doing, ToldFailures& observer) {
  WorkLoop(graph, results, stores, options, cancel, stop, doing, observer).run();
}

void ask_to_stop(const JobStores& stores) { write_file(stores.own.folder() / kStop, utc_now() + "\n"); }

void allow_work(const JobStores& stores) {
  std::error_code code;
  fs::remove(stores.own.folder() / kStop, code);
}

bool asked_to_stop(const JobStores& stores) { return ::access((stores.own.folder() / kStop).c_str(), F_OK) == 0; }

}  // namespace quench::study
