// Files that were made to crash or to mislead: each ends in one line and an exit code, before any work.
#include <sys/stat.h>

#include "hostile_testing.h"

namespace quench {
namespace {

constexpr size_t kDeep = 100000;

using HostileFiles = Hostile;

const std::string kRecord = R"({"schema":1,"status":"ok","cell":"c","model":"m","method":"fp32","top1":0.5,)";

TEST_F(HostileFiles, NestingIsAnErrorWhereverJsonIsRead) {
  const std::string deep = "at most 256 deep";
  write_file(folder_ / "s/records.jsonl", kRecord + "\"config\":{\"a\":" + nested(kDeep) + "}}\n");
  expect_harmless_error("report s", 2, {"records.jsonl:1", deep});

  make_model("m.onnx");
  change_model("m.onnx", "deep.onnx", [](graph::Graph& graph) { graph.metadata["classes"] = nested(kDeep); });
  EXPECT_EQ(quench("info deep.onnx").code, 0) << "a text like another";
  write_file(folder_ / "truth.json", nested(kDeep));
  write_file(folder_ / "found.json", nested(kDeep));
  expect_harmless_error("eval --detections found.json --annotations truth.json", 2, {".json"});
  write_file(folder_ / "deep.yaml", "study: s\nmodels: " + nested(kDeep) + "\n");
#ifdef QUENCH_LAB
  expect_last_line("eval deep.onnx --data shapes --test-limit 4", 2, {"metadata 'classes'", deep});
  expect_harmless_error("study plan deep.yaml", 2, {"deep.yaml"});
#endif
}

TEST_F(HostileFiles, WhatNeverEndsIsNoFile) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (const std::string file : {"./pipe", "/dev/zero", "/dev/tty"}) {
    expect_harmless_error("info " + file, 3, {file});
    expect_harmless_error("eval --detections " + file + " --annotations " + file, 3, {file});
  }
  fs::create_directories(folder_ / "s");
  fs::create_symlink("/dev/zero", folder_ / "s/records.jsonl");
  expect_harmless_error("report s", 3, {"records.jsonl"});
#ifdef QUENCH_LAB
  expect_harmless_error("study plan /dev/zero", 3, {"/dev/zero"});
  expect_harmless_error("eval ./pipe --data shapes", 3, {"pipe"});
#endif
}

TEST_F(HostileFiles, RecordsDoNothingToATerminal) {
  const std::string escape = R"("runtime":"native","device":"a\u001b]0;owned\u0007b","latency_p50_ns":5,)";
  write_file(folder_ / "s/records.jsonl",
             kRecord + escape + "\"setting\":\"\\u001b[2J\\u202e\"}\n" +
                 R"({"schema":1,"status":"failed","cell":"d","reason":"\u001b[31mred\nquench: forged\r\u009b1m"})" +
                 "\n");
  for (const std::string format : {"table", "md", "csv", "json", "jsonl"}) {
    const Outcome outcome = quench("report s --format " + format);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::string text = outcome.out;
    if (format == "csv") text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());  // its lines' own ends
    EXPECT_FALSE(acts_on_terminals(text)) << format;
    EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos) << format;
    EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos) << format;
    const bool forged = text.find("\nquench: forged") != std::string::npos;
    EXPECT_TRUE(format == "csv" || !forged) << format;  // its cells may have lines
  }
}

TEST_F(HostileFiles, RecordsCannotClaimMoreThanAllIsRight) {
  for (const std::string value : {"61.2", "-0.1", "1.0001"}) {
    write_file(folder_ / "s/records.jsonl", "{\"schema\":1,\"status\":\"ok\",\"cell\":\"c\",\"top1\":" + value + "}\n");
    expect_harmless_error("report s", 2, {"records.jsonl:1", "top1", "[0,1]", value});
  }
}

TEST_F(HostileFiles, CellsOfCsvAreNoFormulas) {
  write_file(folder_ / "s/records.jsonl", kRecord + R"x("setting":"=HYPERLINK(\"http://x\")","bits_w":8})x" + "\n");
  const Outcome outcome = quench("report s --format csv");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("\"'=HYPERLINK("), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(",0.5,"), std::string::npos) << outcome.out;
}

