// bench/peers: the records of `make bench-peers`, their page, and the rules of the measurement. Nothing is downloaded:
// the peers and the program are stand-ins.

#include "bench_python_testing.h"
#include "core/rng.h"

namespace quench {
namespace {

class BenchPeers : public BenchProgram {
 protected:
  BenchPeers() : BenchProgram("bench_peers.py") {}
  /// What a script of Python prints that finds the modules of bench/peers.
  std::string python(const std::string& script) const {
    write_file(folder_ / "script.py", script);
    const Outcome outcome = run(fmt::format("PYTHONPATH={} python3 -B script.py", kPeers.string()));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.out;
  }
};

std::string run_record() {
  const Json machine = {{"cpu", "Made Up <CPU>"}, {"cpu_family", "6"}, {"cpu_model", "7"},  {"cpus", 4},
                        {"cpus_allowed", 2},      {"memory_gib", 8.5}, {"system", "Linux"}, {"hypervisor", nullptr},
                        {"governor", nullptr}};
  const Json identity = {{"machine", "made-up"},
                         {"quench_version", "1.2"},
                         {"imgsz", 640},
                         {"versions", {{"openvino", "2030.1"}}},
                         {"weights", {{"yolov5n", "initial weights"}}}};
  return Json{{"kind", "run"}, {"machine", machine}, {"identity", identity},          {"load_average", {0.1, 0, 0}},
              {"busy", 0.02},  {"python", "3.11"},   {"command", "make bench-peers"}, {"time", "2030-01-01T00:00:00Z"}}
             .dump() +
         "\n";
}

std::string time_record(const std::string& runtime, int round, double milliseconds, int bits = 8,
                        const std::string& status = "ok") {
  Json record = {{"kind", "time"}, {"model", "yolov5n"}, {"imgsz", 640},   {"bits_w", bits},   {"isa", "avx2"},
                 {"threads", 1},   {"runtime", runtime}, {"round", round}, {"status", status}, {"reason", nullptr}};
  if (status == "ok") record["latency_p50_ns"] = static_cast<int64_t>(milliseconds * 1e6);
  if (status != "ok") record["reason"] = "it | died";
  return record.dump() + "\n";
}

std::string hole_record(const std::string& runtime, const std::string& status, const std::string& reason) {
  return Json{{"kind", "hole"}, {"model", "yolov5n"}, {"imgsz", 640},     {"bits_w", 8},     {"isa", "avx2"},
              {"threads", 1},   {"runtime", runtime}, {"status", status}, {"reason", reason}}
             .dump() +
         "\n";
}

// quench: 10, 12, 11 beside OpenVINO's 20, 20, 10 in the same rounds: 0.5, 0.6, 1.1. The ratio of the medians, 0.55, is
// another number. MNN is slower in the median, though faster in one round.
TEST_F(BenchPeers, ThePageHasMediansSpreadsAndPairedRatios) {
  std::string records = run_record();
  const double ours[] = {10, 12, 11}, openvino[] = {20, 20, 10}, mnn[] = {30, 5, 31};
  for (int i = 0; i < 3; ++i) {
    records += time_record("quench", i + 1, ours[i]) + time_record("openvino", i + 1, openvino[i]) +
               time_record("mnn", i + 1, mnn[i]);
  }
  records += hole_record("onnxruntime", "unsupported", "cannot be capped") +
             hole_record("ncnn", "skipped", "PyPI has no wheel");
  write_file(folder_ / "r.jsonl", records);
  const Outcome outcome = bench("--table r.jsonl");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_has(
      outcome.out,
      {"# Speed beside other runtimes: made-up\n", "Made Up &lt;CPU>, family 6 model 7, 2 of 4 processors",
       "quench 1.2; OpenVINO 2030.1; Python 3.11", "yolov5n: initial weights", "## INT8, avx2\n\n3 rounds.",
       "| model | threads | quench | OpenVINO | ONNX Runtime | MNN | NCNN | quench / fastest peer | fastest peer | "
       "at most 0.67 |",
       "| yolov5n | 1 | 11.00 (10.00 to 12.00) | 20.0 (10.0 to 20.0) | not capped [1] | 30.0 (5.0 to 31.0) | "
       "SKIPPED [2] | 0.60 (0.50 to 1.10) | OpenVINO | median: yes |",
       "1. ONNX Runtime: cannot be capped\n2. NCNN: PyPI has no wheel\n"});
  EXPECT_EQ(outcome.out.find("Not a quiet machine"), std::string::npos);
}

TEST_F(BenchPeers, AGoalThatIsMissedIsSaid) {
  write_file(folder_ / "r.jsonl", run_record() + time_record("quench", 1, 19, 32) + time_record("openvino", 1, 20, 32));
  expect_has(bench("--table r.jsonl").out,
             {"## FP32, avx2\n\n1 round.", "| at most 0.9 |", "| 0.95 (0.95 to 0.95) | OpenVINO | no |"});
}

TEST_F(BenchPeers, LaterRecordsOfARoundReplaceEarlierOnes) {
  write_file(folder_ / "r.jsonl", run_record() + time_record("quench", 1, 10) + time_record("quench", 1, 14) +
                                      time_record("mnn", 1, 28) + time_record("openvino", 1, 1) +
                                      time_record("openvino", 1, 0, 8, "failed"));
  expect_has(bench("--table r.jsonl").out, {"| 14.00 (14.00 to 14.00) | failed [1] |",
                                            "| 0.50 (0.50 to 0.50) | MNN | yes |", "1. OpenVINO: it \\| died\n"});
}

TEST_F(BenchPeers, ABusyMachineIsSaidOnThePage) {
  Json busy = parse_json(time_record("quench", 1, 10), "record");
  busy["busy_before"] = 0.5;
  write_file(folder_ / "r.jsonl", run_record() + busy.dump() + "\n" + time_record("mnn", 1, 20));
  expect_has(bench("--table r.jsonl").out, {"**Not a quiet machine**: before 1 of 2 times"});
}

TEST_F(BenchPeers, ALineThatWasCutOffAtTheEndIsNoRecordAndABrokenOneIsAnError) {
  const std::string half = time_record("mnn", 1, 20).substr(0, 30);
  write_file(folder_ / "r.jsonl", run_record() + time_record("quench", 1, 10) + half);
  Outcome outcome = bench("--table r.jsonl");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.find("MNN"), std::string::npos) << outcome.out;
  write_file(folder_ / "r.jsonl", run_record() + half + "\n" + time_record("quench", 1, 10));
  expect_error_line(bench("--table r.jsonl"), "bench-peers", "a broken line", 2, {"r.jsonl, line 2: expected JSON"});
  write_file(folder_ / "r.jsonl", "[1]\n");
  expect_error_line(bench("--table r.jsonl"), "bench-peers", "no record", 2, {"line 1", "kind run, time or hole"});
  expect_error_line(bench("--table none.jsonl"), "bench-peers", "no file", 2, {"no such file"});
}

TEST_F(BenchPeers, WhatCannotBeIsOneLine) {
  const std::pair<std::string, std::string> cases[] = {
      {"--bits 4", "--bits: expected 8 or 32, got '4'"},
      {"--threads 0", "--threads: expected numbers from 1 on, got '0'"},
      {"--threads one", "--threads: expected numbers like 1,2, got 'one'"},
      {"--runtimes tvm", "--runtimes: expected some of openvino, onnxruntime, mnn, ncnn, got 'tvm'"},
      {"--weights yolov9=x.pt", "--weights: expected NAME=FILE with a name of --models, got 'yolov9=x.pt'"},
      {"--imgsz 100", "--imgsz: expected a multiple of 32, got 100"},
      {"--rounds 0", "--rounds: expected at least 1, got 0"},
      {"--machine ../x", "--machine: expected a name, not a path, got '../x'"},
  };
  std::string script = "import settings\nfrom failure import Failure\n", expected;
  for (const auto& [arguments, part] : cases) {
    script += fmt::format("try: settings.parse('{}'.split())\nexcept Failure as error: print(error)\n", arguments);
    expected += part + "\n";
  }
  EXPECT_EQ(python(script), expected);
  expect_error_line(bench("--frobnicate"), "bench-peers", "", 2, {"unrecognized arguments: --frobnicate (--help)"});
  expect_error_line(bench("--quench nothing"), "bench-peers", "", 3,
                    {"expected the program at nothing: make release, or --quench FILE"});
}

TEST_F(BenchPeers, ColumnsAreThoseOfTheProcessor) {
  EXPECT_EQ(python("import machine\n"
                   "from failure import Failure\n"
                   "old = ['avx2', 'fma']\n"
                   "between = [*old, 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl']\n"
                   "new = [*between, 'avx512_vnni']\n"
                   "print(machine.columns(old, []), machine.columns(new, []), machine.columns(new, ['avx2', 'avx2']))\n"
                   "print(machine.columns(between, []), machine.columns(new, ['avx512']), machine.columns([*old, "
                   "'avx_vnni'], []))\n"
                   "print(machine.columns([], []), machine.columns(['asimd', 'asimddp'], []))\n"
                   "for asked in ('sse9', 'avx512-vnni'):\n"
                   "    try: machine.columns(old, [asked])\n"
                   "    except Failure as error: print(error)\n"),
            "['avx2'] ['avx2', 'avx512-vnni'] ['avx2']\n"
            "['avx2', 'avx512'] ['avx512'] ['avx2', 'avx-vnni']\n"
            "['auto'] ['neon', 'neon-dot']\n"
            "--isa: expected one of avx2, avx-vnni, avx512, avx512-vnni, neon, neon-dot, auto, got 'sse9'\n"
            "--isa avx512-vnni: this processor has no avx512_vnni, avx512bw, avx512dq, avx512f, avx512vl\n");
}

TEST_F(BenchPeers, APeerIsCappedOrSaysThatItCannotBe) {
  EXPECT_EQ(
      python("import peers\n"
             "new = ['avx2', 'fma', 'avx512f', 'avx512_vnni']\n"
             "for name, isa, flags in [('openvino', 'avx2', new), ('onnxruntime', 'avx2', new),\n"
             "                         ('onnxruntime', 'avx2', ['avx2']), ('onnxruntime', 'avx512-vnni', new),\n"
             "                         ('mnn', 'avx2', new), ('onnxruntime', 'auto', new)]:\n"
             "    print(name, peers.cap(peers.BY_NAME[name], isa, flags))\n"),
      "openvino ({'ONEDNN_MAX_CPU_ISA': 'AVX2'}, None)\n"
      "onnxruntime (None, 'cannot be capped: it uses avx512_vnni, avx512f of this processor, and its wheel has no "
      "switch against it')\n"
      "onnxruntime ({}, None)\nonnxruntime ({}, None)\nmnn ({}, None)\nonnxruntime ({}, None)\n");
}

TEST_F(BenchPeers, WhyAWheelIsNotThereIsSaidInWords) {
  const std::string said = python(
      "import environments\n"
      "no = 'ERROR: Could not find a version that satisfies the requirement ncnn==9 (from versions: none)\\n'\n"
      "print(environments.why_not(no))\n"
      "print(environments.why_not('WARNING: Retrying ... Failed to establish a new connection\\n' + no))\n"
      "print(environments.why_not('ERROR: No space left on device'))\n"
      "print(environments.why_not('ERROR: a\\nERROR: b'))\n");
  expect_has(said, {"PyPI has no wheel of ncnn==9 for Python 3.",
                    "\nPyPI cannot be reached\nno space left on the disk\n"
                    "pip failed: ERROR: b\n"});
}

TEST_F(BenchPeers, ABusyMachineIsRefusedUnlessThatIsWanted) {
  const std::string said = python(
      "import bench_peers, machine\n"
      "from failure import Failure\n"
      "for share in (0.02, 0.5):\n"
      "    machine.busy_share = lambda seconds: share\n"
      "    try: print(bench_peers.require_quiet(False, 2)[1])\n"
      "    except Failure as error: print(error.code, error)\n"
      "print(bench_peers.require_quiet(True, 2)[1])\n");
  expect_has(said,
             {"0.02\n3 this machine is busy: 50 % of its processors' time", "measure all the same with --busy\n0.5\n"});
}

// Peers see the picture that `quench bench` makes for the native engine (runtime::noise_image).
TEST_F(BenchPeers, ThePictureIsThatOfQuenchBench) {
  const std::string hex = python("import pictures\nprint(pictures.timed(32).hex())\n");
  Rng rng(0, "bench image");
  std::string expected;
  for (int i = 0; i < 3 * 32 * 32; ++i) expected += fmt::format("{:02x}", rng.below(256));
  EXPECT_EQ(hex, expected + "\n");
}

/// A program and a peer that say when they are called, and a folder of results with a README.
class BenchPeersRun : public BenchPeers {
 protected:
  void SetUp() override {
    BenchPeers::SetUp();
    if (IsSkipped()) return;
    if (std::system("python3 -c 'import ensurepip, venv' >/dev/null 2>&1") != 0) GTEST_SKIP() << "python3 has no venv";
    stand_in("quench",
             "case $1 in\n"
             "--version) echo 1.2;;\n"
             "info) echo '{\"metadata\": {\"classes\": \"[\\\"a\\\"]\"}}';;\n"
             "bench) echo \"quench $*\" >>calls; echo '[{\"latency_p50_ns\": 3000000, \"latency_samples\": 5}]';;\n"
             "esac");
    stand_in("work/python/mnn/bin/python",
             "if grep -q '\"do\": \"prepare\"' \"$2\"; then\n"
             "  echo 'RESULT {\"runtime_version\": \"7.7\", \"outputs\": [[4, 1.5]]}'\n"
             "else\n"
             "  echo mnn >>calls; echo noise of its own\n"
             "  if [ -f dies ]; then echo 'out of luck' >&2; exit 3; fi\n"
             "  echo 'RESULT {\"latency_p50_ns\": 6000000, \"latency_samples\": 5, \"steady\": true}'\n"
             "fi");
    fs::copy_file(kPeers / "requirements/mnn.txt", folder_ / "work/python/mnn/requirements.txt");
    fs::create_directories(folder_ / "results");
    write_file(folder_ / "results/README.md",
               "# Speed\n<!-- machines: written by make bench-peers -->\nold\n<!-- end of machines -->\nmore\n");
  }
  void stand_in(const std::string& name, const std::string& body) const {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    write_file(path, "#!/bin/sh\n" + body + "\n");
    fs::permissions(path, fs::perms::owner_all);
  }
  Outcome measure(const std::string& arguments) const {
    return bench(
        "--busy --quench ./quench --work work --results results --machine m --runtimes mnn --models yolov5n "
        "--initial-weights --watch-seconds 0 --imgsz 32 --bits 8 --threads 1 --isa auto " +
        arguments);
  }
  int64_t calls(const std::string& who) const {
    if (!fs::exists(folder_ / "calls")) return 0;
    int64_t count = 0;
    for (const std::string& line : split_text(read_file(folder_ / "calls"), '\n')) count += line.starts_with(who);
    return count;
  }
};

TEST_F(BenchPeersRun, GoesOnWhereItStoppedAndWritesThePages) {
  Outcome outcome = measure("--rounds 1");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(calls("mnn"), 1);
  EXPECT_EQ(calls("quench bench "), 1);
  expect_has(read_file(folder_ / "calls"), {"--isa auto --threads 1 --min-samples 30 --min-seconds 1.0 --format json"});
  expect_has(outcome.out,
             {"1 round.", "| yolov5n | 1 | 3.00 (3.00 to 3.00) | 6.00 (6.00 to 6.00) | 0.50 (0.50 to 0.50) | MNN |"});
  EXPECT_EQ(read_file(folder_ / "results/m.md"), outcome.out);
  expect_has(outcome.out, {"`make bench-peers ARGS=\"--busy --quench quench --work work "});

  outcome = measure("--rounds 3");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(calls("mnn"), 3) << "the first round was there";
  expect_has(outcome.out, {"3 rounds."});
  const std::string readme = read_file(folder_ / "results/README.md");
  expect_has(readme, {"# Speed\n<!-- machines", "| [m](m.md) | auto | 3 | auto 0.50 to 0.50 |", "-->\nmore\n"});
  EXPECT_EQ(readme.find("old"), std::string::npos);
}

TEST_F(BenchPeersRun, RecordsOfOtherConditionsAreNotMixed) {
  ASSERT_EQ(measure("--rounds 1").code, 0);
  const Outcome outcome = measure("--rounds 1 --min-samples 7");
  EXPECT_EQ(outcome.code, 2);
  expect_has(outcome.err, {"records of other conditions (min_samples: 30, now 7): --anew puts them aside"});
  ASSERT_EQ(measure("--rounds 1 --min-samples 7 --anew").code, 0);
  EXPECT_EQ(calls("mnn"), 2);
}

TEST_F(BenchPeersRun, AContenderThatFailsHasAReasonAndTheOthersGoOn) {
  write_file(folder_ / "dies", "");
  const Outcome outcome = measure("--rounds 1");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_has(outcome.out, {"| 3.00 (3.00 to 3.00) | failed [1] |", "1. MNN: time failed with code 3: out of luck\n"});
}

}  // namespace
}  // namespace quench
