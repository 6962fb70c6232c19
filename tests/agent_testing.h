#pragma once

#include "agent_samples.h"
#include "graph/onnx_write.h"
#include "program_testing.h"
#include "record/record.h"

namespace quench {

/// Runs `quench-agent` in a folder with models (`float.onnx`, `int8.onnx`, `extremes.onnx`, `detect.onnx`,
/// `detect-int8.onnx`) and packs that fit them (`classify.qpack`: 40 images, `detect.qpack`: 12).
class Agent : public ProgramTest {
 protected:
  static void SetUpTestSuite() {
    samples_ = fs::temp_directory_path() / fmt::format("quench-agent-samples-{}", ::getpid());
    fs::create_directories(samples_);
    for (const bool int8 : {false, true}) {
      graph::save_onnx(agent::samples::classifier(int8), samples_ / (int8 ? "int8.onnx" : "float.onnx"));
      graph::save_onnx(agent::samples::detector(int8), samples_ / (int8 ? "detect-int8.onnx" : "detect.onnx"));
    }
    graph::save_onnx(agent::samples::extremes(), samples_ / "extremes.onnx");
    classify_ = agent::samples::write_classify_pack(samples_ / "classify.qpack", 40);
    detect_ = agent::samples::write_detect_pack(samples_ / "detect.qpack", 12, agent::samples::detector(false));
  }
  static void TearDownTestSuite() { fs::remove_all(samples_); }

  void SetUp() override {
    ProgramTest::SetUp();
    for (const auto& file : fs::directory_iterator(samples_)) {
      fs::create_symlink(file.path(), folder_ / file.path().filename());
    }
  }

  Outcome agent(const std::string& arguments) const { return run(QUENCH_AGENT_PROGRAM " " + arguments); }
  void expect_error(const std::string& arguments, int code, const std::vector<std::string>& parts) const {
    expect_error_line(agent(arguments), "quench-agent", arguments, code, parts);
  }
  /// The records of an outcome; exit code as given.
  static std::vector<record::Record> records(const Outcome& outcome, int code = 0) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    std::vector<record::Record> all;
    for (const std::string& line : split_text(outcome.out, '\n')) {
      if (!line.empty()) all.push_back(record::from_json(parse_json(line, "stdout"), "stdout"));
    }
    return all;
  }
  record::Record one_record(const std::string& arguments, int code = 0) const {
    const auto all = records(agent(arguments), code);
    EXPECT_EQ(all.size(), 1u) << arguments;
    return all.empty() ? record::Record() : all[0];
  }

  inline static fs::path samples_;
  inline static pack::Header classify_, detect_;
};

/// What must be equal between two runs of one evaluation: all but latencies, what the machine did meanwhile, and the
/// time.
inline Json scores_of(const record::Record& record) {
  Json json = record::to_json(record);
  for (const char* key : {"time", "latency_p50_ns", "latency_p90_ns", "latency_p99_ns", "latency_samples", "energy_mj",
                          "power_mean_mw", "power_max_mw", "power_source", "temperature_start_c", "temperature_end_c",
                          "frequency_min_mhz", "frequency_mean_mhz", "throttled"}) {
    json.erase(key);
  }
  return json;
}

}  // namespace quench
