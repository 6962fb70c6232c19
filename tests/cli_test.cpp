// Runs the program itself: what it prints, where, and its exit code.
#include <algorithm>
#include <set>
#include <sstream>

#include "cli_testing.h"
#include "config/tables.h"

namespace quench {
namespace {

TEST_F(Cli, InfoGivesThePublishedCounts) {
  const Outcome outcome = quench("info yolov5n --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json info = parse_json(outcome.out, "info");
  EXPECT_EQ(info["params"], 1872157);         // shared golden figures: YOLOv5 v7.0, unfolded
  EXPECT_EQ(info["params_folded"], 1867405);  // fused
  EXPECT_EQ(info["weights_bytes"], 4 * 1867405) << "float32 with batch norm folded, as records have it";
  EXPECT_GT(info["weights_bytes_unfolded"], 4 * 1872157) << "means and variances too";
  EXPECT_NE(quench("info yolov5n").out.find("7.47 MB with batch norm folded"), std::string::npos);
  EXPECT_NEAR(info["gflops"].get<double>(), 4.5, 0.05);
}

TEST_F(Cli, ExportsAModelThatInfoReadsBack) {
  ASSERT_EQ(quench("export yolov8n-cls --classes 10 --imgsz 64 -o a/model.onnx").code, 0);
  const Json by_file = parse_json(quench("info a/model.onnx --format json").out, "file");
  const Json by_name = parse_json(quench("info yolov8n-cls --classes 10 --imgsz 64 --format json").out, "name");
  EXPECT_EQ(by_file["params"], 1451098);  // published: yolov8n-cls with 10 classes
  EXPECT_EQ(by_file["layers"], by_name["layers"]);
  EXPECT_EQ(by_file["metadata"], by_name["metadata"]);
}

TEST_F(Cli, AFileThatIsReadIsNotWrittenOver) {
  ASSERT_EQ(quench("export yolov5n-cls --imgsz 32 -o m.onnx").code, 0);
  const std::string before = read_file(folder_ / "m.onnx");
  expect_error("export m.onnx -o m.onnx", 2, {"another file to write", "m.onnx"});
  fs::create_hard_link(folder_ / "m.onnx", folder_ / "same.onnx");
  expect_error("export m.onnx -o same.onnx", 2, {"another file to write", "same.onnx"});
  EXPECT_EQ(read_file(folder_ / "m.onnx"), before);
}

TEST_F(Cli, WhatAFolderConsistsOfIsNotWrittenOver) {
  write_file(folder_ / "study/records.jsonl", R"({"schema":1,"cell":"a","status":"ok","study":"s"})"
                                              "\n");
  const std::string before = read_file(folder_ / "study/records.jsonl");
  expect_error("report study --format csv -o study/records.jsonl", 2,
               {"another file to write", "a part of the folder"});
  expect_error("report study/ --bibtex study/./records.jsonl", 2, {"a part of the folder"});
  write_file(folder_ / "study/page.json", "{}");
  expect_error("report study/records.jsonl --format csv -o study/page.json", 2, {"page.json, a part of the folder"});
  EXPECT_EQ(read_file(folder_ / "study/records.jsonl"), before);
  fs::remove(folder_ / "study/page.json");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(quench("report study --format csv -o study/table.csv").code, 0) << "again";
  expect_error("report study --format html --columns Model", 2, {"the page, which has all"});
  fs::create_directory_symlink("study", folder_ / "link");
  expect_error("report study --format csv -o link/records.jsonl", 2, {"a part of the folder"});

  ASSERT_EQ(quench("export yolov5n --imgsz 32 -o m.onnx").code, 0);
  write_file(folder_ / "set/data.yaml", "path: .\ntrain: images\nval: images\nnames: [a]\n");
  write_file(folder_ / "set/labels/a.txt", "0 0.5 0.5 0.1 0.1\n");
  write_file(folder_ / "set/README.txt", "of the data");
  write_file(folder_ / "set/instances.json", "{}");
  for (const char* written : {"set/data.yaml", "set/labels/a.txt", "set/README.txt", "set/instances.json"}) {
    expect_error(fmt::format("quantize m.onnx --data set -o {}", written), 2, {"another file to write", written});
    if (!std::string(written).starts_with("set/labels") && std::string(written) != "set/data.yaml") continue;
    expect_error(fmt::format("quantize m.onnx --data set/data.yaml -o {}", written), 2, {"another file", written});
  }
  expect_error("finetune m.onnx --data set --teacher set/t.onnx -o set/data.yaml", 2, {"a part of the folder set"});
  write_file(folder_ / "set/t.onnx", "x");
  expect_error("finetune m.onnx --data set --teacher set/t.onnx -o set/t.onnx", 2, {"which is read"});
}

TEST_F(Cli, ZerosAreMadeAndCounted) {
  ASSERT_EQ(quench("export yolov5n --to onnx -o dense.onnx").code, 0);
  ASSERT_EQ(quench("sparsify dense.onnx --pattern 2:4 -o sparse.onnx").code, 0);
  const Json dense = parse_json(quench("info dense.onnx --format json").out, "info");
  const Json sparse = parse_json(quench("info sparse.onnx --format json").out, "info");
  EXPECT_EQ(dense["nonzero_params"], dense["params_folded"]);
  EXPECT_EQ(sparse["params_folded"], 1867405);
  EXPECT_EQ(sparse["nonzero_params"], 1867405 - 930080);  // half of all but the layer that reads the image
  EXPECT_NE(quench("info sparse.onnx").out.find("937,325 of the folded parameters are not zero"), std::string::npos);
  expect_error("sparsify sparse.onnx --pattern 4:4 -o no.onnx", 2, {"'4:4'"});
  expect_error("prune sparse.onnx --ratio 0.5 -o no.onnx", 2, {"prune first"});
}

TEST_F(Cli, ErrorsNameTheirPlaceOnce) {
  ASSERT_EQ(quench("export yolov5n-cls --classes 4 --imgsz 32 -o full.onnx").code, 0);
  ASSERT_EQ(quench("sparsify full.onnx --pattern 2:4 -o sparse.onnx").code, 0);
  const std::pair<const char*, const char*> errors[] = {
      {"prune full.onnx -o no.onnx", "quench: prune: expected one of ratio, "},
      {"prune full.onnx --ratio 2 -o no.onnx", "quench: prune: expected 'ratio' at least 0"},
      {"prune full.onnx --ratio 0.5", "quench: prune: expected -o FILE"},
      {"prune sparse.onnx --ratio 0.5 -o no.onnx", "quench: prune: expected a dense model"},
      {"finetune full.onnx --distill both -o no.onnx", "quench: finetune: expected a 'teacher'"},
      {"quantize full.onnx --observer foo -o no.onnx", "quench: quantize: expected one of minmax"},
      {"quantize full.onnx --epochs 3 -o no.onnx", "quench: quantize: expected no 'epochs'"},
      {"quantize full.onnx --work w -o no.onnx", "quench: quantize: expected no 'work' with --method ptq"},
      {"quantize full.onnx --no-resume -o no.onnx", "quench: quantize: expected no 'resume' with --method ptq"},
      {"quantize full.onnx --requantization dyadic --no-silu-tables -o no.onnx",
       "quench: quantize (ptq): expected no 'silu_tables: false'"},
      {"calibrate full.onnx --requantization dyadic --no-silu-tables", "quench: calibrate: expected no 'silu_tables"},
      {"prune full.onnx --ratio 0.5 -o .", "quench: expected a file to write for 'output', got the folder ."},
      {"export yolov5n", "quench: export: expected -o FILE"},
      {"eval", "quench: eval: expected a MODEL"},
      {"bench full.onnx --isa foo", "quench: bench: expected one of "},
      {"info full.onnx --format xml", "quench: info: expected one of table"},
  };
  for (const auto& [arguments, start] : errors) {
    const Outcome outcome = quench(arguments);
    EXPECT_NE(outcome.code, 0) << arguments;
    EXPECT_TRUE(outcome.err.starts_with(start)) << arguments << ": " << outcome.err.substr(0, 200);
  }
}

TEST_F(Cli, EmptyPatternsAreRefused) {
  ASSERT_EQ(quench("export yolov5n-cls --classes 4 --imgsz 32 -o full.onnx").code, 0);
  for (const char* protect : {"''", "model.0.conv,", "model.0.conv,,model.1.conv"}) {
    expect_error(fmt::format("prune full.onnx --ratio 0.5 --protect {} -o no.onnx", protect), 2,
                 {"not empty for 'protect'"});
    expect_error(fmt::format("sparsify full.onnx --protect {} -o no.onnx", protect), 2, {"not empty for 'protect'"});
  }
  expect_error("prune full.onnx --ratio nan -o no.onnx", 2, {"'ratio', got nan"});
}

TEST_F(Cli, PrunesToALatency) {
  const auto at_home = [&](const std::string& arguments) {
    return run(fmt::format("HOME={} {} {}", folder_.string(), QUENCH_PROGRAM, arguments));
  };
  ASSERT_EQ(quench("export yolov5n-cls --classes 4 --imgsz 32 -o full.onnx").code, 0);
  const std::string half = "prune full.onnx --target-latency 0.6x --device host -o ";
  const Outcome first = at_home(half + "half.onnx");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.err.find("latency table: "), std::string::npos);
  EXPECT_NE(first.err.find("predicted latency: "), std::string::npos);
  const Outcome second = at_home(half + "again.onnx");
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.err.find("latency table: "), std::string::npos) << "it is kept";
  EXPECT_EQ(read_file(folder_ / "half.onnx"), read_file(folder_ / "again.onnx"));
  const Json info = parse_json(quench("info half.onnx --format json").out, "info");
  const Json told = parse_json(info["metadata"]["pruned"].get<std::string>(), "pruned").back();
  EXPECT_EQ(told["target_latency"], "0.6x");
  EXPECT_LE(told["latency_ns"].get<double>(), 0.6 * told["latency_ns_before"].get<double>() + 1);
  const Json rows = parse_json(quench("bench half.onnx --min-samples 3 --min-seconds 0 --format json").out, "bench");
  EXPECT_EQ(rows[0]["predicted_latency_ns"], told["latency_ns"]);

