// Jobs that know nothing of models, done by one process and by several beside each other.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "core/file.h"
#include "core/hash.h"
#include "study/job_order.h"
#include "study/worker.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

JobObserver nobody;

/// A worker on a machine of its own, as far as the others can tell.
WorkerIdentity elsewhere(const std::string& host) { return {host, host + " boot", 1, 1, ""}; }

/// A folder that workers share.
class Executor : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-executor-{}", ::getpid());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  JobStores stores(const WorkerIdentity& self = this_worker()) const {
    return {JobStore(folder_ / "shared", self), JobStore(folder_ / "own", self)};
  }
  static WorkOptions quick() {
    WorkOptions options;
    options.beat_seconds = 0.02;
    options.stale_seconds = 0.3;
    options.poll_seconds = 0.05;
    options.patience_seconds = 0.2;
    return options;
  }
  /// All jobs, as a run does.
  JobResults execute(const JobGraph& graph, JobObserver& observer, const CancelToken& cancel = {},
                     Retry retry = Retry::always) const {
    JobStores mine = stores();
    JobResults results = begin_work(graph, mine, see_marks(mine), retry);
    ToldFailures told(observer);
    work_on(graph, results, mine, quick(), cancel, nullptr, DoingNow(), told);
    return results;
  }
  int64_t files(const std::string& end) const {
    int64_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      count += entry.path().filename().string().find(end) != std::string::npos;
    }
    return count;
  }
  fs::path folder_;
};

Job job(const std::string& key, std::vector<size_t> after, std::function<void()> work, bool done = false) {
  return {key, "work", key, std::move(after), [done] { return done; }, std::move(work)};
}

TEST_F(Executor, RunsEachJobOnceInOrder) {
  JobGraph graph;
  std::string order;
  const auto append = [&](const char* what) { return [&order, what] { order += what; }; };
  const size_t a = graph.add(job("a", {}, append("a")));
  const size_t b = graph.add(job("b", {a}, append("b"), true));
  graph.add(job("c", {b}, append("c")));
  EXPECT_EQ(graph.add(job("a", {}, append("x"))), a) << "equal keys are equal work";
  const JobResults results = execute(graph, nobody);
  EXPECT_EQ(order, "ac");
  EXPECT_EQ(results.state(b), JobState::done_before);
}

TEST_F(Executor, WhatBeginsTheLongestChainComesFirst) {
  JobGraph graph;
  std::string order;
  const auto append = [&](const char* what) { return [&order, what] { order += what; }; };
  const auto epochs = [](double amount) { return JobSize{"", amount}; };
  const size_t a = graph.add(job("a", {}, append("a")));
  const size_t b = graph.add(job("b", {}, append("b")));
  Job train = job("c", {b}, append("c"));
  train.kind = "train";
  graph.add(std::move(train));
  Job longer = job("d", {a}, append("d"));
  longer.kind = "finetune";
  graph.add(std::move(longer));
  graph.add(job("e", {}, append("e")));
  EXPECT_EQ(longest_chains({1, 2, 4, 8, 16}, {{}, {}, {0, 1}, {2}, {0}}), (std::vector<double>{17, 14, 12, 8, 16}));

  const fs::path folder = folder_ / "order";
  fs::create_directories(folder);
  EXPECT_TRUE(read_order(folder, graph).empty());
  const std::vector<double> chains = chains_of(
      graph, JobResults(5), {epochs(1), epochs(1), epochs(2), epochs(3), epochs(1)}, JobTimes(folder_ / "nothing"));
  EXPECT_EQ(chains, (std::vector<double>{190, 130, 120, 180, 10}));
  write_order(folder, graph, chains);
  EXPECT_EQ(read_order(folder, graph), chains);

  JobStores mine = stores();
  JobResults results = begin_work(graph, mine, see_marks(mine), Retry::none);
  WorkOptions options = quick();
  options.chains = chains;
  options.first = 4;
  ToldFailures told(nobody);
  work_on(graph, results, mine, options, {}, nullptr, DoingNow(), told);
  EXPECT_EQ(order, "adbce");

  write_file(folder / "order.json", "{\"a\": tru");
  EXPECT_TRUE(read_order(folder, graph).empty()) << "it is no more than an order";
}

