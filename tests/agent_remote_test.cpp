// quench and quench-agent together: a device on loopback, reached by a real sshd; and one of 64-bit ARM, imitated by
// QEMU.
#include "agent_testing.h"
#include "ssh_server.h"

namespace quench {
namespace {

class Remote : public Agent {
 protected:
  void SetUp() override {
    if (const std::string missing = SshServer::missing(); !missing.empty()) GTEST_SKIP() << missing;
    Agent::SetUp();
    server_ = std::make_unique<SshServer>(folder_ / "ssh");
  }
  void TearDown() override {
    server_.reset();
    Agent::TearDown();
  }
  std::string there() const {
    return fmt::format(" --device {} --ssh-config {}", server_->address(), server_->config().string());
  }
  /// The program for this machine, linked as `quench` is, stands for the device's.
  std::string on_device() const { return there() + " --agent " QUENCH_AGENT_PROGRAM; }
  Outcome quench(const std::string& arguments) const { return run(QUENCH_PROGRAM " " + arguments); }
  std::vector<record::Record> records_of(const Outcome& outcome, int code = 0) const {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    std::vector<record::Record> all;
    for (const Json& json : parse_json(outcome.out, "stdout")) all.push_back(record::from_json(json, "stdout"));
    return all;
  }
  void expect_error(const std::string& arguments, int code, const std::vector<std::string>& parts) const {
    expect_error_line(quench(arguments), "quench", arguments, code, parts);
  }
  std::unique_ptr<SshServer> server_;
};

const std::string kShort = " --min-samples 3 --min-seconds 0 --format json";

TEST_F(Remote, BenchGivesTheDevicesRecords) {
  const Outcome outcome = quench("bench float.onnx int8.onnx --threads 2" + kShort + on_device());
  const auto all = records_of(outcome);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].cell, "float.onnx");
  EXPECT_EQ(all[1].cell, "int8.onnx");
  for (const record::Record& record : all) {
    EXPECT_EQ(record.device, "127.0.0.1");
    EXPECT_EQ(record.runtime, "native");
    EXPECT_EQ(record.threads, 2);
    EXPECT_GE(record.latency_samples.value_or(0), 3);
    EXPECT_GT(record.latency_p50_ns.value_or(0), 0);
  }
  EXPECT_NE(outcome.err.find("127.0.0.1: "), std::string::npos) << "its messages say whose they are";
  EXPECT_FALSE(fs::exists(server_->home() / "records.jsonl"));
  EXPECT_TRUE(fs::is_empty(server_->cache() / "jobs"));
}

TEST_F(Remote, EvaluationIsThatOfTheAgentItself) {
  for (const auto& [model, pack] :
       std::map<std::string, std::string>{{"int8.onnx", "classify.qpack"}, {"detect.onnx", "detect.qpack"}}) {
    const std::string eval = "eval " + model + " --pack " + pack + " --iou 0.5 --threads 2";
    const Json here = scores_of(one_record(eval));
    const auto all = records_of(quench(eval + " --format json" + on_device()));
    ASSERT_EQ(all.size(), 1u);
    const Json far = scores_of(all[0]);
    for (const char* field :
         {"model_sha256", "top1", "top5", "map_50", "map_50_95", "samples", "status", "task", "cell"}) {
      EXPECT_EQ(far[field], here[field]) << model << " " << field;
    }
  }
  const auto few =
      records_of(quench("eval int8.onnx --pack classify.qpack --test-limit 7 --format json" + on_device()));
  EXPECT_EQ(few.at(0).samples, 7);
}

