// trtexec's command lines, and the forms of what it writes (TensorRT's open sources: samples/common/sampleOptions.cpp,
// sampleReporting.cpp, samples/trtexec/trtexec.cpp, of releases 8.2 to 10.x).
#include <gtest/gtest.h>

#include <cmath>

#include "error_testing.h"
#include "runtime/trtexec.h"

namespace quench::runtime::trtexec {
namespace {

using Words = std::vector<std::string>;

const std::string kCommonHelp =
    "  --onnx=<file>  ONNX model\n  --saveEngine=<file>\n  --loadEngine=<file>\n  --shapes=spec\n  --loadInputs=spec\n"
    "  --iterations=N\n  --warmUp=N\n  --duration=N\n  --exposeDMA  Serialize DMA\n  --exportTimes=<file>\n"
    "  --exportOutput=<file>\n  --exportProfile=<file>\n  --separateProfileRun\n  --fp16\n  --int8\n";

Tool tool_of(const std::string& version, const std::string& more) {
  return read_help("/usr/src/tensorrt/bin/trtexec",
                   "&&&& RUNNING TensorRT.trtexec [TensorRT " + version + "] # trtexec --help\n" + kCommonHelp + more);
}
Tool jetpack_4() {
  return tool_of("v8201", "  --noTF32  Disable\n  --workspace=N  (default = 16)\n  --buildOnly  Skip\n");
}
Tool jetpack_6() {
  return tool_of("v100300", "  --noTF32\n  --memPoolSize=poolspec  (--workspace is gone)\n  --skipInference\n");
}
const Build kBuild{"m.onnx", "m.engine", "images:1x3x640x640", false, false};
const Run kRun{"m.engine", "images:1x3x640x640", "images", "/tmp/x/input.bin"};

bool has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

TEST(Trtexec, VersionIsReadFromTheBanner) {
  EXPECT_EQ(jetpack_4().version, "8.2.1");
  EXPECT_EQ(tool_of("v8001", "--buildOnly").version, "8.0.1");
  EXPECT_EQ(tool_of("v8602", "--skipInference").version, "8.6.2");
  EXPECT_EQ(jetpack_6().version, "10.3.0");
  EXPECT_EQ(tool_of("v100800] [b43", "--skipInference").version, "10.8.0");
  EXPECT_EQ(tool_of("v", "--buildOnly").version, "");
  EXPECT_EQ(read_help("t", kCommonHelp + "--buildOnly").version, "") << "as TensorRT 7 has it";
}

TEST(Trtexec, AToolThatLacksWhatIsNeededIsRefused) {
  const auto [kind, text] = error_of([] { read_help("/opt/trtexec", "  --onnx=<file>\n  --shapes\n"); });
  EXPECT_EQ(kind, ErrorKind::unsupported);
  for (const char* part : {"/opt/trtexec", "--exportTimes", "--skipInference"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  EXPECT_EQ(text.find("--onnx"), std::string::npos) << text;
  EXPECT_EQ(error_of([] { read_help("t", ""); }).first, ErrorKind::unsupported);
}

TEST(Trtexec, BuildsByTheFlagsOfItsVersion) {
  EXPECT_EQ(build_command(jetpack_4(), kBuild),
            (Words{"/usr/src/tensorrt/bin/trtexec", "--onnx=m.onnx", "--saveEngine=m.engine",
                   "--shapes=images:1x3x640x640", "--noTF32", "--workspace=1024", "--buildOnly"}));
  Build int8 = kBuild;
  int8.fp16 = int8.int8 = true;
  EXPECT_EQ(build_command(jetpack_6(), int8),
            (Words{"/usr/src/tensorrt/bin/trtexec", "--onnx=m.onnx", "--saveEngine=m.engine",
                   "--shapes=images:1x3x640x640", "--fp16", "--int8", "--noTF32", "--skipInference"}));
  EXPECT_TRUE(has(build_command(tool_of("v7103", "--explicitBatch --buildOnly"), kBuild), "--explicitBatch"));
}

TEST(Trtexec, WhatChangesAnEngineNamesIt) {
  const std::string key = build_key(jetpack_4(), kBuild);
  Build other = kBuild;
  other.engine = "elsewhere.engine";
  other.onnx = "same.onnx";
  EXPECT_EQ(build_key(jetpack_4(), other), key);
  other.fp16 = true;
  EXPECT_NE(build_key(jetpack_4(), other), key);
  other = kBuild;
  other.shapes = "images:2x3x640x640";
  EXPECT_NE(build_key(jetpack_4(), other), key);
  EXPECT_NE(build_key(jetpack_6(), kBuild), key);
}

TEST(Trtexec, TimesAndOutputsAreAskedForWithoutOverlap) {
  Timing timing{200, 2, 1000, "t.json", {}};
  Words words = timing_command(jetpack_4(), kRun, timing);
  EXPECT_EQ(words, (Words{"/usr/src/tensorrt/bin/trtexec", "--loadEngine=m.engine", "--shapes=images:1x3x640x640",
                          "--loadInputs=images:/tmp/x/input.bin", "--iterations=200", "--duration=2", "--warmUp=1000",
                          "--exposeDMA", "--exportTimes=t.json"}));
  timing.profile = "p.json";
  words = timing_command(jetpack_6(), kRun, timing);
  EXPECT_TRUE(has(words, "--exportProfile=p.json"));
  EXPECT_TRUE(has(words, "--separateProfileRun")) << "the profiler shall not slow the timed runs";
  EXPECT_EQ(output_command(jetpack_6(), kRun, "o.json"),
            (Words{"/usr/src/tensorrt/bin/trtexec", "--loadEngine=m.engine", "--shapes=images:1x3x640x640",
                   "--loadInputs=images:/tmp/x/input.bin", "--iterations=1", "--duration=0", "--warmUp=0",
                   "--exportOutput=o.json"}));
}

TEST(Trtexec, InputNamesThatItsListsCannotHoldAreRefused) {
  EXPECT_EQ(shape_spec("images", {1, 3, 64, 96}), "images:1x3x64x96");
  for (const char* name : {"", "input:0", "a,b", "it's", "two words"}) {
    EXPECT_EQ(error_of([&] { shape_spec(name, {1}); }).first, ErrorKind::unsupported) << name;
  }
}

// Rows as TensorRT 8.2 writes them: the warm-up is among them, and `endToEndMs`.
const char* const kOldTimes = R"([
  { "startEnqMs" : 0.01, "endEnqMs" : 0.1, "startH2dMs" : 0.02, "endH2dMs" : 0.3, "startComputeMs" : 0.3, "endComputeMs" : 60.3, "startD2hMs" : 60.3, "endD2hMs" : 60.5, "h2dMs" : 0.28, "computeMs" : 60, "d2hMs" : 0.2, "latencyMs" : 60.48, "endToEndMs" : 60.48 }
, { "startEnqMs" : 210, "endEnqMs" : 210.1, "startH2dMs" : 210, "endH2dMs" : 210.25, "startComputeMs" : 210.25, "endComputeMs" : 241.5, "startD2hMs" : 241.5, "endD2hMs" : 241.75, "h2dMs" : 0.25, "computeMs" : 31.25, "d2hMs" : 0.25, "latencyMs" : 31.75, "endToEndMs" : 31.75 }
, { "startEnqMs" : 242, "endEnqMs" : 242.1, "startH2dMs" : 242, "endH2dMs" : 242.25, "startComputeMs" : 242.25, "endComputeMs" : 273.75, "startD2hMs" : 273.75, "endD2hMs" : 274, "h2dMs" : 0.25, "computeMs" : 31.5, "d2hMs" : 0.25, "latencyMs" : 32, "endToEndMs" : 32 }
]
)";

TEST(Trtexec, TimesAreThoseAfterTheWarmUp) {
  const Times times = parse_times(kOldTimes, 200, "t.json");
  EXPECT_EQ(times.latencies_ns, (std::vector<int64_t>{31'750'000, 32'000'000}));
  EXPECT_EQ(times.compute_ns, (std::vector<int64_t>{31'250'000, 31'500'000}));
  EXPECT_EQ(times.warm_up_runs, 1);
  EXPECT_DOUBLE_EQ(times.seconds, 0.064);
  EXPECT_EQ(parse_times(kOldTimes, 0, "t.json").latencies_ns.size(), 3u);
}

TEST(Trtexec, TimesOfAnotherFormAreRefused) {
  const std::string good = R"({"startComputeMs": 1, "startH2dMs": 0, "endD2hMs": 3, "computeMs": 1, "latencyMs": 2})";
  EXPECT_EQ(parse_times("[" + good + "]", 0, "t").latencies_ns.size(), 1u);
  for (const std::string& text : std::vector<std::string>{
           "", "[", "{}", "[]", "[1]", "[" + good + ", {\"latencyMs\": 2}]", "[null]",
           R"([{"startComputeMs": 1, "startH2dMs": 0, "endD2hMs": 3, "computeMs": 1, "latencyMs": -2}])",
           R"([{"startComputeMs": "1"}])"}) {
    const auto [kind, message] = error_of([&] { parse_times(text, 0, "times.json"); });
    EXPECT_EQ(kind, ErrorKind::backend) << text;
    EXPECT_NE(message.find("times.json"), std::string::npos) << message;
  }
  EXPECT_NE(error_of([&] { parse_times(kOldTimes, 1000, "t"); }).second.find("3 of the warm-up"), std::string::npos);
}

// Quoted from a log of trtexec; newer versions add medianMs.
TEST(Trtexec, ProfileGivesTheLayers) {
  const std::vector<LayerTime> layers = parse_profile(R"json([
  { "count" : 625 }
, { "name" : "Conv_0 + PWN(Clip_3)", "timeMs" : 41.4232, "averageMs" : 0.0662771, "percentage" : 1.36062 }
, { "name" : "/conv1/Conv + /act1/Relu", "timeMs" : 1160.78, "averageMs" : 0.0280382, "medianMs" : 0.027872, "percentage" : 98.6 }
])json",
                                                      "p.json");
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].layer, "Conv_0 + PWN(Clip_3)");
  EXPECT_EQ(layers[0].time_ns, 66'277);
  EXPECT_EQ(layers[1].time_ns, 28'038);
  for (const char* text : {"", "{}", R"([{"name": 3}])", R"([{"name": "x"}])", "[7]"}) {
    EXPECT_EQ(error_of([&] { parse_profile(text, "p"); }).first, ErrorKind::backend) << text;
  }
}

TEST(Trtexec, OutputsMayHoldWhatJsonCannot) {
  const auto outputs = parse_outputs(
      "[\n  { \"name\" : \"output0\"\n  , \"dimensions\" : \"1x2x3\"\n  , \"values\" : [ 1, -2.5e-07, nan, inf, -inf, "
      "3.40282e+38 ]\n  }\n, { \"name\" : \"b\"\n  , \"dimensions\" : \"2\"\n  , \"values\" : [ 0, -0 ]\n  }\n]\n",
      "o.json");
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0].name, "output0");
  EXPECT_EQ(outputs[0].tensor.shape(), (Shape{1, 2, 3}));
  const auto values = outputs[0].tensor.values<float>();
  EXPECT_EQ(values[1], -2.5e-7f);
  EXPECT_TRUE(std::isnan(values[2]));
  EXPECT_EQ(values[4], -INFINITY);
  EXPECT_EQ(values[5], 3.40282e+38f);
  EXPECT_EQ(outputs[1].tensor.shape(), Shape{2});
  EXPECT_TRUE(parse_outputs("[\n]\n", "o").empty());
}

