// A study with a device: a real sshd on loopback, and the agent for this machine.
#include "config/yaml.h"
#include "inference/registry.h"
#include "record/store.h"
#include "ssh_server.h"
#include "study/run.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

class StudyRemote : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = SshServer::missing(); !missing.empty()) GTEST_SKIP() << missing;
    folder_ = fs::temp_directory_path() / fmt::format("quench-study-remote-{}", ::getpid());
    fs::remove_all(folder_);
    server_ = std::make_unique<SshServer>(folder_ / "ssh");
    registry_ = inference::full_registry();
  }
  void TearDown() override {
    server_.reset();
    fs::remove_all(folder_);
  }
  StudyFile study(const std::string& runtimes = "[native]") const {
    return check_study(
        config::parse_yaml(
            fmt::format("study: tiny\ndata: {{data: shapes, train_limit: 256, test_limit: 60}}\nimgsz: 32\n"
                        "models: [yolov5n-cls]\ntrain: {{epochs: 1, batch: 32}}\nruntimes: {}\n"
                        "bench: {{min_samples: 5, min_seconds: 0}}\n"
                        "methods: [fp32, {{method: ptq, calibration_images: 32}}]\n"
                        "devices: [host, {{name: board, address: '{}', ssh_config: '{}', agent: '{}'}}]\n",
                        runtimes, server_->address(), server_->config().string(), QUENCH_AGENT_PROGRAM),
            "t"),
        "t");
  }
  RunContext context() { return {folder_ / "results", "/nonexistent", "test", &registry_, &steps_, &log_, &cancel_}; }

  fs::path folder_;
  std::unique_ptr<SshServer> server_;
  runtime::Registry registry_;
  steps::Registry steps_ = steps::registry();
  std::vector<std::string> messages_;
  LogSink log_{[this](LogLevel, std::string_view text) { messages_.emplace_back(text); }, nullptr};
  CancelToken cancel_;
};

TEST_F(StudyRemote, TheSameBitsGiveTheSameScoresThere) {
  const RunSummary summary = run(study(), context());
  ASSERT_EQ(summary.records.size(), 4u);
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "ok") << *record.cell << ": " << record.reason.value_or("");
    EXPECT_EQ(record.study, "tiny");
    EXPECT_EQ(record.samples, 60);
    EXPECT_GE(record.latency_samples.value_or(0), 5);
    EXPECT_TRUE(record.host && record.params && record.top1_low);
  }
  for (const size_t i : {size_t{0}, size_t{2}}) {
    const record::Record &host = summary.records[i], &board = summary.records[i + 1];
    EXPECT_EQ(host.device, "host");
    EXPECT_EQ(board.device, "board");
    EXPECT_EQ(board.cell->find("native@board") != std::string::npos, true) << *board.cell;
    EXPECT_EQ(board.model_sha256, host.model_sha256);
    EXPECT_EQ(board.method, host.method);
    EXPECT_EQ(board.bits_w, host.bits_w);
    EXPECT_EQ(board.top1, host.top1);
    EXPECT_EQ(board.top5, host.top5);
    ASSERT_TRUE(board.agreement) << *board.cell;
    EXPECT_EQ(board.agreement, host.agreement) << "the same bits agree as far with the simulation";
  }
  // Resumed, nothing is run again, with or without the device.
  server_->stop();
  const RunSummary again = run(study(), context());
  EXPECT_EQ(again.ran, 0);
  EXPECT_EQ(again.skipped, 4);
}