TEST_F(Executor, AFailureSkipsWhatNeedsItAndNothingElse) {
  JobGraph graph;
  std::string order;
  const size_t bad = graph.add(job("bad", {}, [] { throw std::runtime_error("no disk"); }));
  const size_t needs = graph.add(job("needs", {bad}, [&] { order += "n"; }));
  const size_t memory = graph.add(job("memory", {}, [] { throw std::bad_alloc(); }));
  const size_t good = graph.add(job("good", {}, [&] { order += "g"; }));
  Job record = job("record", {needs, good}, [&] { order += "r"; });
  record.runs_after_failures = true;
  const size_t last = graph.add(std::move(record));
  const JobResults results = execute(graph, nobody);
  EXPECT_EQ(order, "gr");
  EXPECT_EQ(results.state(bad), JobState::failed);
  EXPECT_EQ(results.failure(bad).kind(), ErrorKind::backend);
  EXPECT_EQ(results.failure(memory).kind(), ErrorKind::io);
  EXPECT_EQ(results.state(needs), JobState::skipped);
  EXPECT_NE(std::string(results.failure(needs).what()).find("no disk"), std::string::npos);
  EXPECT_EQ(results.state(last), JobState::done);
}

TEST_F(Executor, TellsWhatItBeginsAndWhyWhatFails) {
  struct Watcher : JobObserver {
    void begins(const Job& job) override { told += job.key + " begins\n"; }
    void fails(const std::string& key, JobState state, const std::string& reason) override {
      told += fmt::format("{} is {}: {}\n", key, to_string(state), reason);
    }
    std::string told;
  } watcher;
  JobGraph graph;
  graph.add(job(
      "a", {}, [] {}, true));
  const size_t b = graph.add(job("b", {}, [] { fail(ErrorKind::unsupported, "no such device"); }));
  graph.add(job("c", {b}, [] {}));
  graph.add(job("d", {}, [] { fail(ErrorKind::data, "bad"); }));
  execute(graph, watcher);
  EXPECT_EQ(watcher.told,
            "b begins\nb is unsupported: no such device\nc is skipped: no such device\nd begins\nd is failed: bad\n");
}

TEST_F(Executor, CancelStopsAtOnce) {
  JobGraph graph;
  CancelToken cancel;
  int ran = 0;
  graph.add(job("a", {}, [&] {
    ++ran;
    cancel.cancel();
  }));
  graph.add(job("b", {0}, [&] { ++ran; }));
  EXPECT_THROW(execute(graph, nobody, cancel), Error);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(files(".claim-"), 0) << "nobody waits for a process that ended in order";
}

