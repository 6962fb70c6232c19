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
  const Outcome few = quench("devices fit mine.csv --planned 2");
  EXPECT_EQ(few.code, 2);
  EXPECT_NE(few.err.find("expected 30 latencies or more"), std::string::npos) << few.err;
  expect_error("devices fit none.csv", 3, {"none.csv"});
  write_file(folder_ / "bad.csv", "device,model\n");
  expect_error("devices fit bad.csv", 2, {"bad.csv", "input"});
  const Outcome empty = quench("devices fit empty.csv");
  EXPECT_EQ(empty.code, 3);
  write_file(folder_ / "useless.csv", "device,model,input,runtime,precision,latency_ms\nnone,x,1,y,fp32,1\n");
  EXPECT_EQ(quench("devices fit useless.csv").code, 2);
}

TEST_F(Cli, EachRowOfAFitIsLookedAt) {
  const std::string head = "device,model,input,runtime,precision,latency_ms\n";
  const auto fit = [&](const std::string& rows, const std::string& flags = "") {
    write_file(folder_ / "rows.csv", head + rows);
    return "devices fit rows.csv" + flags;
  };
  const std::string row = "jetson-nano,yolov5n,320,tensorrt,fp16,20\n";
  expect_error(fit(row + "jetson-nano,yolov8n,320,tensort,fp16,25\n"), 2,
               {"rows.csv:3: unknown runtime 'tensort'", "did you mean 'tensorrt'"});
  expect_error(fit(row + "jetson-nano,yolov8n,320,,fp16,25\n"), 2, {"rows.csv:3: expected a runtime"});
  expect_error(fit(row + "jetson-nano,yolov5:d0.33w0.25,320,tensorrt,fp16,80\n"), 2,
               {"rows.csv:3", "rows.csv:2", "80 ms", "20 ms", "factor of 1.6"});
  EXPECT_EQ(quench(fit(row + "jetson-nano,yolov5n,320,tensorrt,fp16,22\n")).code, 0) << "measured twice";
  const Outcome own = quench(fit("jetson-nano,yolov5n,320,zoo,fp32,90\njetson-nano,yolov5n,640,zoo,fp32,300\n"));
  EXPECT_EQ(own.code, 0) << own.err;
  EXPECT_NE(own.err.find("rows.csv:2: the runtime 'zoo' is new"), std::string::npos) << own.err;
  EXPECT_EQ(own.err.find("rows.csv:3"), std::string::npos) << "said once";
  expect_error(fit(row, " --cross-validate"), 2, {"2 models or more", "got one"});
  expect_error(fit(row, " --each"), 2, {"'--each'", "--cross-validate"});
}

TEST_F(Cli, SettingsOfModelsByNameAreRefusedForFiles) {
  ASSERT_EQ(quench("export yolov5n-cls --imgsz 32 -o m.onnx").code, 0);
  for (const char* arguments : {"devices forecast m.onnx --device jetson-nano", "info m.onnx", "bench m.onnx"}) {
    expect_error(std::string(arguments) + " --stem-stride 1", 2, {"'stem_stride' is of a model by name; m.onnx"});
    expect_error(std::string(arguments) + " --classes 3", 2, {"'classes' is of a model by name"});
  }
  expect_error("export m.onnx --classes 3 -o n.onnx", 2, {"'classes' is of a model by name"});
  const Json mixed =
      parsed(quench("devices forecast m.onnx yolov5n-cls --classes 3 --device jetson-nano --engine cpu --precision "
                    "fp32 --format json"));
  ASSERT_EQ(mixed.size(), 2u) << "the model by name takes it";
}

// `--engine gpu` on a Jetson Nano: the FP32 row is of ONNX Runtime, which its latencies are of, and stands first.
TEST_F(Cli, ForecastsAModelOfAnyMultipliers) {
  const Json list =
      parsed(quench("devices forecast yolov8:d0.67w0.25 --device jetson-nano --engine gpu --imgsz 320 --format json"));
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0]["model"], "yolov8:d0.67w0.25");
  EXPECT_EQ(list[0]["runtime"], "onnxruntime-cuda");
  EXPECT_EQ(list[0]["precision"], "fp32");
  EXPECT_EQ(list[0]["status"], "ok");
  EXPECT_LT(list[0]["latency_low_ns"], list[0]["latency_p50_ns"]);
  EXPECT_GT(list[0]["latency_high_ns"], list[0]["latency_p50_ns"]);
  EXPECT_EQ(list[0]["config"]["evidence"], "177 measured latencies of jetson-nano with onnxruntime-cuda");
  EXPECT_EQ(list[1]["runtime"], "tensorrt-fp16");
  EXPECT_EQ(list[1]["precision"], "fp16");
  const auto latency = [&](const char* name) {
    return parsed(quench(fmt::format("devices forecast {} --device jetson-nano --engine gpu --imgsz 320 --format json",
                                     name)))[0]["latency_p50_ns"];
  };
  EXPECT_EQ(latency("yolov8:d0.33w0.25"), latency("yolov8n"));
  EXPECT_LT(latency("yolov8:d0.33w0.25"), latency("yolov8:d0.67w0.25"));
  expect_error("devices forecast yolov8:d0w --device jetson-nano", 2, {"multiplier of depth", "yolov8:d0w"});
  expect_error("devices forecast yolov8:d1w50 --device jetson-nano", 2, {"from 0.01 to 2, got 50"});
  expect_error("info yolov7:d1w1", 2, {"unknown family 'yolov7'"});
  expect_error("eval yolov8:d1w1 --data cifar100", 2, {"expected a model file, got the name 'yolov8:d1w1'"});
}