TEST_F(StudyRemote, ScoresAreTakenOnceWhateverTheThreads) {
  StudyFile more = study();
  more.threads = {1, 2};
  const RunSummary summary = run(more, context());
  ASSERT_EQ(summary.records.size(), 8u);
  for (const size_t i : {size_t{2}, size_t{6}}) {
    const record::Record &one = summary.records[i], &two = summary.records[i + 1];
    ASSERT_EQ(one.device, "board");
    EXPECT_EQ(two.status, "ok") << two.reason.value_or("");
    EXPECT_EQ(two.threads, 2);
    EXPECT_EQ(two.top1, one.top1);
    EXPECT_EQ(two.top1_low, one.top1_low);
    EXPECT_TRUE(one.agreement.has_value());
    EXPECT_EQ(two.agreement, one.agreement);
    EXPECT_EQ(two.samples, 60);
    EXPECT_GE(two.latency_samples.value_or(0), 5);
  }
  const auto evaluations = std::ranges::count_if(messages_, [](const std::string& message) {
    return message.find("accuracy and latency on board") != std::string::npos;
  });
  EXPECT_EQ(evaluations, 2);
}

TEST_F(StudyRemote, WhatADeviceMeasuresIsNotForecast) {
  StudyFile nano = study();
  nano.devices[1].name = "jetson-nano";
  nano.threads = {4};
  nano.forecast = check_forecasts(config::parse_yaml("{device: jetson-nano, precision: [fp32, int8]}", "p"), "p");
  RunContext with_devices = context();
  with_devices.device_folders = {fs::path(QUENCH_SOURCE_DIR) / "devices"};
  const RunSummary there = run(nano, with_devices);
  ASSERT_EQ(there.records.size(), 4u + 2u) << "the GPU's alone are forecast";
  EXPECT_EQ(there.records[4].runtime, "tensorrt");
  EXPECT_EQ(there.records[4].latency_source, "forecast");
  EXPECT_EQ(there.records[5].status, "unsupported");

  server_->stop();
  fs::remove_all(with_devices.folder);
  const RunSummary away = run(nano, with_devices);
  ASSERT_EQ(away.records.size(), 4u + 4u) << "a device that is away is forecast";
  EXPECT_EQ(away.records[4].runtime, "native");
  EXPECT_EQ(away.records[4].latency_source, "forecast");
  EXPECT_EQ(away.records[4].top1, away.records[0].top1);
}

TEST_F(StudyRemote, WhatADeviceMeasuredIsKeptAtOnce) {
  const StudyFile both = study();
  const LogSink stops{[this](LogLevel, std::string_view text) {
                        if (text.find("ptq/mse/native@board") != std::string_view::npos) cancel_.cancel();
                      },
                      nullptr};
  RunContext stopped = context();
  stopped.log = &stops;
  EXPECT_THROW(run(both, stopped), Error);
  const auto kept = record::load(stopped.folder / "records.jsonl").records;
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].device, "board");
  EXPECT_EQ(kept[0].method, "fp32");
  EXPECT_EQ(kept[0].status, "ok");
}

TEST_F(StudyRemote, ADeviceThatIsAwayCostsItsOwnCellsAlone) {
  const StudyFile away = study();
  server_->stop();
  const RunSummary summary = run(away, context());
  ASSERT_EQ(summary.records.size(), 4u);
  EXPECT_EQ(summary.failed, 2);
  for (const record::Record& record : summary.records) {
    if (record.device == "host") {
      EXPECT_EQ(record.status, "ok");
    } else {
      EXPECT_EQ(record.status, "failed");
      EXPECT_NE(record.reason.value_or("").find("cannot be reached"), std::string::npos) << record.reason.value_or("");
    }
  }
  server_->start();
  const RunSummary again = run(away, context());
  EXPECT_EQ(again.ran, 2) << "the next run makes up for it";
  EXPECT_EQ(again.failed, 0);
}

TEST_F(StudyRemote, WhatTheDeviceCannotRunIsItsRow) {
  const RunSummary summary = run(study("[tensorrt]"), context());
  ASSERT_EQ(summary.records.size(), 4u);
  for (const record::Record& record : summary.records) {
    EXPECT_EQ(record.status, "unsupported") << *record.cell;
    EXPECT_NE(record.reason.value_or("").find("trtexec not found"), std::string::npos);
  }
}

}  // namespace
}  // namespace quench::study