  const Outcome groups = at_home("info full.onnx --groups --device host --format json");
  ASSERT_EQ(groups.code, 0) << groups.err;
  for (const Json& group : parse_json(groups.out, "groups")) {
    EXPECT_GE(group["latency_ns_per_channel"].get<double>(), 0) << group["name"];
  }
  const std::string table = at_home("info full.onnx --groups --device jetson-nano").out;
  EXPECT_NE(table.find("  ms a channel"), std::string::npos);
  EXPECT_NE(table.find("forecast for jetson-nano"), std::string::npos);
  EXPECT_EQ(quench("info full.onnx --groups").out.find("  ms a channel"), std::string::npos);

  expect_error("prune full.onnx --target-latency 12 -o no.onnx", 2, {"target_latency", "12ms"});
  expect_error("prune full.onnx --target-latency 0.5x --target-bytes 0.5x -o no.onnx", 2,
               {"target_bytes and target_latency"});
  expect_error("prune full.onnx --target-latency 0.5x --device jetson-nan -o no.onnx", 2, {"jetson-nano"});
  expect_error("prune full.onnx --ratio 0.5 --device host -o no.onnx", 2, {"target_latency"});
  expect_error("info full.onnx --device host", 2, {"--groups"});
  expect_error("info full.onnx --groups --latency-threads 2", 2, {"--device"});
  EXPECT_FALSE(fs::exists(folder_ / "no.onnx"));
}

TEST_F(Cli, ImportsReleasedWeights) {
  expect_error("import missing.pt -o m.onnx", 3, {"missing.pt"});
  write_file(folder_ / "text.pt", "these are no weights");
  expect_error("import text.pt -o m.onnx", 2, {"text.pt", "torch.save"});
  expect_error("import text.pt", 2, {"-o FILE"});
  const fs::path released = fs::path(QUENCH_SOURCE_DIR) / "../shared/data/weights/yolov5n.pt";
  if (!fs::exists(released)) GTEST_SKIP() << "needs " << released;
  const std::string file = fs::canonical(released).string();
  expect_error("import " + file + " --model yolov5m -o m.onnx", 2, {"differences", "yolov5m"});
  const Outcome outcome = quench("import " + file + " --imgsz 320 -o m.onnx");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  const Json info = parse_json(quench("info m.onnx --format json").out, "info");
  EXPECT_EQ(info["params"], 1872157);  // published
  EXPECT_EQ(info["imgsz"], 320);
  std::string names = "names:\n";
  for (int i = 0; i < 80; ++i) names += fmt::format("  {}: thing {}\n", i, i);
  write_file(folder_ / "data.yaml", names);
  ASSERT_EQ(quench("import " + file + " --classes-from data.yaml -o named.onnx").code, 0);
  const Json named = parse_json(quench("info named.onnx --format json").out, "info");
  EXPECT_NE(named["metadata"]["classes"].get<std::string>().find("\"thing 79\""), std::string::npos);
  write_file(folder_ / "few.yaml", "names: [cat, dog]\n");
  expect_error("import " + file + " --classes-from few.yaml -o m.onnx", 2, {"expected 80 class names", "2"});
  write_file(folder_ / "holes.yaml", "names: {0: cat, 2: dog}\n");
  expect_error("import " + file + " --classes-from holes.yaml -o m.onnx", 2, {"holes.yaml", "names"});
}

TEST_F(Cli, ExportsDecodedOutputsForOtherTools) {
  ASSERT_EQ(quench("export yolov5n --imgsz 64x96 -o raw.onnx").code, 0);
  const Json info = parse_json(quench("info raw.onnx --format json").out, "info");
  EXPECT_EQ(info["metadata"]["imgsz"], "64x96");
  const std::string decoded = "export raw.onnx --with-nms-ready-outputs -o ";
  ASSERT_EQ(quench(decoded + "decoded.onnx").code, 0);
  ASSERT_EQ(quench("export yolov5n --imgsz 64x96 --with-nms-ready-outputs -o by-name.onnx").code, 0);
  EXPECT_EQ(read_file(folder_ / "by-name.onnx"), read_file(folder_ / "decoded.onnx"));
  expect_error("info decoded.onnx", 2, {"decoded outputs", "keep the model file itself"});
  expect_error("bench decoded.onnx", 2, {"decoded outputs"});
  expect_error("export yolov5n-cls --with-nms-ready-outputs -o c.onnx", 2, {"expected a detector", "classify"});
  EXPECT_FALSE(fs::exists(folder_ / "c.onnx"));
  expect_error("export yolov5n --imgsz 64x -o c.onnx", 2, {"imgsz", "64x"});
  expect_error("export yolov5n --imgsz 64x0 -o c.onnx", 2, {"imgsz", "64x0"});
  expect_error("export yolov5n --imgsz 64x100 -o c.onnx", 2, {"imgsz", "multiple of 32", "100"});
  expect_error("export yolov5n --imgsz big -o c.onnx", 2, {"imgsz", "big"});
  expect_error("export yolov5n --imgsz 9000000000000000000000 -o c.onnx", 2, {"imgsz"});
}

TEST_F(Cli, UsageErrorsNameTheNearest) {
  expect_error("infoo yolov5n", 2, {"infoo", "did you mean 'info'"});
  expect_error("info yolov5n --fromat json", 2, {"--fromat", "did you mean '--format'"});
  expect_error("study runn x.yaml", 2, {"runn", "did you mean 'run'"});
  expect_error("info yolov5q", 2, {"yolov5q", "did you mean"});
  expect_error("info yolov5n --imgsz big", 2, {"imgsz", "integer", "big"});
  expect_error("info yolov5n --imgsz -3", 2, {"imgsz"});
  expect_error("info yolov5n --format xml", 2, {"format", "xml", "table"});
  expect_error("info yolov5n --format svg", 2, {"--groups"});
  expect_error("info", 2, {"MODEL"});
  expect_error("export yolov5n", 2, {"-o FILE"});
}

TEST_F(Cli, BadModelFilesGiveOneLine) {
  expect_error("info missing.onnx", 3, {"missing.onnx"});
  write_file(folder_ / "text.onnx", "this is no model");
  expect_error("info text.onnx", 2, {"text.onnx"});
  ASSERT_EQ(quench("export yolov5n-cls --classes 4 --imgsz 32 -o whole.onnx").code, 0);
  const std::string whole = read_file(folder_ / "whole.onnx");
  write_file(folder_ / "half.onnx", whole.substr(0, whole.size() / 2));
  expect_error("info half.onnx", 2, {"half.onnx"});
  expect_error("bench half.onnx", 2, {"half.onnx"});
}

TEST_F(Cli, ReportSaysWhatItMisses) {
  expect_error("report nowhere", 3, {"nowhere", "records.jsonl"});
  write_file(folder_ / "s/records.jsonl", "not json\n{}\n");
  expect_error("report s", 2, {"records.jsonl"});
}

TEST_F(Cli, EvaluatesDetectionsInFiles) {
  write_file(folder_ / "truth.json",
             R"({"images": [{"id": 5}], "categories": [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}],
                 "annotations": [{"image_id": 5, "category_id": 3, "bbox": [0, 0, 100, 100], "area": 10000}]})");
  write_file(folder_ / "found.json", R"([{"image_id": 5, "category_id": 3, "bbox": [0, 0, 62, 100], "score": 0.9},
                                         {"image_id": 5, "category_id": 2, "bbox": [0, 0, 9, 9], "score": 0.9}])");
  const std::string files = "eval --detections found.json --annotations truth.json";
  Outcome outcome = quench(files + " --format json --per-class");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("1 of 2 detections"), std::string::npos) << outcome.err;
  const Json result = parse_json(outcome.out, "eval");
  EXPECT_NEAR(result["map_50_95"].get<double>(), 0.3, 1e-12);  // IoU .62: at three of ten thresholds
  EXPECT_NEAR(result["map_50"].get<double>(), 1, 1e-12);
  EXPECT_EQ(result["map_75"], 0);
  EXPECT_TRUE(result["map_small"].is_null());
  EXPECT_EQ(result["detections"], 1);
  ASSERT_EQ(result["classes"].size(), 2u);
  EXPECT_TRUE(result["classes"][0]["ap"].is_null());
  EXPECT_EQ(result["classes"][1]["name"], "dog");
  outcome = quench(files);
  for (const char* part : {"map_50_95", "0.3000", "ar_large", "map_small", "-"}) {
    EXPECT_NE(outcome.out.find(part), std::string::npos) << outcome.out;
  }
  EXPECT_EQ(outcome.out.find("dog"), std::string::npos);
  EXPECT_NE(quench(files + " --per-class").out.find("dog"), std::string::npos);

  expect_error("eval", 2, {"MODEL", "--detections"});
  expect_error("eval --detections found.json", 2, {"--annotations"});
  expect_error("eval m.onnx --annotations truth.json", 2, {"--annotations", "--detections"});
  expect_error("eval m.onnx --per-class", 2, {"--per-class", "--detections"});
  expect_error(files + " m.onnx", 2, {"both", "m.onnx"});
  expect_error(files + " --runtime torch", 2, {"--runtime", "MODEL"});
  expect_error(files + " --format csv", 2, {"csv", "table"});
  expect_error("eval --detections truth.json --annotations truth.json", 2, {"truth.json", "a list"});
  expect_error("eval --detections none.json --annotations truth.json", 3, {"none.json"});
  write_file(folder_ / "other.json", R"([{"image_id": 6, "category_id": 3, "bbox": [0, 0, 1, 1], "score": 1}])");
  expect_error("eval --detections other.json --annotations truth.json", 2, {"image_id 6"});
}