TEST_F(Cli, PlansAndFitsANewDevice) {
  write_file(
      folder_ / "own/new-board.yaml",
      "title: New board\ncpu: {name: ARM Cortex-A55, arch: aarch64, cores: 4, clock_mhz: 2000, peak: {fp32_gflops: "
      "64}}\nmemory: {bandwidth_gbs: 8}\n");
  const Outcome plan = quench("devices plan new-board --devices-dir own --largest-imgsz 160 --format csv");
  ASSERT_EQ(plan.code, 0) << plan.err;
  EXPECT_NE(plan.err.find("quench devices fit FILE.csv"), std::string::npos) << plan.err;
  std::vector<std::string> lines = split_text(plan.out, '\n');
  std::string models;
  for (std::string& line : lines) line = line.substr(0, line.find('\r'));
  ASSERT_EQ(lines.size(), 11u) << plan.out;
  EXPECT_EQ(lines[0], "device,model,input,runtime,precision,latency_ms");
  for (size_t i = 1; i < lines.size(); ++i) {
    EXPECT_TRUE(lines[i].starts_with("new-board,yolov") && lines[i].ends_with(",160,onnxruntime,fp32,")) << lines[i];
    models += " " + split_text(lines[i], ',')[1];
  }
  // As if the board were a Raspberry Pi 4 at two thirds of the time.
  const Json there = parsed(quench("devices forecast" + models +
                                   " --imgsz 160 --device raspberry-pi-4 --runtime onnxruntime --precision fp32 "
                                   "--format json"));
  ASSERT_EQ(there.size(), 10u);
  std::string csv = lines[0] + "\n";
  for (size_t i = 1; i < lines.size(); ++i) {
    csv += fmt::format("{}{}\n", lines[i], there[i - 1]["latency_p50_ns"].get<double>() / 1.5e6);
  }
  write_file(folder_ / "unfilled.csv", plan.out);
  const Outcome unfilled = quench("devices fit unfilled.csv --devices-dir own");
  EXPECT_EQ(unfilled.code, 2);
  EXPECT_NE(unfilled.err.find("got none (10 lines without a number in 'latency_ms')"), std::string::npos)
      << unfilled.err;
  write_file(folder_ / "half.csv", split_text(csv, '\n')[0] + "\n" + split_text(csv, '\n')[1] + "\n" + lines[2] + "\n");
  const Outcome half = quench("devices fit half.csv --devices-dir own");
  EXPECT_EQ(half.code, 0) << half.err;
  EXPECT_NE(half.err.find("left out 1 line of half.csv without a latency, not measured yet: 3"), std::string::npos)
      << half.err;
  write_file(folder_ / "mine.csv", csv);
  const Outcome fit = quench("devices fit mine.csv --devices-dir own -o own/latency_fit.yaml");
  ASSERT_EQ(fit.code, 0) << fit.err;
  const auto latency = [&](const char* device) {
    return parsed(
        quench(fmt::format("devices forecast yolov5s --imgsz 192 --device {} --devices-dir own --runtime "
                           "onnxruntime --precision fp32 --format json",
                           device)))[0];
  };
  const Json own = latency("new-board"), pi = latency("raspberry-pi-4");
  EXPECT_NEAR(own["latency_p50_ns"].get<double>() * 1.5 / pi["latency_p50_ns"].get<double>(), 1, 0.06);
  EXPECT_EQ(own["config"]["evidence"], "10 measured latencies of new-board with onnxruntime");
  EXPECT_EQ(pi["config"]["evidence"], "160 measured latencies of raspberry-pi-4 with onnxruntime");

  EXPECT_EQ(parsed(quench("devices plan jetson-nano --engine gpu --count 3 --format json"))[0]["runtime"],
            "onnxruntime-cuda");
  EXPECT_EQ(parsed(quench("devices plan jetson-nano --count 3 --format json"))[0]["runtime"], "native");
  expect_error("devices plan nano", 2, {"unknown device 'nano'"});
  expect_error("devices plan jetson-nano --count 0", 2, {"count"});
  expect_error("devices plan jetson-nano --runtime nativ", 2, {"did you mean 'native'"});
  expect_error("devices plan raspberry-pi-5 --engine gpu", 3, {"raspberry-pi-5"});
  expect_error("devices plan jetson-nano --engine cpu --runtime onnxruntime-cuda", 2,
               {"a runtime of the cpu, got onnxruntime-cuda, which computes on the gpu"});
  expect_error("devices plan jetson-nano --engine gpu --runtime native", 2, {"native, which computes on the cpu"});
  EXPECT_EQ(parsed(quench("devices plan jetson-nano --runtime onnxruntime-cuda --count 2 --format json")),
            parsed(quench("devices plan jetson-nano --engine gpu --runtime onnxruntime-cuda --count 2 --format json")))
      << "a runtime alone says its engine";
}

