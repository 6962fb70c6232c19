// `quench study plan --trial`: times of what never ran, from a few images.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli_testing.h"
#include "core/json.h"

namespace quench {
namespace {

class CliTrial : public Cli {
 protected:
  void write_study(const char* name, int epochs) const {
    write_file(folder_ / name,
               fmt::format("study: s\ndata: {{data: shapes, train_limit: 60, test_limit: 30}}\nimgsz: 32\n"
                           "models: [yolov5n-cls]\ntrain: {{epochs: {}, batch: 5}}\nmethods: [fp32, ptq, qat]\n"
                           "runtimes: [native]\nbench: {{min_seconds: 0.5}}\n",
                           epochs));
  }
  Json plan(const std::string& arguments) const {
    const Outcome outcome = quench("study plan " + arguments + " --format json");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return parse_json(outcome.out, arguments);
  }
  static double seconds_of(const Json& jobs, const char* kind) {
    const auto found = std::ranges::find_if(jobs, [&](const Json& job) { return job["job"] == kind; });
    return found == jobs.end() ? -1 : (*found)["estimate_seconds"].get<double>();
  }
};

TEST_F(CliTrial, EveryJobGetsATimeAndNothingIsDone) {
  write_study("s.yaml", 2);
  for (const Json& job : plan("s.yaml --out r")) {
    EXPECT_TRUE(job["estimate_seconds"].is_null()) << job["of"];
    EXPECT_TRUE(job["estimate_from"].is_null()) << job["of"];
  }
  const Json tried = plan("s.yaml --out r --trial");
  ASSERT_GE(tried.size(), 8u);
  for (const Json& job : tried) {
    EXPECT_EQ(job["state"], "to do") << job["of"];
    EXPECT_EQ(job["estimate_from"], "trial") << job["job"] << " " << job["of"];
    EXPECT_GT(job["estimate_seconds"].get<double>(), 0) << job["job"] << " " << job["of"];
  }
  EXPECT_GE(seconds_of(tried, "bench"), 3 * 0.5) << "three models, min_seconds each";
  EXPECT_FALSE(fs::exists(folder_ / "r/records.jsonl"));
  const auto files = std::distance(fs::recursive_directory_iterator(folder_ / "r"), {});
  EXPECT_EQ(files, 3) << "stages/, its trial.json and its .lock are all that is left";

  EXPECT_EQ(plan("s.yaml --out r"), tried) << "what was tried is known from then on";
  const Json on_nodes = plan("s.yaml --out r --nodes 1,2,64")["on_nodes"];
  double work = 0;
  for (const Json& job : tried) work += job["estimate_seconds"].get<double>();
  EXPECT_NEAR(on_nodes["times"][0]["seconds"].get<double>(), work, 1e-6 * work)
      << "one node does all, one after another";
  EXPECT_LE(on_nodes["times"][1]["seconds"].get<double>(), on_nodes["times"][0]["seconds"].get<double>());
  EXPECT_GE(on_nodes["times"][2]["seconds"].get<double>(), on_nodes["chain_seconds"].get<double>() * (1 - 1e-9));
  EXPECT_NE(quench("study plan s.yaml --out r --nodes 1,2").out.find("the longest chain takes"), std::string::npos);
  for (const char* wrong : {"0", "x", "2x", "1,-3", "100001"}) {
    expect_error(fmt::format("study plan s.yaml --out r --nodes={}", wrong), 2, {"--nodes: expected numbers of machines"});
  }
  const std::string table = quench("study plan s.yaml --out r").out;
  EXPECT_NE(table.find("(trial)"), std::string::npos);
  EXPECT_NE(table.find("from a trial on a few images"), std::string::npos) << table.substr(0, 400);
}

TEST_F(CliTrial, ATrainingsTimeGrowsWithItsEpochs) {
  write_study("one.yaml", 1);
  write_study("many.yaml", 100);
  // The trial of both takes the same time, so the estimates are 1 to 100; a busy machine may spoil one trial, not
  // three.
  double one = 0, many = 0;
  for (int attempt = 0; attempt < 3 && many <= 5 * one; ++attempt) {
    one = seconds_of(plan(fmt::format("one.yaml --out a{} --trial", attempt)), "train");
    many = seconds_of(plan(fmt::format("many.yaml --out b{} --trial", attempt)), "train");
  }
  EXPECT_GT(many, 5 * one);
}

TEST_F(CliTrial, EarlierJobsTellBetterThanATrial) {
  write_study("s.yaml", 1);
  ASSERT_EQ(quench("study run s.yaml --out r").code, 0);
  write_study("s.yaml", 3);
  for (const Json& job : plan("s.yaml --out r --trial")) {
    if (job["state"] != "to do") continue;
    EXPECT_EQ(job["estimate_from"], job["job"] == "bench" ? "trial" : "earlier jobs") << job["job"] << job["of"];
  }
}

TEST_F(CliTrial, ItPrintsNothingOfItsTrainings) {
  write_study("s.yaml", 2);
  const Outcome outcome = quench("study plan s.yaml --out r --trial");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(CliTrial, ItWaitsForNoStudyThatRuns) {
  write_study("s.yaml", 2);
  fs::create_directories(folder_ / "r/stages");
  const int lock = ::open((folder_ / "r/stages/.lock").c_str(), O_RDWR | O_CREAT, 0644);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  const Outcome outcome = quench("study plan s.yaml --out r --trial");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_NE(outcome.err.find("no other study works in"), std::string::npos) << outcome.err;
  EXPECT_EQ(quench("study plan s.yaml --out r").code, 0);
  ::close(lock);
}

TEST_F(CliTrial, WithoutDataItSaysSo) {
  write_file(folder_ / "s.yaml", "study: s\ndata: cifar100\nmodels: [yolov5n-cls]\nmethods: [fp32]\n");
  const Outcome outcome = quench("study plan s.yaml --trial");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("no trial of train"), std::string::npos) << outcome.err.substr(0, 300);
}

}  // namespace
}  // namespace quench
