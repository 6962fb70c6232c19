#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <numeric>
#include <string>

#include "core/error.h"
#include "error_testing.h"
#include "runtime/streams.h"

namespace quench::runtime {
namespace {

constexpr int64_t kMilli = 1'000'000;

/// A stream of two stages whose times move a clock of its own.
struct ScriptedStream {
  int64_t now = 0;
  int64_t images = 0;
  Stream stream(int64_t first_ns, int64_t second_ns) {
    return [this, first_ns, second_ns](std::span<int64_t> stages) {
      stages[0] = first_ns;
      stages[1] = second_ns;
      now += first_ns + second_ns;
      ++images;
    };
  }
  StreamOptions options() {
    StreamOptions out;
    out.clock = [this] { return now; };
    return out;
  }
};

TEST(Streams, EveryImageIsASample) {
  ScriptedStream one;
  StreamOptions options = one.options();
  options.min_samples = 40;
  options.min_seconds = 0;
  int64_t before = 0, after = 0;
  options.before_samples = [&] { before = one.images; };
  options.after_samples = [&] { after = one.images; };
  const auto samples = measure_streams({{2, {one.stream(2 * kMilli, 3 * kMilli)}}}, options, CancelToken());
  ASSERT_EQ(samples.size(), 1u);
  ASSERT_EQ(samples[0].stages_ns.size(), 2u);
  EXPECT_EQ(samples[0].stages_ns[0], std::vector<int64_t>(40, 2 * kMilli));
  EXPECT_EQ(samples[0].stages_ns[1], std::vector<int64_t>(40, 3 * kMilli));
  EXPECT_EQ(samples[0].total_ns, std::vector<int64_t>(40, 5 * kMilli));
  EXPECT_NEAR(samples[0].images_per_second, 200, 1e-9);
  EXPECT_TRUE(samples[0].stable);
  EXPECT_GE(before, 20);  // two windows of ten
  EXPECT_EQ(after, before + 40);
}

TEST(Streams, GoOnForTheTimeThatIsAskedFor) {
  ScriptedStream one;
  StreamOptions options = one.options();
  options.min_samples = 3;
  options.min_seconds = 1;
  const auto samples = measure_streams({{2, {one.stream(4 * kMilli, 6 * kMilli)}}}, options, CancelToken());
  EXPECT_EQ(samples[0].total_ns.size(), 100u);
}

TEST(Streams, WorksTakeTurns) {
  ScriptedStream one;
  StreamOptions options = one.options();
  options.min_samples = 100;
  options.min_seconds = 0;
  options.slice_seconds = 0.1;
  bool sampling = false;
  options.before_samples = [&] { sampling = true; };
  std::string order;
  const auto work = [&](char letter, int64_t each_ns) {
    return StreamedWork{2, {[&, letter, next = one.stream(each_ns, 0)](std::span<int64_t> stages) {
                          next(stages);
                          if (sampling) order += letter;
                        }}};
  };
  const auto samples = measure_streams({work('a', 10 * kMilli), work('b', 5 * kMilli)}, options, CancelToken());
  EXPECT_EQ(samples[0].total_ns, std::vector<int64_t>(100, 10 * kMilli));
  EXPECT_EQ(samples[1].total_ns, std::vector<int64_t>(100, 5 * kMilli));
  EXPECT_NEAR(samples[1].images_per_second, 200, 1e-9);
  // Turns of 10 and of 20 images, in rounds that begin with either: while both are measured, no letter stands more than
  // twice its turn in a row.
  const size_t both = std::min(order.find_last_of('a'), order.find_last_of('b'));
  size_t row = 1, changes = 0;
  for (size_t i = 1; i < both; ++i) {
    row = order[i] == order[i - 1] ? row + 1 : 1;
    changes += row == 1;
    EXPECT_LE(row, order[i] == 'a' ? 20u : 40u);
  }
  EXPECT_GE(changes, 4u);
}

TEST(Streams, RunSideBySide) {
  std::latch both(2);  // passed when both have begun
  std::vector<std::atomic<int64_t>> images(2);
  StreamedWork work{1, {}};
  for (std::atomic<int64_t>& count : images) {
    work.streams.push_back([&](std::span<int64_t> stages) {
      if (count++ == 0) both.arrive_and_wait();
      stages[0] = 1;
    });
  }
  StreamOptions options;
  options.min_samples = 50;
  options.min_seconds = 0;
  options.max_warm_up_seconds = 0;
  const auto samples = measure_streams({work}, options, CancelToken());
  EXPECT_GE(samples[0].total_ns.size(), 50u);
  EXPECT_EQ(samples[0].stages_ns[0].size(), samples[0].total_ns.size());
  EXPECT_GT(samples[0].images_per_second, 0);
  EXPECT_GE(images[0], 2);
  EXPECT_GE(images[1], 2);
}

TEST(Streams, WhatOneThrowsEndsAll) {
  std::atomic<int64_t> images = 0;
  StreamedWork work{1,
                    {[&](std::span<int64_t>) { ++images; },
                     [&](std::span<int64_t>) { fail(ErrorKind::backend, "the second one broke"); }}};
  StreamOptions options;
  options.min_seconds = 3600;
  options.max_warm_up_seconds = 3600;
  const auto [kind, message] = error_of([&] { measure_streams({work}, options, CancelToken()); });
  EXPECT_EQ(kind, ErrorKind::backend);
  EXPECT_EQ(message, "the second one broke");
}

TEST(Streams, AreCancelled) {
  CancelToken cancel;
  StreamedWork work{1, {[&](std::span<int64_t>) { cancel.cancel(); }, [](std::span<int64_t>) {}}};
  StreamOptions options;
  options.min_seconds = 3600;
  EXPECT_EQ(error_of([&] { measure_streams({work}, options, cancel); }).first, ErrorKind::cancelled);
}

TEST(Streams, NeedAStreamAndAStage) {
  const Stream nothing = [](std::span<int64_t>) {};
  EXPECT_EQ(error_of([] { measure_streams({{1, {}}}, {}, CancelToken()); }).first, ErrorKind::internal);
  EXPECT_EQ(error_of([&] { measure_streams({{0, {nothing}}}, {}, CancelToken()); }).first, ErrorKind::internal);
}

}  // namespace
}  // namespace quench::runtime
