// What commands load before they begin: none opens LibTorch, or OpenCV's picture formats, that does not need it.

#include "cli_testing.h"

namespace quench {
namespace {

class CliStart : public Cli {
 protected:
  /// The shared libraries that a command has loaded by its end, as the system's loader tells.
  std::string loaded_by(const std::string& arguments) const {
    const Outcome outcome = run(fmt::format("LD_DEBUG=files QUENCH_DATA={} timeout 60 {} {}",
                                            (folder_ / "no-data").string(), QUENCH_PROGRAM, arguments));
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.out;
    EXPECT_NE(outcome.err.find("libfmt"), std::string::npos) << "the loader tells nothing";
    return outcome.err;
  }
};

bool has(const std::string& libraries, const char* name) { return libraries.find(name) != std::string::npos; }

TEST_F(CliStart, ListsAndHelpLoadNoLibTorch) {
  for (const char* arguments : {"--help", "train --help", "runtimes", "devices list", "info yolov5n-cls"}) {
    const std::string libraries = loaded_by(arguments);
    EXPECT_FALSE(has(libraries, "libquench_")) << arguments;
    EXPECT_FALSE(has(libraries, "libtorch")) << arguments;
    EXPECT_FALSE(has(libraries, "libopencv")) << arguments;
  }
}

#ifdef QUENCH_LAB
TEST_F(CliStart, DataCommandsLoadNoLibTorch) {
  for (const char* arguments : {"data list", "data check shapes", "data show shapes --count 4 -o shapes.png",
                                "data pack --data shapes --limit 4 --imgsz 32 -o shapes.qpack"}) {
    const std::string libraries = loaded_by(arguments);
    EXPECT_TRUE(has(libraries, "libquench_data")) << arguments;
    EXPECT_FALSE(has(libraries, "libquench_lab")) << arguments;
    EXPECT_FALSE(has(libraries, "libtorch")) << arguments;
  }
  EXPECT_FALSE(has(loaded_by("data check shapes"), "libopencv_imgcodecs"));
  EXPECT_TRUE(has(loaded_by("data check shapes --images"), "libopencv_core"));
  EXPECT_TRUE(read_file(folder_ / "shapes.png").starts_with("\x89PNG"));
}
#endif

#ifdef QUENCH_LAB
TEST_F(CliStart, PlansLoadNoLibTorch) {
  write_file(folder_ / "s.yaml",
             "study: s\ndata: {data: shapes, train_limit: 40, test_limit: 20}\nimgsz: 32\nmodels: [yolov5n-cls]\n"
             "train: {epochs: 1, batch: 20}\nmethods: [fp32, ptq]\nruntimes: [native]\nbench: {min_seconds: 0.01}\n");
  for (const char* arguments : {"study plan s.yaml", "study status s.yaml"}) {
    const std::string libraries = loaded_by(arguments);
    EXPECT_TRUE(has(libraries, "libquench_plan")) << arguments;
    EXPECT_FALSE(has(libraries, "libquench_lab")) << arguments;
    EXPECT_FALSE(has(libraries, "libtorch")) << arguments;
    EXPECT_FALSE(has(libraries, "libopencv_imgcodecs")) << arguments;
  }
}

// The plan knows torch, without loading it, by the version that a run puts into its keys.
TEST_F(CliStart, APlanFindsWhatARunDid) {
  write_file(folder_ / "s.yaml",
             "study: s\ndata: {data: shapes, train_limit: 40, test_limit: 20}\nimgsz: 32\nmodels: [yolov5n-cls]\n"
             "train: {epochs: 1, batch: 20}\nmethods: [fp32, ptq]\nruntimes: [native]\nbench: {min_seconds: 0.01}\n");
  ASSERT_EQ(quench("study run s.yaml --out r").code, 0);
  ASSERT_TRUE(fs::remove(folder_ / "r/records.jsonl"));  // only keys tell now
  const Json plan = parse_json(quench("study plan s.yaml --out r --format json").out, "plan");
  ASSERT_GT(plan.size(), 5u);
  for (const Json& job : plan) {
    EXPECT_EQ(job["state"], job["job"] == "bench" ? "to do" : "done before") << job["job"] << " " << job["of"];
  }
}

TEST_F(CliStart, AStatusTellsJobsAndCells) {
  write_file(folder_ / "s.yaml",
             "study: s\ndata: {data: shapes, train_limit: 40, test_limit: 20}\nimgsz: 32\nmodels: [yolov5n-cls]\n"
             "train: {epochs: 1, batch: 20}\nmethods: [fp32, {method: ptq, observer: [minmax, mse]}]\n"
             "runtimes: [native]\nbench: {min_seconds: 0.01}\n");
  ASSERT_EQ(quench("study run s.yaml --out r").code, 0);
  const Json status = parse_json(quench("study status s.yaml --out r --format json").out, "status");
  EXPECT_EQ(status["cells"].size(), 3u);
  EXPECT_GT(status["jobs"].size(), 8u);
  EXPECT_TRUE(status["running"].is_null());
  for (const Json& job : status["jobs"]) EXPECT_EQ(job["state"], "done before") << job["of"];
  const std::string text = quench("study status s.yaml --out r").out;
  EXPECT_NE(text.find("0 of 12 jobs to do"), std::string::npos) << text.substr(0, 2000);
  EXPECT_NE(text.find("3 of 3 cells done, in r"), std::string::npos) << text.substr(0, 2000);
}
#endif

TEST_F(CliStart, RuntimesTellsTorchsVersionWithoutIt) {
  const Json list = parse_json(quench("runtimes --format json").out, "runtimes");
  const auto torch = std::ranges::find_if(list, [](const Json& row) { return row["runtime"] == "torch"; });
  ASSERT_NE(torch, list.end());
#ifdef QUENCH_LAB
  EXPECT_EQ((*torch)["available"], true);
  EXPECT_EQ((*torch)["version"], QUENCH_TORCH_VERSION);
#else
  EXPECT_EQ((*torch)["available"], false);
#endif
}

}  // namespace
}  // namespace quench
