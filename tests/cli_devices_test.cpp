// `quench devices`, run as a program.
#include "cli_testing.h"

namespace quench {
namespace {

const fs::path kSource = QUENCH_SOURCE_DIR;

Json parsed(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return parse_json(outcome.out, "output");
}

/// The record of a list that has all of `values`.
const Json* find(const Json& list, const Json& values) {
  for (const Json& entry : list) {
    bool same = true;
    for (const auto& [key, value] : values.items()) same = same && entry.at(key) == value;
    if (same) return &entry;
  }
  return nullptr;
}

TEST_F(Cli, ListsDevices) {
  const Json list = parsed(quench("devices list --format json"));
  for (const char* name : {"jetson-nano", "jetson-xavier-nx", "jetson-orin-nano", "jetson-orin-nx", "jetson-agx-orin",
                           "raspberry-pi-4", "raspberry-pi-5", "host"}) {
    EXPECT_NE(find(list, {{"device", name}}), nullptr) << name;
  }
  EXPECT_NE(quench("devices list").out.find("128 CUDA cores"), std::string::npos);
  const std::string csv = quench("devices list --format csv").out, md = quench("devices list --format md").out;
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + static_cast<long>(list.size()));
  EXPECT_EQ(std::count(md.begin(), md.end(), '\n'), 2 + static_cast<long>(list.size()));
  const std::string lines = quench("devices list --format jsonl").out;
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), static_cast<long>(list.size()));
}

TEST_F(Cli, ShowsADevice) {
  const Json nano = parsed(quench("devices show jetson-nano --format json"));
  EXPECT_EQ(nano["memory"]["bytes"], int64_t{4} << 30);
  EXPECT_EQ(nano["power_modes"][1]["name"], "5W");
  const std::string table = quench("devices show jetson-nano").out;
  for (const char* part : {"gpu.compute_capability", "5.3", "eMMC", "data sheet"}) {
    EXPECT_NE(table.find(part), std::string::npos) << part;
  }
  EXPECT_GE(parsed(quench("devices show host --format json"))["cpu"]["cores"].get<int>(), 1);
  expect_error("devices show jetson-nanu", 2, {"jetson-nanu", "did you mean 'jetson-nano'"});
  expect_error("devices show foo", 2, {"unknown device 'foo'", "raspberry-pi-5", "host"});
  expect_error("devices show", 2, {"NAME"});
}

TEST_F(Cli, TakesDeviceFilesOfTheUser) {
  const std::string board =
      "title: mine\ncpu: {name: C, arch: aarch64, cores: 2, clock_mhz: 1000, peak: {fp32_gflops: 16}}\n"
      "memory: {bandwidth_gbs: 5}\n";
  write_file(folder_ / "own/my-board.yaml", board);
  EXPECT_NE(find(parsed(quench("devices list --devices-dir own --format json")), {{"device", "my-board"}}), nullptr);
  const Json list =
      parsed(quench("devices forecast yolov5n-cls --devices-dir own --device my-board --precision fp32 "
                    "--engine cpu --format json"));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["latency_source"], "forecast");
  EXPECT_EQ(list[0]["threads"], 2);

  write_file(folder_ / "own/jetson-nano.yaml", board);
  expect_error("devices list --devices-dir own", 2, {"jetson-nano", "own/jetson-nano.yaml"});
  write_file(folder_ / "own/jetson-nano.yaml", "titel: x\n");
  expect_error("devices list --devices-dir own", 2, {"own/jetson-nano.yaml"});
  expect_error("devices list --devices-dir nowhere", 3, {"nowhere"});
  const std::string line = fmt::format("cd {} && QUENCH_DEVICES={} {} devices show my-board --format json > out.json",
                                       folder_.string(), (folder_ / "env").string(), QUENCH_PROGRAM);
  EXPECT_EQ(WEXITSTATUS(std::system((line + " 2>/dev/null").c_str())), 3);  // named, and not there
  write_file(folder_ / "env/my-board.yaml", board);
  EXPECT_EQ(WEXITSTATUS(std::system(line.c_str())), 0);
}