TEST_F(Cli, ReportsTheCellsThatTheStudyHasNow) {
  std::filesystem::create_directories(folder_ / "s");
  write_file(folder_ / "s" / "records.jsonl",
             R"({"schema": 1, "cell": "a", "model": "old", "status": "ok", "top1": 0.5}
{"schema": 1, "cell": "b", "model": "kept", "status": "ok", "top1": 0.6}
)");
  EXPECT_NE(quench("report s").out.find("old"), std::string::npos);
  write_file(folder_ / "s" / "page.json", R"({"notes": ["a word"], "cells": ["b", "gone"]})");
  const Outcome outcome = quench("report s");
  EXPECT_EQ(outcome.out.find("old"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("kept"), std::string::npos);
  ASSERT_EQ(quench("report s --format html").code, 0);
  EXPECT_NE(read_file(folder_ / "s" / "report.html").find("a word"), std::string::npos);
  for (const char* strange : {"[]", "null", "", R"({"notes": 5, "cells": []})", R"({"notes": [], "cells": [5]})"}) {
    write_file(folder_ / "s" / "page.json", strange);
    const Outcome all = quench("report s");
    EXPECT_EQ(all.code, 0) << strange;
    EXPECT_NE(all.out.find("old"), std::string::npos) << strange;
    EXPECT_NE(all.err.find("page.json"), std::string::npos) << strange;
  }
}

TEST_F(Cli, BenchesWhatItCanAndSaysWhyNot) {
  const std::string bench = "bench yolov5n-cls --classes 4 --imgsz 32 --min-samples 3 --min-seconds 0 ";
  const Outcome outcome = quench(bench + "--runtime tensorrt,native --format jsonl");
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  std::vector<Json> rows;
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) rows.push_back(parse_json(line, "bench"));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["status"], "unsupported");
  EXPECT_NE(rows[0]["reason"].get<std::string>().find("trtexec"), std::string::npos);
  EXPECT_EQ(rows[1]["status"], "ok");
  EXPECT_EQ(rows[1]["bits_w"], 32);
  EXPECT_GT(rows[1]["latency_p50_ns"].get<int64_t>(), 0);
  const std::string profile = quench(bench + "--profile").out;
  EXPECT_NE(profile.find("model.0.conv"), std::string::npos) << profile;
  EXPECT_NE(profile.find("\nconvolutions and linear layers: "), std::string::npos) << profile;

  expect_error(bench + "--runtime native,native", 2, {"native", "twice"});
  expect_error(bench + "--runtime onnxruntime --isa plain", 2, {"--isa", "onnxruntime"});
  expect_error(bench + "--profile --format json", 2, {"--profile", "table"});
  expect_error(bench + "--runtime natif", 2, {"natif", "native"});
}

