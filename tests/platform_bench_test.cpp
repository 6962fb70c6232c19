// Energy of an image, from a made-up meter and sessions of known speed.
#include <thread>

#include "core/error.h"
#include "platform/bench.h"
#include "platform/bench_set.h"
#include "system_tree.h"

namespace quench::platform {
namespace {

/// Takes a while, counts its runs, and may set what the meter shows.
class SlowSession : public runtime::Session {
 public:
  explicit SlowSession(std::function<void()> on_run = {}) : on_run_(std::move(on_run)) {}
  DType input_dtype() const override { return DType::u8; }
  std::vector<Tensor> run(const Tensor&) override {
    ++runs;
    if (on_run_) on_run_();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {};
  }
  int64_t runs = 0;

 private:
  std::function<void()> on_run_;
};

const Tensor kImage(DType::u8, {1, 3, 4, 4});

class BenchTest : public SystemTree {
 protected:
  void SetUp() override {
    SystemTree::SetUp();
    options_.min_samples = 20;
    options_.min_seconds = 0.05;
    options_.max_warm_up_seconds = 0.01;
  }
  void put_power(int mw) {
    put("sys/bus/i2c/devices/6-0040/name", "ina3221x\n");
    put("sys/bus/i2c/devices/6-0040/iio:device0/rail_name_0", "VDD_IN\n");
    put("sys/bus/i2c/devices/6-0040/iio:device0/in_power0_input", fmt::format("{}\n", mw));
  }
  runtime::MeasureOptions options_;
};

TEST_F(BenchTest, EnergyIsPowerTimesTimeByRuns) {
  put_power(5000);
  SlowSession session;
  const auto benched = bench({&session}, {kImage}, options_, CancelToken(), root_);
  ASSERT_EQ(benched.size(), 1u);
  const runtime::Measurement& measured = benched[0].measurement;
  ASSERT_GT(measured.seconds, 0.05);
  EXPECT_DOUBLE_EQ(*benched[0].conditions.power_mean_mw, 5000);
  EXPECT_DOUBLE_EQ(*benched[0].energy_mj, 5000 * measured.seconds / static_cast<double>(measured.latency.samples));
  // 5 W for at least a millisecond: 5 mJ or more, and no more than the runs' own mean.
  EXPECT_GE(*benched[0].energy_mj, 5.0);
  EXPECT_EQ(session.runs, measured.latency.samples + measured.warm_up_runs);

  record::Record record;
  set_bench(record, benched[0]);
  EXPECT_EQ(record.energy_mj, benched[0].energy_mj);
  EXPECT_EQ(record.power_mean_mw, 5000);
  EXPECT_EQ(record.power_max_mw, 5000);
  EXPECT_EQ(record.power_source, "ina3221 VDD_IN");
  EXPECT_FALSE(record.throttled.has_value());
  EXPECT_EQ(record.latency_samples, measured.latency.samples);
}

TEST_F(BenchTest, SessionsInTurnGetTheirEnergyAlone) {
  put_power(2000);
  int low_in_a_row = 0, longest_alone = 0;
  SlowSession low([&] {
    put_power(2000);
    longest_alone = std::max(longest_alone, ++low_in_a_row);
  });
  SlowSession high([&] {
    put_power(8000);
    low_in_a_row = 0;
  });
  const auto benched = bench({&low, &high}, {kImage, kImage}, options_, CancelToken(), root_);
  ASSERT_EQ(benched.size(), 2u);
  EXPECT_GT(longest_alone, 1) << "in turn it runs once, alone in a row";
  EXPECT_DOUBLE_EQ(*benched[0].conditions.power_mean_mw, 2000);
  EXPECT_DOUBLE_EQ(*benched[1].conditions.power_mean_mw, 8000);
  EXPECT_GT(benched[0].energy_mj.value_or(0), 0);
  EXPECT_GT(benched[1].energy_mj.value_or(0), 0);
  EXPECT_EQ(benched[0].measurement.latency.samples, benched[1].measurement.latency.samples);
}

TEST_F(BenchTest, WithoutAMeterNothingIsRunTwice) {
  SlowSession a, b;
  const auto benched = bench({&a, &b}, {kImage, kImage}, options_, CancelToken(), root_);
  EXPECT_FALSE(benched[0].energy_mj || benched[1].energy_mj);
  EXPECT_EQ(a.runs, benched[0].measurement.latency.samples + benched[0].measurement.warm_up_runs);
  EXPECT_FALSE(benched[0].conditions.missing.empty()) << "says why";
}

/// Starts a program, as it were.
class SelfTimedSession : public SlowSession {
 public:
  bool times_itself() const override { return true; }
  runtime::OwnTiming own_timing(const Tensor&, const runtime::OwnTimingRequest& request) override {
    request.before_samples();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    request.after_samples();
    return {.latencies_ns = std::vector<int64_t>(static_cast<size_t>(request.min_samples), 3'000'000),
            .seconds = 0.004 * static_cast<double>(request.min_samples),
            .warm_up_runs = 7};
  }
};

TEST_F(BenchTest, SessionsThatTimeThemselvesAreTakenAlone) {
  put_power(5000);
  SlowSession first, last;
  SelfTimedSession own;
  const auto benched = bench({&first, &own, &last}, {kImage, kImage, kImage}, options_, CancelToken(), root_);
  ASSERT_EQ(benched.size(), 3u);
  EXPECT_EQ(own.runs, 0);
  EXPECT_EQ(benched[1].measurement.latency.p50_ns, 3'000'000);
  EXPECT_EQ(benched[1].measurement.latency.samples, 20);
  EXPECT_EQ(benched[1].measurement.warm_up_runs, 7);
  EXPECT_DOUBLE_EQ(*benched[1].energy_mj, 5000 * 0.004);
  EXPECT_EQ(benched[0].measurement.latency.samples, benched[2].measurement.latency.samples) << "in turn";
  EXPECT_TRUE(benched[0].energy_mj && benched[2].energy_mj);
  // With one other session nothing is in turn.
  EXPECT_EQ(bench({&own, &first}, {kImage, kImage}, options_, CancelToken(), root_).size(), 2u);
}

/// Runs take the time that it says, on a clock that only runs move.
class ClockedSession : public runtime::Session {
 public:
  ClockedSession(int64_t& clock_ns, std::function<int64_t(int64_t run)> run_ns)
      : clock_ns_(clock_ns), run_ns_(std::move(run_ns)) {}
  DType input_dtype() const override { return DType::u8; }
  std::vector<Tensor> run(const Tensor&) override {
    clock_ns_ += run_ns_(runs_++);
    return {};
  }