TEST_F(Cli, ForecastsOrSaysWhyNot) {
  const Json list = parsed(quench("devices forecast yolov5n --device jetson-nano --format json"));
  ASSERT_EQ(list.size(), 5u);                                               // CPU: FP32, INT8; GPU: FP32, FP16, INT8
  EXPECT_EQ(find(list, {{"runtime", "native"}, {"bits_w", 16}}), nullptr);  // nobody asked for it
  const Json* half = find(list, {{"runtime", "tensorrt-fp16"}, {"bits_w", 16}});
  ASSERT_NE(half, nullptr);
  EXPECT_EQ((*half)["status"], "ok");
  EXPECT_EQ((*half)["latency_source"], "forecast");
  EXPECT_LT((*half)["latency_low_ns"], (*half)["latency_p50_ns"]);
  EXPECT_GT((*half)["latency_high_ns"], (*half)["latency_p50_ns"]);
  EXPECT_TRUE((*half)["latency_samples"].is_null());
  EXPECT_EQ((*half)["bops"], (*half)["macs"].get<int64_t>() * 16 * 16);
  EXPECT_TRUE((*half)["method"].is_null());
  const Json* wide = find(list, {{"runtime", "native"}, {"bits_w", 32}});
  ASSERT_NE(wide, nullptr);
  EXPECT_EQ((*wide)["method"], "fp32");
  EXPECT_EQ((*wide)["weights_bytes"], 2 * (*half)["weights_bytes"].get<int64_t>());
  EXPECT_NE((*half)["config"]["evidence"].get<std::string>().find("jetson-nano"), std::string::npos);
  const Json* int8 = find(list, {{"runtime", "tensorrt-fp16"}, {"bits_w", 8}});
  ASSERT_NE(int8, nullptr);
  EXPECT_EQ((*int8)["status"], "unsupported");
  EXPECT_NE((*int8)["reason"].get<std::string>().find("INT8 runs on its CPU"), std::string::npos);

  const Outcome table = quench("devices forecast yolov5n --device jetson-nano");
  EXPECT_NE(table.out.find("forecast"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("90 % interval"), std::string::npos) << table.out;
  EXPECT_NE(table.err.find("4 measured latencies of jetson-nano with tensorrt"), std::string::npos) << table.err;
  EXPECT_EQ(quench("devices forecast yolov5n --device jetson-nano --engine gpu --precision int8").code, 1);
  EXPECT_EQ(quench("devices predict yolov5n --device jetson-nano").out, table.out) << "the old name";
  const Outcome help = quench("devices --help");
  EXPECT_NE(help.out.find("forecast"), std::string::npos);
  EXPECT_EQ(help.out.find("predict"), std::string::npos) << help.out;
}

// Slower clocks, larger images, fewer threads: never faster.
TEST_F(Cli, ForecastsAreMonotonous) {
  const auto ns = [&](const std::string& flags) {
    const Json list = parsed(quench("devices forecast yolov8n --device jetson-nano --format json " + flags));
    return list.at(0)["latency_p50_ns"].get<int64_t>();
  };
  const int64_t gpu = ns("--engine gpu --precision fp16"), cpu = ns("--runtime native --precision fp32");
  EXPECT_GT(ns("--engine gpu --precision fp16 --mode 5W"), gpu);
  EXPECT_GT(ns("--engine gpu --precision fp32"), gpu);
  EXPECT_LT(ns("--engine gpu --precision fp16 --imgsz 320"), gpu);
  EXPECT_GT(ns("--runtime native --precision fp32 --threads 1"), cpu);
  EXPECT_LT(ns("--runtime native --precision int8"), cpu);
}

TEST_F(Cli, ForecastRefusesWhatItDoesNotKnow) {
  expect_error("devices forecast yolov5n --device nano", 2, {"nano"});
  expect_error("devices forecast yolov5q --device jetson-nano", 2, {"yolov5q"});
  expect_error("devices forecast yolov5n --device jetson-nano --precision int4", 2, {"precision", "int4"});
  expect_error("devices forecast yolov5n --device jetson-nano --mode 99W", 2, {"99W", "10W"});
  const Outcome host = quench("devices forecast yolov5n --device host --engine cpu --format json");
  EXPECT_EQ(host.code, 1);
  for (const Json& record : parse_json(host.out, "host")) EXPECT_EQ(record["status"], "unsupported");
  expect_error("devices forecast none.onnx --device jetson-nano --runtime foo", 2, {"unknown runtime 'foo'", "ncnn"});
  expect_error("devices forecast yolov5n --device jetson-nano --runtime nativ", 2, {"did you mean 'native'"});
  expect_error("devices forecast yolov5n --device \"\"", 2, {"not empty for 'device'"});
  expect_error("devices forecast yolov5n --device jetson-nano --precision \"\"", 2, {"not empty for 'precision'"});
  expect_error("devices forecast yolov5n --device jetson-nano --threads 9", 2, {"jetson-nano has 4 cores"});
  expect_error("devices forecast yolov5n --device jetson-nano --mode 5W --threads 3", 2, {"2 cores in mode 5W"});
}

TEST_F(Cli, ForecastsWhatIsAskedForOnce) {
  const auto rows = [&](const std::string& flags) {
    const Outcome outcome = quench("devices forecast yolov5n-cls --format json " + flags);
    return parse_json(outcome.out, "output").size();
  };
  EXPECT_EQ(rows("--device jetson-nano --device jetson-nano,jetson-nano --precision fp32,fp32 --engine cpu,cpu"), 1u);
  EXPECT_EQ(rows("--device raspberry-pi-5"), 2u);               // it has no CUDA
  EXPECT_EQ(rows("--device raspberry-pi-5 --engine gpu"), 3u);  // asked for: each with the reason
  EXPECT_EQ(rows("--device jetson-nano --runtime tensorrt"), 2u);
  EXPECT_EQ(rows("--device jetson-nano --engine cpu --precision fp16"), 1u);
  EXPECT_EQ(rows("--device jetson-nano --engine gpu --threads 9"), 3u);  // threads are the CPU's
}

TEST_F(Cli, FitsAnchorsOfTheUser) {
  std::string csv = "device,model,input,runtime,precision,latency_ms\n";
  for (const char* line : {"jetson-nano,yolov5n,320,tensorrt,fp16,20", "jetson-nano,yolov8n,320,tensorrt,fp16,25",
                           "raspberry-pi-5,yolov8n,320,native,int8,30", "unknown,yolov8n,320,tensorrt,fp16,1"}) {
    csv += std::string(line) + "\n";
  }
  write_file(folder_ / "mine.csv", csv);
  const Outcome outcome = quench("devices fit mine.csv -o fitted/latency_fit.yaml");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("mine.csv:5: no device file names the anchor 'unknown'"), std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("wrote fitted/latency_fit.yaml (measured latencies: 3)"), std::string::npos)
      << outcome.err;
  const std::string yaml = read_file(folder_ / "fitted/latency_fit.yaml");
  EXPECT_NE(yaml.find("quench devices fit mine.csv -o latency_fit.yaml"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("runtime: native"), std::string::npos) << yaml;
  const Json list =
      parsed(quench("devices forecast yolov8n --imgsz 320 --devices-dir fitted --device raspberry-pi-5 "
                    "--runtime native --precision int8 --format json"));
  EXPECT_NEAR(list[0]["latency_p50_ns"].get<double>(), 30e6, 3e6);  // the user's own anchor, nearly met
  const Json others =  // what the user did not measure is forecast as before
      parsed(quench("devices forecast yolov8n --devices-dir fitted --device jetson-orin-nx --runtime tensorrt-fp16 "
                    "--precision fp16 --format json"));
  EXPECT_NE(others[0]["config"]["evidence"].get<std::string>().find("27 measured latencies of jetson-orin-nx"),
            std::string::npos)
      << others[0]["config"];
  expect_error("devices fit none.csv", 3, {"none.csv"});
  write_file(folder_ / "bad.csv", "device,model\n");
  expect_error("devices fit bad.csv", 2, {"bad.csv", "input"});
  const Outcome empty = quench("devices fit empty.csv");
  EXPECT_EQ(empty.code, 3);
  write_file(folder_ / "useless.csv", "device,model,input,runtime,precision,latency_ms\nnone,x,1,y,fp32,1\n");
  EXPECT_EQ(quench("devices fit useless.csv").code, 2);
}

// The stored parameters are what the stored command makes of the published latencies, and forecast what was left out as
// well as docs/devices.md says.
TEST_F(Cli, StoredParametersAreOfThePublishedLatencies) {
  const fs::path shared = kSource / "../shared/data/devices/latency_anchors.csv";
  if (!fs::exists(shared)) GTEST_SKIP() << "needs " << shared;
  const std::string files = fs::canonical(shared).string() + " " + (kSource / "devices/latencies.csv").string();
  const Outcome outcome = quench("devices fit " + files + " -o latency_fit.yaml --cross-validate --format json");
  const Json rows = parsed(outcome);
  EXPECT_EQ(read_file(folder_ / "latency_fit.yaml"), read_file(kSource / "devices/latency_fit.yaml"));

  const Json* model = find(rows, {{"left_out", "model"}, {"runtime", "tensorrt"}, {"device", "all"}});
  const Json* device = find(rows, {{"left_out", "device"}, {"runtime", "tensorrt"}, {"device", "all"}});
  ASSERT_TRUE(model && device);
  EXPECT_LE((*model)["median"].get<double>(), 0.15);
  EXPECT_LE((*device)["median"].get<double>(), 0.30);
  EXPECT_LT((*model)["mean"].get<double>(), 0.5 * (*model)["gflops_only_mean"].get<double>());
  for (const Json& row : rows) EXPECT_LE(row["max"].get<double>(), 0.5) << row.dump();
  const std::string each = quench("devices fit " + files + " --cross-validate --each").out;
  EXPECT_NE(each.find("off by %"), std::string::npos);
}

}  // namespace
}  // namespace quench