#ifdef QUENCH_LAB
TEST_F(Remote, PredictionsAreThoseOfThisMachine) {
  for (const char* name : {"a.png", "sub/b.jpg", "c.bmp"}) {
    ASSERT_EQ(quench(fmt::format("data show shapes --count 1 -o in/{}", name)).code, 0);
  }
  write_file(folder_ / "in/d.png", read_file(folder_ / "in/a.png").substr(0, 300));  // damaged
  for (const char* model : {"detect-int8.onnx --confidence 1e-7 --max-detections 5", "int8.onnx"}) {
    const std::string call = fmt::format("predict {} --runtime native --source in --format json --save ", model);
    const Outcome near = quench(call + "txt,json,images -o near"),
                  far = quench(call + "txt,json,images -o far" + on_device());
    EXPECT_EQ(near.code, 1) << near.err;
    ASSERT_EQ(far.code, 1) << far.err;
    Json here = parse_json(near.out, "near"), there = parse_json(far.out, "far");
    EXPECT_EQ(there["summary"]["images"], 3);
    EXPECT_EQ(there["summary"]["failed"], 1);
    EXPECT_GT(there["summary"]["images_per_second"].get<double>(), 0);
    EXPECT_TRUE(there["summary"]["parts"].contains("decode"));
    for (Json* all : {&here, &there}) {
      for (Json& image : (*all)["images"]) {
        for (const char* part : {"preprocess_ns", "inference_ns", "postprocess_ns"}) image.erase(part);
      }
    }
    EXPECT_EQ(there["images"], here["images"]) << model;
    for (const char* file :
         {"labels/a.txt", "labels/sub/b.txt", "labels/c.txt", "predictions.json", "a.png", "c.bmp"}) {
      EXPECT_EQ(read_file(folder_ / "far" / file), read_file(folder_ / "near" / file)) << model << " " << file;
    }
    EXPECT_NE(far.err.find("images a second"), std::string::npos) << far.err;
  }
  expect_error("predict int8.onnx --source in --agent x", 2, {"agent", "--device"});
  EXPECT_TRUE(fs::is_empty(server_->cache() / "jobs"));
}
#endif

TEST_F(Remote, WhatDoesNotFitIsToldBeforeAnythingIsCopied) {
  expect_error("bench float.onnx --device nano", 2, {"--device", "ssh://user@host", "'nano'"});
  expect_error("bench float.onnx --device ssh://-x", 2, {"ssh://-x"});
  expect_error("bench float.onnx --pack classify.qpack", 2, {"pack", "--device"});
  expect_error("bench missing.onnx" + on_device(), 3, {"missing.onnx"});
  expect_error("bench float.onnx --profile" + on_device(), 2, {"--profile"});
  expect_error("bench float.onnx --agent nothing" + there(), 3, {"nothing"});
  expect_error("eval float.onnx" + on_device(), 2, {"--pack"});
  expect_error("eval float.onnx --pack missing.qpack" + on_device(), 3, {"missing.qpack"});
  expect_error("eval float.onnx --pack classify.qpack --data cifar10" + on_device(), 2, {"data", "--device"});
  EXPECT_FALSE(fs::exists(server_->cache() / "jobs") && !fs::is_empty(server_->cache() / "jobs"));
}

TEST_F(Remote, WhatTheDeviceRefusesIsOneLineHere) {
  const Outcome pack = quench("eval float.onnx --pack detect.qpack" + on_device());
  EXPECT_EQ(pack.code, 2) << pack.err;
  EXPECT_NE(pack.err.find("quench: 127.0.0.1: "), std::string::npos) << pack.err;
  const auto runtime = records_of(quench("bench float.onnx --runtime tensorrt" + kShort + on_device()), 1);
  EXPECT_EQ(runtime.at(0).status, "unsupported");
  EXPECT_NE(runtime.at(0).reason.value_or("").find("trtexec not found"), std::string::npos);
  server_->stop();
  expect_error("bench float.onnx" + on_device(), 3, {"127.0.0.1", "cannot be reached"});
}

TEST_F(Remote, AnArmDeviceGivesTheSameScores) {
  const fs::path program = fs::path(QUENCH_SOURCE_DIR) / "build/agent-aarch64/quench-agent";
  if (!fs::exists(program)) GTEST_SKIP() << "needs " << program.string() << " (make agent)";
  if (std::system("command -v qemu-aarch64-static >/dev/null") != 0) GTEST_SKIP() << "needs qemu-aarch64-static";
  write_file(
      folder_ / "emulated",
      fmt::format("#!/bin/sh\nexec qemu-aarch64-static -L /nonexistent -cpu cortex-a57 {} \"$@\"\n", program.string()));
  const std::string eval = "eval int8.onnx --pack classify.qpack";
  const Json here = scores_of(one_record(eval));
  const Outcome outcome = quench(eval + " --format json" + there() + " --agent " + (folder_ / "emulated").string());
  const auto all = records_of(outcome);
  ASSERT_EQ(all.size(), 1u);
  const Json far = scores_of(all[0]);
  for (const char* field : {"model_sha256", "top1", "top5", "samples", "status"})
    EXPECT_EQ(far[field], here[field]) << field;
  EXPECT_NE(outcome.err.find("instruction set: neon"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace quench