 private:
  int64_t& clock_ns_;
  std::function<int64_t(int64_t)> run_ns_;
  int64_t runs_ = 0;
};

class BenchSetTest : public BenchTest {
 protected:
  void SetUp() override {
    BenchTest::SetUp();
    set_.measure = options_;
    set_.measure.clock = [this] { return clock_ns_; };
    set_.failed = [this](size_t i, const Error&) { failed_.push_back(i); };
    log_.message = [this](LogLevel, std::string_view text) { said_ += std::string(text) + "\n"; };
  }
  void add(std::function<int64_t(int64_t)> run_ns) {
    BenchEntry entry;
    entry.name = fmt::format("model {}", entries_.size());
    entry.image = [] { return kImage; };
    entry.record = &records_[entries_.size()];
    entry.session = std::make_unique<ClockedSession>(clock_ns_, std::move(run_ns));
    entries_.push_back(std::move(entry));
  }
  BenchSet run() { return bench_set(entries_, {}, set_, log_, CancelToken(), root_); }

  int64_t clock_ns_ = 1;
  record::Record records_[3];
  std::vector<BenchEntry> entries_;
  BenchSetOptions set_;
  std::vector<size_t> failed_;
  LogSink log_;
  std::string said_;
};

TEST_F(BenchSetTest, TellsDrift) {
  set_.drift = true;
  add([this](int64_t) { return clock_ns_ < 100'000'000 ? 1'000'000 : 1'500'000; });
  add([](int64_t) { return 2'000'000; });
  const BenchSet set = run();
  ASSERT_TRUE(set.drift.has_value());
  EXPECT_NEAR(*set.drift, 0.5, 1e-9);
  EXPECT_FALSE(set.stable);
  EXPECT_NE(said_.find("drifted"), std::string::npos) << said_;
}

TEST_F(BenchSetTest, ASteadyMachineIsStable) {
  set_.drift = true;
  set_.measure.max_warm_up_seconds = 1;
  for (int i = 0; i < 2; ++i) add([](int64_t) { return 1'000'000; });
  const BenchSet set = run();
  EXPECT_NEAR(set.drift.value(), 0, 1e-9);
  EXPECT_TRUE(set.stable);
  EXPECT_EQ(records_[0].latency_p50_ns, 1'000'000);
  EXPECT_EQ(records_[1].latency_p50_ns, 1'000'000);
}

TEST_F(BenchSetTest, WhatCannotRunFailsAlone) {
  for (int i = 0; i < 3; ++i) {
    add([i](int64_t) -> int64_t {
      if (i == 1) fail(ErrorKind::backend, "[test] expected to run");
      return 1'000'000;
    });
  }
  const BenchSet set = run();
  EXPECT_EQ(failed_, std::vector<size_t>{1});
  EXPECT_TRUE(set.benched[0] && !set.benched[1] && set.benched[2]);
  EXPECT_FALSE(records_[1].latency_p50_ns.has_value());
  EXPECT_EQ(entries_[1].session, nullptr);
  EXPECT_FALSE(set.drift.has_value()) << "not asked for";
  set_.failed = {};
  entries_.clear();
  add([](int64_t) -> int64_t { fail(ErrorKind::backend, "[test] expected to run"); });
  EXPECT_THROW(run(), Error);
}

TEST_F(BenchTest, CancelStopsTheWatchToo) {
  CancelToken cancel;
  SlowSession session([&cancel, n = 0]() mutable {
    if (++n == 15) cancel.cancel();
  });
  EXPECT_THROW(bench({&session}, {kImage}, options_, cancel, root_), Error);
}

}  // namespace
}  // namespace quench::platform
