// A study by several processes: on this machine, and on two hosts by ssh, one of which dies.
#include <atomic>
#include <map>
#include <thread>

#include "cli_testing.h"
#include "record/store.h"
#include "ssh_server.h"

namespace quench::study {
namespace {

class StudyHosts : public Cli {
 protected:
  /// Threads are set: weights depend on their number, and a host has an environment of its own.
  void write_study(const std::string& more, int epochs = 1) const {
    write_file(folder_ / "s.yaml",
               fmt::format("study: tiny\ndata: {{data: shapes, train_limit: 24, test_limit: 12}}\nimgsz: 32\nmodels: "
                           "[yolov5n-cls]\ntrain: {{epochs: {}, batch: 12, workers: 1, threads: 1}}\n"
                           "bench: {{min_samples: 5, min_seconds: 0}}\n{}",
                           epochs, more));
  }
  int64_t files(const std::string& where, const std::string& end) const {
    int64_t count = 0;
    std::error_code code;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / where, code)) {
      count += entry.path().filename().string().find(end) != std::string::npos;
    }
    return count;
  }
  /// By cell: status, model, accuracy. A cell with two records is a failure: it was done twice.
  std::map<std::string, std::string> rows(const std::string& results) const {
    std::map<std::string, std::string> rows;
    for (const record::Record& record : record::load(folder_ / results / "records.jsonl").records) {
      EXPECT_TRUE(
          rows.emplace(*record.cell, fmt::format("{} {} {} {}", record.status, record.model_sha256.value_or("no model"),
                                                 record.top1.value_or(-1), record.agreement.value_or(-1)))
              .second)
          << *record.cell << " twice";
    }
    return rows;
  }
  static constexpr const char* kMethods = "methods: [fp32, {method: ptq, calibration_images: 8}]\n";
};

TEST_F(StudyHosts, SeveralProcessesDoWhatOneDoes) {
  write_study(std::string("seeds: [0, 1]\n") + kMethods);
  ASSERT_EQ(quench("study run s.yaml --out one --format csv").code, 0);
  const Outcome outcome = quench("study run s.yaml --out two --format csv --jobs 2");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("worker 2: "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("the processors are shared by 2 workers"), std::string::npos) << outcome.err;
  EXPECT_EQ(rows("two"), rows("one"));
  EXPECT_EQ(files("two", ".claim-"), 0);
  EXPECT_EQ(files("two", ".jsonl"), 1) << "no part is left";
  EXPECT_TRUE(fs::exists(folder_ / "two/report.html"));
  const Outcome again = quench("study run s.yaml --out two --format csv --jobs 2");
  EXPECT_EQ(again.code, 0);
  EXPECT_NE(again.err.find("0 cells done now, 4 done before"), std::string::npos) << again.err;
}

// Jobs by key, as a scheduler of one's own would call them; then the page.
TEST_F(StudyHosts, JobsByKeyAndThePage) {
  write_study("methods: [fp32]\n");
  const Json jobs = parse_json(quench("study plan s.yaml --out r --format json").out, "plan");
  ASSERT_EQ(jobs.size(), 4u);
  for (const Json& job : jobs) {
    const Outcome outcome = quench("study work s.yaml --out r --key " + job["key"].get<std::string>().substr(0, 16));
    EXPECT_EQ(outcome.code, 0) << job.dump() << outcome.err;
  }
  const Outcome twice = quench("study work s.yaml --out r --key " + jobs[0]["key"].get<std::string>());
  EXPECT_EQ(twice.code, 0) << twice.err;
  EXPECT_EQ(twice.err.find("epoch"), std::string::npos) << "it is there already";
  const Outcome page = quench("study collect s.yaml --out r --format csv");
  EXPECT_EQ(page.code, 0) << page.err;
  EXPECT_EQ(rows("r").size(), 1u);
  expect_error("study work s.yaml --out r --key 0123456789", 2, {"0123456789", "study plan"});
}