TEST(Trtexec, OutputsOfAnotherFormAreRefused) {
  const std::string good = R"([ { "name" : "o" , "dimensions" : "1x2" , "values" : [ 1, 2 ] } ])";
  EXPECT_EQ(parse_outputs(good, "o").size(), 1u);
  for (size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(error_of([&] { parse_outputs(good.substr(0, cut), "o.json"); }).first, ErrorKind::backend) << cut;
  }
  for (const char* text :
       {R"([ { "name" : "o" , "dimensions" : "1x3" , "values" : [ 1, 2 ] } ])",
        R"([ { "name" : "o" , "dimensions" : "1x-2" , "values" : [ 1, 2 ] } ])",
        R"([ { "name" : "o" , "dimensions" : "1, 2" , "values" : [ 1, 2 ] } ])",
        R"([ { "name" : "o" , "dimensions" : "9999999999x9999999999" , "values" : [ 1 ] } ])",
        R"([ { "values" : [ 1, 2 ] } ])", R"([ { "name" : "o" , "dimensions" : "1" , "values" : [ x ] } ])"}) {
    EXPECT_THROW(parse_outputs(text, "o.json"), Error) << text;
  }
}

TEST(Trtexec, FailuresAreToldInItsOwnWords) {
  EXPECT_EQ(failure_text("[11/23/2026-09:00:00] [I] fine\n",
                         "[11/23/2026-09:00:01] [E] Engine could not be created from network\n"
                         "[11/23/2026-09:00:01] [E] Building engine failed\n"),
            "Engine could not be created from network; Building engine failed");
  EXPECT_EQ(failure_text("line\n", "trtexec: error while loading shared libraries: libnvinfer.so.8\n"),
            "trtexec: error while loading shared libraries: libnvinfer.so.8");
  EXPECT_EQ(failure_text("only this\n", ""), "only this");
  EXPECT_EQ(failure_text("", ""), "");
}

}  // namespace
}  // namespace quench::runtime::trtexec