TEST_F(Cli, OutputThatCannotBeWrittenIsTold) {
  expect_error("export yolov5n-cls --classes 4 --imgsz 32 -o /proc/none/model.onnx", 3, {"/proc/none"});
  const Outcome outcome = quench("info yolov5n --format json > /dev/full; true");
  EXPECT_EQ(outcome.code, 0);
  const std::string line = fmt::format("{} info yolov5n > /dev/full 2>{}", QUENCH_PROGRAM, (folder_ / "e").string());
  EXPECT_EQ(WEXITSTATUS(std::system(line.c_str())), 3);
}

TEST_F(Cli, ListsEveryRuntimeWithAReason) {
  const Outcome outcome = quench("runtimes --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json list = parse_json(outcome.out, "runtimes");
  std::set<std::string> names;
  for (const Json& runtime : list) names.insert(runtime["runtime"].get<std::string>());
  for (const char* name : {"onnxruntime", "tensorrt", "tensorrt-fp16", "torch"}) EXPECT_TRUE(names.contains(name));
  for (const Json& runtime : list) {
    EXPECT_NE(runtime["available"].get<bool>(), runtime["version"] == "") << runtime.dump();
    EXPECT_NE(runtime["available"].get<bool>(), runtime["reason"] != "") << runtime.dump();
  }
}

#ifndef QUENCH_LAB
TEST_F(Cli, LabCommandsSayThatTheLabIsMissing) { expect_error("train --data shapes -o m.onnx", 3, {"built without"}); }
#endif

#ifdef QUENCH_LAB
TEST_F(Cli, LabErrorsAreOneLineToo) {
  expect_error("train --data cifar100 -o m.onnx", 3, {"cifar100", "quench data fetch cifar100"});
  expect_error("train --data cifar1000 -o m.onnx", 2, {"cifar1000", "did you mean 'cifar100'"});
  expect_error("train --model yolov5z-cls --data shapes -o m.onnx", 2, {"yolov5z-cls", "did you mean"});
  expect_error("train --data shapes", 2, {"-o FILE"});
  expect_error("train --data shapes -o /proc/x/m.onnx", 3, {"/proc/x"});
  expect_error("study run missing.yaml", 3, {"missing.yaml"});
  write_file(folder_ / "bad.yaml", "study: s\nmodels: [yolov5n-cls]\nmethods: [fp32]\ntrain: {epoch: 3}\n");
  expect_error("study run bad.yaml", 2, {"bad.yaml", "epoch", "did you mean 'epochs'"});
  write_file(folder_ / "type.yaml", "study: s\nmodels: [yolov5n-cls]\nmethods: [fp32]\ntrain: {epochs: many}\n");
  expect_error("study plan type.yaml", 2, {"type.yaml", "epochs", "integer", "many"});
  write_file(folder_ / "good.yaml", "study: s\ndata: shapes\nmodels: [yolov5n-cls]\nmethods: [fp32]\n");
  expect_error("study run good.yaml --out /proc/results", 3, {"/proc/results"});
  write_file(folder_ / "far.yaml",
             "study: s\ndata: shapes\nmodels: [yolov5n-cls]\nmethods: [fp32]\nforecast: {device: jetson-nanu}\n");
  for (const char* verb : {"plan", "status", "run"}) {  // before anything is trained
    expect_error(fmt::format("study {} far.yaml --out far", verb), 2, {"did you mean 'jetson-nano'"});
  }
  expect_error("data fetch cifar99", 2, {"cifar99", "cifar10"});
}

TEST_F(Cli, DataPackWritesAPack) {
  const Outcome outcome = quench("data pack --data shapes --imgsz 32 --limit 20 -o packs/shapes.qpack");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("20 images"), std::string::npos) << outcome.err;
  const std::string pack = read_file(folder_ / "packs/shapes.qpack");
  EXPECT_TRUE(pack.starts_with("qpack"));
  EXPECT_GT(pack.size(), 20u * 3 * 32 * 32);
  expect_error("data pack --data shapes --imgsz 32", 2, {"-o FILE"});
  expect_error("data pack --data shape -o p.qpack", 2, {"did you mean 'shapes'"});
  expect_error("data pack --data shapes --split val -o p.qpack", 2, {"split", "val", "test"});
  expect_error("data pack --data shapes --limit -1 -o p.qpack", 2, {"limit"});
  EXPECT_FALSE(fs::exists(folder_ / "p.qpack"));
}

