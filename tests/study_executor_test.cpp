// The executor, with jobs that know nothing of models.
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/clock.h"
#include "study/executor.h"

namespace quench::study {
namespace {

JobObserver nobody;

Job job(const std::string& key, std::vector<size_t> after, std::function<void()> work, bool done = false) {
  return {key, "work", key, std::move(after), [done] { return done; }, std::move(work)};
}

TEST(Executor, RunsEachJobOnceInOrder) {
  JobGraph graph;
  std::string order;
  const auto append = [&](const char* what) { return [&order, what] { order += what; }; };
  const size_t a = graph.add(job("a", {}, append("a")));
  const size_t b = graph.add(job("b", {a}, append("b"), true));
  graph.add(job("c", {b}, append("c")));
  EXPECT_EQ(graph.add(job("a", {}, append("x"))), a) << "equal keys are equal work";
  JobResults results = states_of(graph);
  execute(graph, results, {}, nobody);
  EXPECT_EQ(order, "ac");
  EXPECT_EQ(results.state(b), JobState::done_before);
}

TEST(Executor, AFailureSkipsWhatNeedsItAndNothingElse) {
  JobGraph graph;
  std::string order;
  const size_t bad = graph.add(job("bad", {}, [] { throw std::runtime_error("no disk"); }));
  const size_t needs = graph.add(job("needs", {bad}, [&] { order += "n"; }));
  const size_t memory = graph.add(job("memory", {}, [] { throw std::bad_alloc(); }));
  const size_t good = graph.add(job("good", {}, [&] { order += "g"; }));
  Job record = job("record", {needs, good}, [&] { order += "r"; });
  record.runs_after_failures = true;
  const size_t last = graph.add(std::move(record));
  JobResults results = states_of(graph);
  execute(graph, results, {}, nobody);
  EXPECT_EQ(order, "gr");
  EXPECT_EQ(results.state(bad), JobState::failed);
  EXPECT_EQ(results.failure(bad).kind(), ErrorKind::backend);
  EXPECT_EQ(results.failure(memory).kind(), ErrorKind::io);
  EXPECT_EQ(results.state(needs), JobState::skipped);
  EXPECT_NE(std::string(results.failure(needs).what()).find("no disk"), std::string::npos);
  EXPECT_EQ(results.state(last), JobState::done);
}

TEST(Executor, TellsWhatItBeginsAndWhyWhatFails) {
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
  JobResults results = states_of(graph);
  execute(graph, results, {}, watcher);
  EXPECT_EQ(watcher.told,
            "b begins\nb is unsupported: no such device\nc is skipped: no such device\nd begins\nd is failed: bad\n");
}

TEST(Executor, CancelStopsAtOnce) {
  JobGraph graph;
  CancelToken cancel;
  int ran = 0;
  graph.add(job("a", {}, [&] {
    ++ran;
    cancel.cancel();
  }));
  graph.add(job("b", {0}, [&] { ++ran; }));
  JobResults results = states_of(graph);
  EXPECT_THROW(execute(graph, results, cancel, nobody), Error);
  EXPECT_EQ(ran, 1);
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