// What several do at once is done once, in an order that the edges allow.
TEST_F(Executor, ManyWorkersDoEachJobOnce) {
  constexpr size_t kJobs = 60, kWorkers = 4;
  std::mutex mutex;
  std::vector<int> times(kJobs);
  std::set<std::thread::id> who;
  const auto graph_of = [&] {
    JobGraph graph;
    for (size_t i = 0; i < kJobs; ++i) {
      const std::vector<size_t> after = i < 3 ? std::vector<size_t>{} : std::vector<size_t>{i / 2, i - 3};
      const std::string key = sha256_hex(std::to_string(i));
      graph.add(job(key, after, [&, i, after] {
        const std::lock_guard lock(mutex);
        for (const size_t before : after) EXPECT_EQ(times[before], 1);
        ++times[i];
        who.insert(std::this_thread::get_id());
        ::usleep(300);
      }));
    }
    return graph;
  };
  std::vector<std::thread> workers;
  for (size_t w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, w] {
      const JobGraph graph = graph_of();
      JobStores mine = stores(elsewhere(std::to_string(w)));
      JobResults results = begin_work(graph, mine, see_marks(mine), Retry::none);
      WorkOptions options = quick();
      options.stale_seconds = 60;
      options.first = w * kJobs / kWorkers;
      ToldFailures told(nobody);
      work_on(graph, results, mine, options, {}, nullptr, DoingNow(), told);
      for (size_t i = 0; i < kJobs; ++i) EXPECT_TRUE(results.good(i));
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(times, std::vector<int>(kJobs, 1));
  EXPECT_GT(who.size(), 1u);
  EXPECT_EQ(files(".claim-"), 0);
  EXPECT_EQ(files(".done"), kJobs);
}

TEST_F(Executor, AJobIsHeldByOneAndComesBackFromTheDead) {
  JobStore first(folder_, elsewhere("a")), second(folder_, elsewhere("b")), third(folder_, elsewhere("c"));
  const std::string key = sha256_hex("job");
  auto held = first.take(key, "train", "model");
  ASSERT_TRUE(held);
  EXPECT_FALSE(second.take(key, "train", "model"));
  EXPECT_EQ(second.claims().at(0).worker.host, "a");
  EXPECT_TRUE(held->beat("epoch 3"));
  EXPECT_EQ(second.claims().at(0).doing, "epoch 3");
  // It is alive as long as its claim is renewed, whatever the clocks of the machines say.
  EXPECT_FALSE(second.is_dead(key, 1, 0.05));
  for (int i = 0; i < 8; ++i) {
    ::usleep(20'000);
    EXPECT_TRUE(held->beat("epoch 4"));
    EXPECT_FALSE(second.is_dead(key, 1, 0.05)) << i;
  }
  ::usleep(100'000);
  EXPECT_TRUE(second.is_dead(key, 1, 0.05));
  const auto taken = second.take(key, "train", "model", 1);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(third.take(key, "train", "model", 1)) << "one takes over";
  EXPECT_FALSE(third.take(key, "train", "model")) << "the old claim stands until the new holder is done";
  EXPECT_FALSE(held->beat("epoch 5")) << "the dead one hears of it";
  taken->finish();
  held.reset();
  const SeenJobs seen = third.look();
  EXPECT_TRUE(seen.at(JobStore::name_of(key)).done);
  EXPECT_EQ(seen.at(JobStore::name_of(key)).claim, 0);
  const auto late = third.take(key, "train", "model");
  ASSERT_TRUE(late);
  EXPECT_TRUE(late->settled_before());
}

// On one machine a killed process is known to be dead at once.
TEST_F(Executor, AKilledProcessOfThisMachineHoldsNothing) {
  fs::create_directories(folder_);
  const std::string key = sha256_hex("job");
  const pid_t child = ::fork();
  if (child == 0) {
    JobStore store(folder_, this_worker());
    const auto held = store.take(key, "train", "model");
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  JobStore store(folder_, this_worker());
  EXPECT_FALSE(store.take(key, "train", "model"));
  EXPECT_TRUE(store.is_dead(key, 1, 1e6));
  EXPECT_TRUE(store.take(key, "train", "model", 1));
}

// What a scheduler starts anew under its old name takes its own claim back, on whatever machine.
TEST_F(Executor, ARequeuedJobOfASchedulerTakesItsClaimBack) {
  const std::string key = sha256_hex("job");
  WorkerIdentity before = elsewhere("node1"), after = elsewhere("node2"), other = elsewhere("node3");
  before.owner = after.owner = "slurm 12_3";
  other.owner = "slurm 12_4";
  JobStore first(folder_, before), again(folder_, after), third(folder_, other);
  const auto held = first.take(key, "train", "model");
  EXPECT_FALSE(third.is_dead(key, 1, 1e6));
  EXPECT_TRUE(again.is_dead(key, 1, 1e6));
}

TEST_F(Executor, ADeadWorkersJobIsDoneByAnother) {
  JobGraph graph;
  int ran = 0;
  const std::string key = sha256_hex("a");
  const size_t a = graph.add(job(key, {}, [&] { ++ran; }));
  graph.add(job(sha256_hex("b"), {a}, [&] { ++ran; }));
  JobStore dead(folder_ / "shared", elsewhere("gone"));
  const auto held = dead.take(graph.job(a));
  const JobResults results = execute(graph, nobody);
  EXPECT_EQ(ran, 2);
  EXPECT_TRUE(results.good(a));
  EXPECT_EQ(files(".claim-"), 0);
}

// A worker that was taken for dead stops its work where it can: another does it.
TEST_F(Executor, WhoseClaimIsLostStops) {
  JobGraph graph;
  CancelToken stop;
  const std::string key = sha256_hex("a");
  graph.add(job(key, {}, [&] {
    JobStore other(folder_ / "shared", elsewhere("other"));
    const auto taken = other.take(key, "work", "a", 1);
    ASSERT_TRUE(taken);
    for (int i = 0; i < 500; ++i) {
      stop.check();
      ::usleep(10'000);
    }
    ADD_FAILURE() << "it went on";
  }));
  JobStores mine = stores();
  JobResults results = begin_work(graph, mine, see_marks(mine), Retry::none);
  ToldFailures told(nobody);
  try {
    work_on(graph, results, mine, quick(), {}, &stop, DoingNow(), told);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::cancelled);
    EXPECT_NE(std::string(error.what()).find("another worker took"), std::string::npos) << error.what();
  }
}

TEST_F(Executor, WorkEndsEverywhereWhenAskedTo) {
  JobGraph graph;
  CancelToken stop;
  JobStores mine = stores();
  int ran = 0;
  graph.add(job(sha256_hex("a"), {}, [&] {
    ++ran;
    ask_to_stop(mine);
    for (int i = 0; i < 500; ++i) {
      stop.check();
      ::usleep(10'000);
    }
  }));
  graph.add(job(sha256_hex("b"), {}, [&] { ++ran; }));
  JobResults results = begin_work(graph, mine, see_marks(mine), Retry::none);
  ToldFailures told(nobody);
  EXPECT_THROW(work_on(graph, results, mine, quick(), {}, &stop, DoingNow(), told), Error);
  EXPECT_EQ(ran, 1);
  CancelToken fresh;
  EXPECT_THROW(work_on(graph, results, mine, quick(), {}, &fresh, DoingNow(), told), Error) << "nobody begins, either";
  EXPECT_EQ(ran, 1);
  allow_work(mine);
  EXPECT_FALSE(asked_to_stop(mine));
}

TEST_F(Executor, WhatFailedTwiceTheSameWayIsNotTriedAgain) {
  int ran = 0;
  std::string why = "no disk";
  const auto graph_of = [&] {
    JobGraph graph;
    graph.add(job(sha256_hex("bad"), {}, [&] {
      ++ran;
      fail(ErrorKind::io, "{}", why);
    }));
    return graph;
  };
  const auto run = [&](Retry retry) {
    const JobResults results = execute(graph_of(), nobody, {}, retry);
    EXPECT_EQ(results.state(0), JobState::failed);
    return std::string(results.failure(0).what());
  };
  run(Retry::twice);
  EXPECT_EQ(run(Retry::none), "no disk") << "a worker that joins believes the others";
  EXPECT_EQ(ran, 1);
  why = "no network";
  run(Retry::twice);
  run(Retry::twice);
  EXPECT_EQ(ran, 3);
  EXPECT_EQ(run(Retry::twice), "no network");
  EXPECT_EQ(ran, 3) << "twice the same way";
  run(Retry::always);
  EXPECT_EQ(ran, 4);
}

TEST_F(Executor, AMarkWithoutItsResultIsNotBelieved) {
  int ran = 0;
  const auto graph_of = [&] {
    JobGraph graph;
    graph.add(job(sha256_hex("a"), {}, [&] { ++ran; }));
    return graph;
  };
  execute(graph_of(), nobody);
  execute(graph_of(), nobody);  // is_done says no: the result was removed
  EXPECT_EQ(ran, 2);
}

TEST_F(Executor, JobsByKeyAloneAreDone) {
  std::string order;
  JobGraph graph;
  const size_t a = graph.add(job(sha256_hex("a"), {}, [&] { order += "a"; }));
  const size_t b = graph.add(job(sha256_hex("b"), {a}, [&] { order += "b"; }));
  const size_t c = graph.add(job(sha256_hex("c"), {b}, [&] { order += "c"; }));
  Job rows = job(sha256_hex("rows"), {b, c}, [&] { order += "r"; });
  rows.runs_after_failures = true;
  const size_t r = graph.add(std::move(rows));
  const auto only = [&](std::vector<size_t> places) {
    JobStores mine = stores();
    WorkOptions options = quick();
    options.only = std::move(places);
    JobResults results = begin_work(graph, mine, see_marks(mine), Retry::none, options.only);
    ToldFailures told(nobody);
    work_on(graph, results, mine, options, {}, nullptr, DoingNow(), told);
    return results;
  };
  only({a});
  EXPECT_EQ(order, "a");
  try {
    only({c});
    FAIL() << "b is not done";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find(sha256_hex("b")), std::string::npos) << error.what();
  }
  only({b});
  EXPECT_EQ(order, "ab");
  const JobResults last = only({r});
  EXPECT_EQ(order, "abr") << "rows are made without what never came";
  EXPECT_EQ(last.state(c), JobState::failed);
  EXPECT_TRUE(last.good(b));
}

// Jobs that are timed have the machine alone; others share it.
TEST_F(Executor, WhatIsTimedHasTheMachineAlone) {
  const MachineTurn machine(folder_ / "machine");
  std::atomic<int> now{0}, most{0}, beside_timed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      const MachineTurn mine(folder_ / "machine");  // flock is by open file
      for (int round = 0; round < 4; ++round) {
        const bool alone = i % 4 == 0;
        const auto turn = mine.wait(alone, {});
        const int before = now++;
        most = std::max(most.load(), before + 1);
        if (alone && before > 0) ++beside_timed;
        ::usleep(2000);
        if (alone && now.load() > 1) ++beside_timed;
        --now;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(beside_timed, 0);
  EXPECT_GT(most, 1);
}

// A device stays with who measures on it, longer than a claim without a sign of life would.
TEST_F(Executor, ADeviceIsOneWorkersAtATime) {
  std::atomic<int> measuring = 0, beside = 0, done = 0;
  const auto work_from = [&](const std::string& host) {
    JobGraph graph;
    for (const char* key : {"one", "two"}) {
      Job measured = job(key, {}, [&] {
        if (measuring.fetch_add(1) > 0) ++beside;
        ::usleep(900'000);
        --measuring;
        ++done;
      });
      measured.alone = "board";
      graph.add(std::move(measured));
    }
    JobStores mine = stores(elsewhere(host));
    JobResults results = begin_work(graph, mine, see_marks(mine), Retry::none);
    ToldFailures told(nobody);
    work_on(graph, results, mine, quick(), {}, nullptr, DoingNow(), told);
  };
  std::thread first(work_from, "first"), second(work_from, "second");
  first.join();
  second.join();
  EXPECT_EQ(beside, 0);
  EXPECT_EQ(done, 2);
}

TEST(JobGraph, RefusesWhatCannotBeAGraph) {
  JobGraph graph;
  EXPECT_THROW(graph.add(job("a", {3}, [] {})), Error);
  graph.add(job("a", {}, [] {}));
  Job other = job("a", {}, [] {});
  other.kind = "other";
  EXPECT_THROW(graph.add(std::move(other)), Error);
}

}  // namespace
}  // namespace quench::study