TEST_F(HostileFiles, NamesOfFilesAreShownAndHarmless) {
  make_model("m.onnx");
  const std::string name = "a\x1b[31m\xff.onnx";
  fs::copy_file(folder_ / "m.onnx", folder_ / name);
  const std::string quoted = "'" + name + "'";
  const std::string bench = "bench " + quoted + " --min-samples 2 --min-seconds 0 --threads 1 --format ";
  for (const std::string& call : {"info " + quoted, "info --format json " + quoted, bench + "table", bench + "json",
                                  bench + "jsonl", bench + "md"}) {
    const Outcome outcome = quench(call);
    EXPECT_EQ(outcome.code, 0) << call << outcome.err;
    EXPECT_FALSE(acts_on_terminals(outcome.out)) << call;
    EXPECT_FALSE(acts_on_terminals(outcome.err)) << call;
  }
  EXPECT_TRUE(try_parse_json(quench(bench + "json").out)) << "what is no UTF-8 is replaced";
  expect_harmless_error("info 'no\x1b[2J\xff\nquench: such.onnx'", 3, {"no\\x1b[2J\\xff"});
  expect_harmless_error("info 'no\x1b[2J'", 2, {"no\\x1b[2J"});
  expect_harmless_error("export yolov5n-cls -o 'x\xff.onnx'", 2, {"--output", "UTF-8", "x\\xff.onnx"});
}

TEST_F(HostileFiles, LinksInACircleEnd) {
  fs::create_directory_symlink("loop", folder_ / "loop");
  expect_harmless_error("report loop", 3, {"loop"});
  expect_harmless_error("info loop/m.onnx", 3, {"loop"});
#ifdef QUENCH_LAB
  fs::create_directories(folder_ / "set");
  ASSERT_EQ(quench("data show shapes --count 1 -o one.png").code, 0);
  for (const char* split : {"train", "test"}) {
    for (const char* name : {"cat", "dog"}) {
      fs::create_directories(folder_ / "set" / split / name);
      fs::copy_file(folder_ / "one.png", folder_ / "set" / split / name / "1.png");
    }
  }
  EXPECT_EQ(quench("data check ./set").code, 0);
  // Two links, so that what lies below them has 2^40 paths.
  fs::create_directory_symlink("..", folder_ / "set/train/cat/up");
  fs::create_directory_symlink("../..", folder_ / "set/train/cat/top");
  expect_harmless_error("data check ./set", 3, {"link to a folder that it lies in", "set/train/cat/"});
  expect_harmless_error("data check ./loop", 3, {"loop"});
  make_model("m.onnx", "yolov5n-cls", 2);
  expect_harmless_error("eval m.onnx --data ./set", 3, {"link to a folder that it lies in"});
  write_file(folder_ / "s.yaml", "study: s\nimgsz: 32\nmodels: [yolov5n-cls]\nmethods: [fp32]\ndata: {data: shapes}\n");
  expect_harmless_error("study status s.yaml --out loop/x", 3, {"loop"});
  expect_harmless_error("study run s.yaml --out loop/x", 3, {"loop"});
#endif
}

#ifndef __SANITIZE_ADDRESS__  // which takes more than any such limit
TEST_F(HostileFiles, NoMemoryIsAnErrorOfTheSystem) {
  const Outcome outcome = run("ulimit -v 200000 && " QUENCH_PROGRAM " info yolov5x");
  expect_error_line(outcome, "quench", "info", 3, {"memory"});
}
#endif

#ifdef QUENCH_LAB

TEST_F(HostileFiles, TextThatIsNoUtf8IsToldBeforeAnyWork) {
  write_file(folder_ / "s.yaml", "study: s\nimgsz: 32\nmodels: [yolov5n-cls]\ndata: {data: 'x\xff'}\n");
  expect_harmless_error("study run s.yaml", 2, {"s.yaml:4", "UTF-8", "0xff"});
  expect_harmless_error("train --data 'x\xff' -o out", 2, {"--data", "UTF-8"});
  ASSERT_EQ(quench("data show shapes --count 1 -o one.png").code, 0);
  for (const char* split : {"train", "test"}) {
    for (const char* name : {"caf\xe9", "tea"}) {
      fs::create_directories(folder_ / "set" / split / name);
      fs::copy_file(folder_ / "one.png", folder_ / "set" / split / name / "1.png");
    }
  }
  expect_harmless_error("train --data ./set --imgsz 32 -o out", 2, {"class names in UTF-8", "caf\\xe9"});
}

TEST_F(HostileFiles, ClassNamesAreTexts) {
  make_model("m.onnx");
  ASSERT_EQ(quench("data show shapes --count 1 -o one.png").code, 0);
  for (const std::string names : {"{\"a\":1}", "[1,2,3,4,5,6,7,8,9,10]", "\"cat\"", "[\"a\"]", "no json", "[null]"}) {
    change_model("m.onnx", "names.onnx", [&](graph::Graph& graph) { graph.metadata["classes"] = names; });
    expect_last_line("predict names.onnx --source one.png --save none", 2, {"'classes'"});
    expect_last_line("eval names.onnx --data shapes --test-limit 4", 2, {"'classes'"});
  }
}

#endif

}  // namespace
}  // namespace quench
