// bench/peers: `make bench-training`, its records, its page and the pictures that it makes. Nothing is downloaded: the
// program and the peer are stand-ins.

#include "bench_python_testing.h"

namespace quench {
namespace {

class BenchTraining : public BenchProgram {
 protected:
  BenchTraining() : BenchProgram("bench_training.py") {}
  void stand_in(const std::string& name, const std::string& body) const {
    write_file(folder_ / name, "#!/bin/sh\n" + body + "\n");
    fs::permissions(folder_ / name, fs::perms::owner_all);
  }
};

std::string time_record(const std::string& runtime, const std::string& precision, int processes, int round,
                        double speed) {
  return Json{{"kind", "time"},         {"model", "yolov8n"},     {"runtime", runtime},        {"round", round},
              {"precision", precision}, {"processes", processes}, {"images_per_second", speed}}
             .dump() +
         "\n";
}

// Ratios of each round: 2, 4, 3 in fp32. A round that only one of them has does not count.
TEST_F(BenchTraining, ThePageHasMediansAndPairedRatios) {
  const double ours[] = {20, 40, 21}, theirs[] = {10, 10, 7};
  std::string records;
  for (int i = 0; i < 3; ++i) {
    records += time_record("quench", "fp32", 1, i, ours[i]) + time_record("quench", "bf16", 1, i, 2 * ours[i]) +
               time_record("quench", "bf16", 2, i, 3 * ours[i]) + time_record("ultralytics", "fp32", 1, i, theirs[i]);
  }
  records += time_record("quench", "fp32", 1, 3, 1000);
  write_file(folder_ / "r.jsonl", records);
  const Outcome outcome = bench("--table r.jsonl");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_has(outcome.out, {"| yolov8n | fp32 | 1 | 3 | 21.0 | 10.0 | 3.00 (2.00 to 4.00) |\n"
                           "| yolov8n | bf16 | 1 | 3 | 42.0 | 10.0 | 6.00 (4.00 to 8.00) |\n"
                           "| yolov8n | bf16 | 2 | 3 | 63.0 | 10.0 | 9.00 (6.00 to 12.00) |"});
}

TEST_F(BenchTraining, WhatCannotBeIsOneLine) {
  const std::pair<std::string, std::string> cases[] = {
      {"--models yolov9", "--models: expected some of yolov8n, yolov5n, yolov8n-cls, got 'yolov9'"},
      {"--rounds 0", "--rounds: expected at least 1, got 0"},
      {"--threads 0", "--threads: expected at least 1, got 0"},
      {"--processes 1,0", "--processes: expected numbers from 1 on, got '1,0'"},
      {"--table nothing", "--table nothing: no such file"},
  };
  for (const auto& [arguments, part] : cases) {
    expect_error_line(bench(arguments), "bench-training", "", 2, {part});
  }
  expect_error_line(bench("--quench nothing"), "bench-training", "", 3,
                    {"expected the program at nothing: make release, or --quench FILE"});
}

/// Records of CIFAR-100: pixel (x, y) of channel c is x + y + 50 c.
std::string cifar(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += '\0';
    bytes += static_cast<char>(i % 100);
    for (int at = 0; at < 3 * 1024; ++at) bytes += static_cast<char>(at / 1024 * 50 + at % 1024 / 32 + at % 32);
  }
  return bytes;
}

TEST_F(BenchTraining, BothTrainInTurnAndARunGoesOnWhereItStopped) {
  fs::create_directories(folder_ / "root/cifar100");
  write_file(folder_ / "root/cifar100/train.bin", cifar(3));
  write_file(folder_ / "root/cifar100/test.bin", cifar(2000));
  stand_in("quench",
           "[ \"$1\" = --version ] && { echo 1.2; exit; }\n"
           "echo \"quench $*\" >>calls\n"
           "while [ $# -gt 1 ]; do shift; done\n"
           "mkdir \"$1.train\"\n"
           "printf 'epoch,images_per_second,seconds\\n1,5.0,1\\n2,90.0,2\\n3,110.0,3\\n' >\"$1.train/results.csv\"");
  stand_in("python",
           "[ \"$1\" = -c ] && { echo 2.0 8.4; exit; }\n"
           "echo \"ultralytics $(cat)\" >>" +
               (folder_ / "calls").string() +
               "\n"
               "echo noise; echo '{\"images_per_second\": [1, 50]}'");
  const auto measure = [&](int rounds) {
    return bench(
        fmt::format("--busy --quench ./quench --python {} --work work --results results --machine m "
                    "--data-root root --images 3 --threads 2 --models yolov8n-cls --rounds {}",
                    (folder_ / "python").string(), rounds));
  };
  Outcome outcome = measure(1);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  expect_has(outcome.out, {"| yolov8n-cls | bf16 | 2 | 1 | 100.0 | 50.0 | 2.00 (2.00 to 2.00) |"});
  expect_has(read_file(folder_ / "calls"),
             {"train --model yolov8n-cls", "--threads 1 --workers 2 --precision bf16 --world-size 2", "\"imgsz\": 64"});
  outcome = measure(2);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  expect_has(outcome.out, {"| yolov8n-cls | fp32 | 1 | 2 | 100.0 | 50.0 | 2.00 (2.00 to 2.00) |"});
  EXPECT_EQ(split_text(read_file(folder_ / "calls"), '\n').size(), 10u) << "five contenders, two rounds";
  EXPECT_NE(read_file(folder_ / "results/m.md").find("`make bench-training ARGS="), std::string::npos);

  // A picture of the folder, read by hand: its rows of pixels behind the filter's byte.
  write_file(folder_ / "script.py",
             "import zlib\n"
             "data = open('work/training/cifar100-3/train/class_02/00002.png', 'rb').read()\n"
             "at = data.index(b'IDAT')\n"
             "rows = zlib.decompress(data[at + 4:at + 4 + int.from_bytes(data[at - 4:at], 'big')])\n"
             "print(len(rows), list(rows[:7]), list(rows[97:104]))\n");
  EXPECT_EQ(run("python3 script.py").out, "3104 [0, 0, 50, 100, 1, 51, 101] [0, 1, 51, 101, 2, 52, 102]\n");
}

}  // namespace
}  // namespace quench