/// A gray BMP of 4x2 pixels.
std::string small_bmp() {
  const std::string head("BM\x4e\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x04\0\0\0\x02\0\0\0\x01\0\x18\0", 30);
  return head + std::string(24, '\0') + std::string(24, '\x80');
}

TEST_F(Cli, DataCheckNamesFileAndLine) {
  write_file(folder_ / "set/images/a.bmp", small_bmp());
  write_file(folder_ / "set/labels/a.txt", "0 0.5 0.5 0.5 0.5\n7 0.5 0.5 0.5 0.5\n");
  write_file(folder_ / "set/classes.txt", "cat\ndog\n");
  Outcome outcome = quench("data check set/ --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json split = parse_json(outcome.out, "check")["splits"][0];
  EXPECT_EQ(split["images"], 1);
  EXPECT_EQ(split["objects"], 1);
  EXPECT_EQ(split["kinds"], (Json{{"class", 1}}));
  EXPECT_EQ(split["issues"][0]["line"], 2);
  outcome = quench("data check set/ --strict");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.out.find("class 7 is not in 0..1"), std::string::npos) << outcome.out;
  write_file(folder_ / "set/labels/a.txt", "0 0.5 0.5 0.5 0.5\n");
  write_file(folder_ / "set/images/b.bmp", small_bmp().substr(0, 60));  // a header, and no picture
  outcome = quench("data check set/ --format json");
  const Json damaged = parse_json(outcome.out, "check")["splits"][0];
  EXPECT_EQ(damaged["kinds"], (Json{{"image", 1}}));
  EXPECT_NE(damaged["issues"][0]["file"].get<std::string>().find("b.bmp"), std::string::npos);
  EXPECT_EQ(quench("data check set/ --strict --no-images").code, 0) << "its header is whole";
  EXPECT_EQ(quench("data show set/ -o sheet.png").code, 0);
  fs::remove(folder_ / "set/images/b.bmp");
  EXPECT_EQ(quench("data check set/ --strict --images").code, 0);
  EXPECT_EQ(quench("data show set/ -o sheet.png").code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "sheet.png"));
  expect_error("data check cifar100-scenes:tain=5", 2, {"tain", "did you mean 'train'"});
  expect_error("data check nowhere.yaml", 3, {"nowhere.yaml"});
}

