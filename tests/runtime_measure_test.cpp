#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "runtime/measure.h"

namespace quench::runtime {
namespace {

/// Time that only the fake sessions move.
struct ScriptedClock {
  int64_t now = 0;
};

/// Takes scripted times; the last one repeats.
class FakeSession : public Session {
 public:
  FakeSession(ScriptedClock& clock, std::vector<int64_t> script_ns, std::string* order = nullptr, char letter = ' ')
      : clock_(clock), script_(std::move(script_ns)), order_(order), letter_(letter) {}
  DType input_dtype() const override { return DType::u8; }
  std::vector<Tensor> run(const Tensor&) override {
    clock_.now += script_[std::min(static_cast<size_t>(runs++), script_.size() - 1)];
    if (order_ != nullptr) order_->push_back(letter_);
    return {};
  }
  int64_t runs = 0;

 private:
  ScriptedClock& clock_;
  std::vector<int64_t> script_;
  std::string* order_;
  char letter_;
};

constexpr int64_t kMs = 1'000'000;
const Tensor kImage(DType::u8, {1, 3, 4, 4});

MeasureOptions scripted(ScriptedClock& clock) {
  MeasureOptions options;
  options.clock = [&clock] { return clock.now; };
  return options;
}

TEST(Measure, TellsWhereTheSamplesBeginAndEnd) {
  ScriptedClock clock;
  FakeSession session(clock, {10 * kMs});
  MeasureOptions options = scripted(clock);
  options.min_samples = 40;
  options.min_seconds = 0.1;
  std::vector<int64_t> runs;
  options.before_samples = [&] { runs.push_back(session.runs); };
  options.after_samples = [&] { runs.push_back(session.runs); };
  const Measurement result = measure(session, kImage, options, CancelToken());
  EXPECT_EQ(runs, (std::vector<int64_t>{result.warm_up_runs, result.warm_up_runs + 40}));
  EXPECT_DOUBLE_EQ(result.seconds, 0.4);
}

TEST(Measure, SteadySessionWarmsUpInTwoWindowsAndGivesItsTime) {
  ScriptedClock clock;
  FakeSession session(clock, {10 * kMs});
  MeasureOptions options = scripted(clock);
  options.min_samples = 40;
  options.min_seconds = 0.1;
  const Measurement result = measure(session, kImage, options, CancelToken());
  EXPECT_TRUE(result.stable);
  EXPECT_EQ(result.warm_up_runs, 20);  // 10 runs of 10 ms are above 50 ms
  EXPECT_EQ(result.latency.samples, 40);
  EXPECT_EQ(result.latency.p50_ns, 10 * kMs);
  EXPECT_EQ(result.latency.p99_ns, 10 * kMs);
  EXPECT_EQ(session.runs, 60);
}

TEST(Measure, ShortRunsFillWindowsOfFiftyMilliseconds) {
  ScriptedClock clock;
  FakeSession session(clock, {kMs / 2});
  const Measurement result = measure(session, kImage, scripted(clock), CancelToken());
  EXPECT_EQ(result.warm_up_runs, 200);
  EXPECT_EQ(result.latency.samples, 2000);  // one second of half milliseconds
}

TEST(Measure, SlowStartIsWarmUpNotSample) {
  std::vector<int64_t> script(30, 40 * kMs);
  for (size_t i = 0; i < 10; ++i) script[i] = 90 * kMs;
  script.push_back(10 * kMs);
  ScriptedClock clock;
  FakeSession session(clock, script);
  const Measurement result = measure(session, kImage, scripted(clock), CancelToken());
  EXPECT_TRUE(result.stable);
  EXPECT_EQ(result.warm_up_runs, 30);  // 90 | 40 | 40: the last two windows agree
  EXPECT_EQ(result.latency.max_ns, 10 * kMs);
}

TEST(Measure, NothingIsClipped) {
  std::vector<int64_t> script(120, 10 * kMs);
  script[70] = 5000 * kMs;  // one sample of the 100 after 20 runs of warm-up
  ScriptedClock clock;
  FakeSession session(clock, script);
  MeasureOptions options = scripted(clock);
  const Measurement result = measure(session, kImage, options, CancelToken());
  EXPECT_EQ(result.latency.samples, 100);
  EXPECT_EQ(result.latency.max_ns, 5000 * kMs);
  EXPECT_EQ(result.latency.mean_ns, (99 * 10 * kMs + 5000 * kMs) / 100);
}

TEST(Measure, UnstableWarmUpEndsAtItsLimitAndSaysSo) {
  std::vector<int64_t> script;
  for (int window = 0; window < 100; ++window) script.insert(script.end(), 10, (window % 2 == 0 ? 10 : 20) * kMs);
  ScriptedClock clock;
  FakeSession session(clock, script);
  MeasureOptions options = scripted(clock);
  options.max_warm_up_seconds = 2.0;
  options.min_samples = 10;
  options.min_seconds = 0.01;
  const Measurement result = measure(session, kImage, options, CancelToken());
  EXPECT_FALSE(result.stable);
  EXPECT_GE(result.warm_up_runs, 100);
  EXPECT_LE(result.warm_up_runs, 200);
}

TEST(Measure, InterleavedTakesTurns) {
  ScriptedClock clock;
  std::string order;
  FakeSession a(clock, {10 * kMs}, &order, 'a');
  FakeSession b(clock, {30 * kMs}, &order, 'b');
  MeasureOptions options = scripted(clock);
  options.min_samples = 5;
  options.min_seconds = 0;
  const auto results = measure_interleaved({&a, &b}, {kImage, kImage}, options, CancelToken());
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].latency.p50_ns, 10 * kMs);
  EXPECT_EQ(results[1].latency.p50_ns, 30 * kMs);
  EXPECT_EQ(results[0].latency.samples, results[1].latency.samples);
  // Each pass has both, the one first as often as the other.
  int a_first = 0;
  for (size_t i = 0; i < order.size(); i += 2) {
    ASSERT_NE(order[i], order[i + 1]) << i;
    a_first += order[i] == 'a';
  }
  const auto passes = static_cast<double>(order.size()) / 2;
  EXPECT_NEAR(a_first / passes, 0.5, 2 / std::sqrt(passes));  // four deviations
}