const Json& line_of(const Json& rows, const char* left_out, const char* runtime, const char* device) {
  const Json* found = find(rows, {{"left_out", left_out}, {"runtime", runtime}, {"device", device}});
  if (!found) throw std::runtime_error(std::string("no line for ") + left_out + " " + runtime + " " + device);
  return *found;
}

// The published latencies that come with quench: what docs/devices.md says of latencies of models that were left out,
// with every size of the same multipliers.
TEST_F(Cli, ForecastsPublishedLatenciesOfUnseenModels) {
  const std::string file = (kSource / "devices/yolobench.csv").string();
  const Json rows = parsed(quench("devices fit " + file + " --cross-validate --format json"));
  const std::pair<const char*, const char*> seen[] = {{"onnxruntime-cuda", "jetson-nano"},
                                                      {"tflite", "raspberry-pi-4"},
                                                      {"onnxruntime", "raspberry-pi-4"},
                                                      {"onnxruntime", "raspberry-pi-5"}};
  for (const auto& [runtime, device] : seen) {
    for (const char* left_out : {"model", "width"}) {
      const Json& line = line_of(rows, left_out, runtime, device);
      EXPECT_LE(line["median"].get<double>(), 0.06) << line;
      EXPECT_GE(line["within_20"].get<double>(), 0.95) << line;
      EXPECT_LT(line["mean"].get<double>(), 0.5 * line["gflops_only_mean"].get<double>()) << line;
    }
    const double inside = line_of(rows, "model", runtime, device)["in_interval"];
    EXPECT_GE(inside, 0.87) << runtime << " " << device;
    EXPECT_LE(inside, 0.93) << runtime << " " << device;
  }
  const Json planned = parsed(quench("devices fit " + file + " --planned 10 --format json"));
  for (const auto& [runtime, device] : seen) {
    const Json& line = line_of(planned, "all but planned", runtime, device);
    EXPECT_LE(line["median"].get<double>(), 0.07) << line;
    EXPECT_GE(line["within_20"].get<double>(), 0.95) << line;
  }
}

// The stored parameters are what the stored command makes of the published latencies, and forecast what was left out as
// well as docs/devices.md says.
TEST_F(Cli, StoredParametersAreOfThePublishedLatencies) {
  const fs::path shared = kSource / "../shared/data/devices/latency_anchors.csv";
  if (!fs::exists(shared)) GTEST_SKIP() << "needs " << shared;
  const std::string files = fs::canonical(shared).string() + " " + (kSource / "devices/latencies.csv").string() + " " +
                            (kSource / "devices/yolobench.csv").string();
  const Outcome outcome = quench("devices fit " + files + " -o latency_fit.yaml --cross-validate --format json");
  const Json rows = parsed(outcome);
  EXPECT_EQ(read_file(folder_ / "latency_fit.yaml"), read_file(kSource / "devices/latency_fit.yaml"));
  EXPECT_NE(outcome.err.find("say otherwise, by more than a factor of 1.6"), std::string::npos) << outcome.err;

  const Json& model = line_of(rows, "model", "tensorrt", "all");
  EXPECT_LE(model["median"].get<double>(), 0.15);
  EXPECT_LE(line_of(rows, "device", "tensorrt", "all")["median"].get<double>(), 0.30);
  EXPECT_LT(model["mean"].get<double>(), 0.5 * model["gflops_only_mean"].get<double>());
  EXPECT_LE(line_of(rows, "model", "ncnn", "all")["median"].get<double>(), 0.15);
  for (const Json& row : rows) {
    if (row["left_out"] != "model") continue;
    EXPECT_LE(row["max"].get<double>(), 0.5) << row.dump();
  }
  const std::string each = quench("devices fit " + files + " --cross-validate --each").out;
  EXPECT_NE(each.find("off by %"), std::string::npos);
}

}  // namespace
}  // namespace quench