TEST_F(Cli, TrainsQuantizesAndEvaluates) {
  const std::string data = "--data shapes --train-limit 256 --test-limit 64";
  Outcome outcome = quench("train --imgsz 32 --epochs 1 --batch 32 -o m.onnx " + data);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "") << "progress goes to stderr";
  expect_error("quantize m.onnx --calibration-images 0 -o q.onnx " + data, 2, {"calibration"});
  EXPECT_FALSE(fs::exists(folder_ / "q.onnx"));
  expect_error("quantize m.onnx --method ptk -o q.onnx", 2, {"ptk", "ptq"});
  expect_error("quantize m.onnx --epochs 3 -o q.onnx " + data, 2, {"'epochs'", "--method qat"});
  outcome = quench("quantize m.onnx --calibration-images 64 --observer minmax -o q.onnx " + data);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  outcome = quench("eval q.onnx --runtime torch --format json " + data);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json records = parse_json(outcome.out, "eval");
  EXPECT_EQ(records[0]["samples"], 64);
  EXPECT_EQ(records[0]["method"], "ptq");
  expect_error("quantize q.onnx -o qq.onnx " + data, 2, {"quantized already"});
  fs::create_directories(folder_ / "pets/train/cat");  // as many images as it takes to be opened, of other classes
  fs::create_directories(folder_ / "pets/test/cat");
  ASSERT_EQ(quench("data show shapes --count 1 -o pets/train/cat/a.png").code, 0);
  ASSERT_EQ(quench("data show shapes --count 1 -o pets/test/cat/a.png").code, 0);
  expect_error("eval q.onnx --runtime torch --data ./pets", 2, {"classes", "cat"});
  write_file(folder_ / "pets/test/cat/b.png", "no picture");
  EXPECT_EQ(quench("data show ./pets --split test -o sheet.png").code, 0) << "said on its tile";
  EXPECT_NE(quench("data check ./pets").out.find("b.png"), std::string::npos);
}
#endif

TEST_F(Cli, HelpIsThatOfTheProgramOrOfACommand) {
  const Outcome all = quench("help");
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(all.out, quench("--help").out);
  EXPECT_NE(all.out.find("devices"), std::string::npos);
  const Outcome one = quench("help info");
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.out, quench("info --help").out);
  EXPECT_NE(one.out.find("--groups"), std::string::npos);
}

TEST_F(Cli, EverySettingOfATrainingIsAFlag) {
  for (const char* command : {"train", "finetune"}) {
    const std::string help = quench(std::string(command) + " --help").out;
    for (const config::Option& option : config::fit_options().options()) {
      std::string flag = "--" + option.name;
      std::ranges::replace(flag, '_', '-');
      EXPECT_NE(help.find(flag), std::string::npos) << command << " " << flag;
      EXPECT_NE(help.find(option.help.substr(0, option.help.find(' '))), std::string::npos) << option.help;
    }
  }
}

}  // namespace
}  // namespace quench