TEST(Measure, DriftHitsAllAlike) {
  // The machine slows down by half during the measurement: alternated, the ratio of the two stays.
  ScriptedClock clock;
  std::vector<int64_t> slow(1000), fast(1000);
  for (size_t i = 0; i < 1000; ++i) {
    const auto drift = static_cast<int64_t>(i < 20 ? 1000 : 1000 + i);
    fast[i] = 10'000 * drift;
    slow[i] = 20'000 * drift;
  }
  FakeSession a(clock, fast), b(clock, slow);
  MeasureOptions options = scripted(clock);
  options.min_samples = 400;
  options.min_seconds = 0;
  const auto results = measure_interleaved({&a, &b}, {kImage, kImage}, options, CancelToken());
  EXPECT_EQ(results[1].latency.p50_ns, 2 * results[0].latency.p50_ns);
  EXPECT_EQ(results[1].latency.mean_ns, 2 * results[0].latency.mean_ns);
}

TEST(Measure, RefusesABatch) {
  ScriptedClock clock;
  FakeSession session(clock, {kMs});
  try {
    measure(session, Tensor(DType::u8, {2, 3, 4, 4}), scripted(clock), CancelToken());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find("[2,3,4,4]"), std::string::npos);
  }
}

TEST(Measure, StopsWhenCancelled) {
  ScriptedClock clock;
  FakeSession session(clock, {kMs});
  CancelToken cancel;
  cancel.cancel();
  try {
    measure(session, kImage, scripted(clock), cancel);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::cancelled);
  }
  EXPECT_EQ(session.runs, 0);
}

TEST(Measure, RoundsAreOfTheSameTime) {
  // The machine becomes twice as slow in the middle: every round of both sessions tells the same ratio.
  ScriptedClock clock;
  std::vector<int64_t> slow(20, 10 * kMs), fast(20, 4 * kMs);  // warm-up
  for (int i = 0; i < 60; ++i) {
    slow.push_back((i < 30 ? 10 : 20) * kMs);
    fast.push_back((i < 30 ? 4 : 8) * kMs);
  }
  FakeSession a(clock, slow), b(clock, fast);
  MeasureOptions options = scripted(clock);
  options.min_samples = 60;
  options.min_seconds = 0;
  const auto measured = measure_interleaved({&a, &b}, {kImage, kImage}, options, CancelToken());
  ASSERT_EQ(measured[0].rounds_ns.size(), static_cast<size_t>(metrics::kRounds));
  ASSERT_EQ(measured[1].rounds_ns.size(), static_cast<size_t>(metrics::kRounds));
  EXPECT_LT(measured[0].rounds_ns.front(), measured[0].rounds_ns.back());
  for (size_t i = 0; i < measured[0].rounds_ns.size(); ++i) {
    EXPECT_EQ(measured[0].rounds_ns[i] * 4, measured[1].rounds_ns[i] * 10) << i;
  }
}

}  // namespace
}  // namespace quench::runtime