TEST_F(StudyHosts, CancelStopsWorkersAndTheyGoOnLater) {
  write_study("seeds: [0, 1]\nmethods: [fp32]\n", 2000);
  Outcome outcome{};
  std::thread runs([&] {
    outcome.code = WEXITSTATUS(std::system(fmt::format("cd {} && QUENCH_DATA=none {} study run s.yaml --out r --jobs 2 "
                                                       ">run.out 2>run.err",
                                                       folder_.string(), QUENCH_PROGRAM)
                                               .c_str()));
  });
  for (int i = 0; i < 600 && files("r", "checkpoint.qckpt") < 2; ++i) ::usleep(200'000);
  const std::string status = quench("study status s.yaml --out r").out;
  EXPECT_NE(status.find("running"), std::string::npos) << status;
  EXPECT_NE(status.find("process "), std::string::npos) << status;
  const Outcome cancelled = quench("study cancel s.yaml --out r");
  EXPECT_EQ(cancelled.code, 0) << cancelled.err;
  runs.join();
  EXPECT_EQ(outcome.code, 130) << read_file(folder_ / "run.err");
  EXPECT_EQ(files("r", ".claim-"), 0);
  EXPECT_EQ(files("r", "checkpoint.qckpt"), 2) << "they go on from these";
}

TEST_F(StudyHosts, WrongRequestsAreRefused) {
  write_study("methods: [fp32]\n");
  expect_error("study run s.yaml --out r --executor ssh", 2, {"hosts:", "ssh://user@node1"});
  expect_error("study run s.yaml --out r --executor slurm --jobs 3", 2, {"at_once"});
  expect_error("study run s.yaml --out r --executor pbs", 2, {"pbs"});
  expect_error("study cancel s.yaml --out nothing", 3, {"nothing"});
  write_study("methods: [fp32]\nhosts: [node1]\n");
  expect_error("study run s.yaml --out r --executor ssh", 2, {"node1"});
}

class StudyTwoHosts : public StudyHosts {
 protected:
  void SetUp() override {
    if (const std::string missing = SshServer::missing(); !missing.empty()) GTEST_SKIP() << missing;
    StudyHosts::SetUp();
    for (const char* name : {"a", "b"}) servers_.push_back(std::make_unique<SshServer>(folder_ / name));
  }
  void TearDown() override {
    servers_.clear();
    StudyHosts::TearDown();
  }
  std::string hosts() const {
    std::string text = "hosts:\n";
    for (const auto& server : servers_) {
      text += fmt::format("  - {{address: '{}', ssh_config: '{}'}}\n", server->address(), server->config().string());
    }
    return text;
  }
  std::vector<std::unique_ptr<SshServer>> servers_;
};

// One is killed in the middle of a job: everything is done, once.
TEST_F(StudyTwoHosts, OneDiesAndEverythingIsDoneOnce) {
  write_study(std::string("seeds: [0, 1, 2]\n") + kMethods + hosts());
  std::atomic<bool> ends{false};
  Outcome outcome{};
  std::thread runs([&] {
    outcome.code = WEXITSTATUS(std::system(fmt::format("cd {} && {} study run s.yaml --out far --executor ssh --format "
                                                       "csv >run.out 2>run.err",
                                                       folder_.string(), QUENCH_PROGRAM)
                                               .c_str()));
    ends = true;
  });
  // Both work, and something is done.
  const auto both = [&] {
    const std::string said = fs::exists(folder_ / "run.err") ? read_file(folder_ / "run.err") : "";
    return said.find(servers_[0]->address() + ": train") != std::string::npos &&
           said.find(servers_[1]->address() + ": train") != std::string::npos;
  };
  for (int i = 0; i < 3000 && !ends && !(both() && files("far/stages/jobs", ".done") >= 1); ++i) ::usleep(50'000);
  ASSERT_FALSE(ends) << read_file(folder_ / "run.err");
  EXPECT_GT(servers_[0]->drop(), 0);  // its processes die with it
  servers_[0]->stop();
  runs.join();
  const std::string said = read_file(folder_ / "run.err");
  EXPECT_EQ(outcome.code, 0) << said;
  EXPECT_NE(said.find("the connection is lost"), std::string::npos) << said;
  const auto far_rows = rows("far");
  EXPECT_EQ(far_rows.size(), 6u);
  EXPECT_EQ(files("far", ".claim-"), 0);
  ASSERT_EQ(quench("study run s.yaml --out here --format csv").code, 0);
  EXPECT_EQ(far_rows, rows("here"));
}

TEST_F(StudyTwoHosts, AHostThatIsNotThereIsGivenUp) {
  servers_[0]->stop();
  write_study(std::string(kMethods) + fmt::format("hosts: [{{address: '{}', ssh_config: '{}'}}]\n",
                                                  servers_[0]->address(), servers_[0]->config().string()));
  const Outcome outcome = quench("study run s.yaml --out far --executor ssh");
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_NE(outcome.err.find("it cannot be reached; tried again in 1 s"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("it cannot be reached: ssh: connect"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("\\x0d"), std::string::npos) << outcome.err;
}

TEST_F(StudyTwoHosts, HostsThatCannotWorkAreNamed) {
  write_study(std::string(kMethods) +
              fmt::format("hosts: [{{address: '{}', ssh_config: '{}', program: /nowhere/quench}}]\n",
                          servers_[0]->address(), servers_[0]->config().string()));
  const Outcome outcome = quench("study run s.yaml --out far --executor ssh");
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_NE(outcome.err.find("no worker can work any more"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("/nowhere/quench"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace quench::study
