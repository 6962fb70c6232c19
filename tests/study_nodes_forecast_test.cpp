// What a plan takes on several machines.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "study/nodes_forecast.h"

namespace quench::study {
namespace {

PlannedJob job(double seconds, std::vector<size_t> after = {}, bool alone = false) {
  PlannedJob job;
  job.kind = alone ? "bench" : "train";
  job.after = std::move(after);
  job.estimate_seconds = seconds;
  job.alone = alone;
  return job;
}

TEST(NodesForecast, ChainsOfTheirOwnShareTheWork) {
  const std::vector<PlannedJob> jobs{job(10), job(5, {0}), job(10), job(5, {2}), job(10), job(5, {4})};
  const OpenWork open = open_work(jobs);
  EXPECT_DOUBLE_EQ(open.seconds, 45);
  EXPECT_DOUBLE_EQ(open.chain_seconds, 15);
  EXPECT_EQ(open.chain, (std::vector<size_t>{0, 1}));
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 1).seconds, 45);
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 1).in_use, 1);
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 2).seconds, 25) << "the third chain begins before the short ends of the others";
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 3).seconds, 15);
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 100).seconds, 15) << "a chain is not shared";
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 100).in_use, 0.03);
}

TEST(NodesForecast, APrefixIsDoneOnceAndTimingsWaitForAll) {
  // One training, four methods behind it, a timing of all.
  std::vector<PlannedJob> jobs{job(100)};
  for (int i = 0; i < 4; ++i) jobs.push_back(job(20, {0}));
  jobs.push_back(job(30, {1, 2, 3, 4}, true));
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 1).seconds, 210);
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 2).seconds, 170);
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 4).seconds, 150);
  EXPECT_DOUBLE_EQ(open_work(jobs).chain_seconds, 150);
  EXPECT_EQ(open_work(jobs).chain.size(), 3u);
}

TEST(NodesForecast, TimingsComeLastOnSeveralNodes) {
  // With one node jobs go in the list's order; with more, a worker takes what it can share its machine with first.
  const std::vector<PlannedJob> jobs{job(1), job(50, {0}, true), job(10, {0}), job(10, {2})};
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 1).seconds, 71);
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 2).seconds, 51);
}

TEST(NodesForecast, TheLongestChainComesFirst) {
  // In the list's order the long training would begin last, and all would wait for it.
  const std::vector<PlannedJob> jobs{job(10), job(10), job(10), job(10), job(5), job(35, {4})};
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 2).seconds, 40);
}

TEST(NodesForecast, WhatIsDoneOrUnknownTakesNoTime) {
  std::vector<PlannedJob> jobs{job(100), job(20, {0}), job(7, {1}), job(5, {1})};
  jobs[0].state = JobState::done_before;
  jobs[2].estimate_seconds.reset();
  jobs[3].state = JobState::failed;
  EXPECT_DOUBLE_EQ(time_on_nodes(jobs, 1).seconds, 20);
  const OpenWork open = open_work(jobs);
  EXPECT_EQ(open.unknown, 1);
  EXPECT_DOUBLE_EQ(open.seconds, 20);
  EXPECT_EQ(open.chain, std::vector<size_t>{1});
  EXPECT_DOUBLE_EQ(time_on_nodes({}, 3).seconds, 0);
  EXPECT_TRUE(open_work({}).chain.empty());
}

// Graham's bounds hold for every list schedule, so for any graph, any number of nodes.
TEST(NodesForecast, AnyGraphStaysWithinTheBounds) {
  std::mt19937 draw(7);
  for (int graph = 0; graph < 200; ++graph) {
    std::vector<PlannedJob> jobs;
    const size_t count = 1 + draw() % 60;
    for (size_t i = 0; i < count; ++i) {
      std::vector<size_t> after;
      for (size_t j = 0; j < i; ++j) {
        if (draw() % 12 == 0) after.push_back(j);
      }
      jobs.push_back(job(static_cast<double>(draw() % 50), after, draw() % 5 == 0));
    }
    const OpenWork open = open_work(jobs);
    for (const int64_t nodes : {1, 2, 3, 8, 64}) {
      const double n = static_cast<double>(nodes), seconds = time_on_nodes(jobs, nodes).seconds;
      EXPECT_GE(seconds, std::max(open.seconds / n, open.chain_seconds) - 1e-9);
      EXPECT_LE(seconds, open.seconds / n + (1 - 1 / n) * open.chain_seconds + 1e-9) << graph << " on " << nodes;
    }
  }
}

}  // namespace
}  // namespace quench::study
