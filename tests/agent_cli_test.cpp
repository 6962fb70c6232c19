// quench-agent itself: what it prints, where, and its exit code; its scores against plain code.

#include <map>
#include <set>

#include "agent_testing.h"
#include "core/hash.h"
#include "graph/onnx_read.h"
#include "graph_samples.h"
#include "metrics/coco_map.h"
#include "metrics/top_k.h"
#include "models/decode.h"
#include "pack/file.h"
#include "pack_samples.h"
#include "record/store.h"
#include "runtime/native/native.h"
#include "score/evaluation.h"

namespace quench {
namespace {

/// Raw outputs of every image of a pack, image by image.
std::vector<std::vector<Tensor>> outputs_of(const fs::path& model, const fs::path& pack) {
  const graph::ModelFile file = graph::read_model(model);
  const auto session = runtime::native_runtime()->load(file, {});
  const pack::Reader reader(pack);
  std::vector<std::vector<Tensor>> all;
  for (int64_t i = 0; i < reader.header().count(); ++i) {
    all.push_back(session->run(runtime::to_input(reader.read(i, 1), session->input_dtype())));
  }
  return all;
}

TEST_F(Agent, InfoTellsTheMachineAndTheRuntimes) {
  const Outcome outcome = agent("info");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json info = parse_json(outcome.out, "info");
  EXPECT_FALSE(info["quench_version"].get<std::string>().empty());
  EXPECT_TRUE(info["architecture"] == "x86_64" || info["architecture"] == "aarch64") << info["architecture"];
  EXPECT_GE(info["machine"]["logical_cores"].get<int>(), 1);
  EXPECT_EQ(info["runtimes"][0]["runtime"], "native");
  EXPECT_EQ(info["runtimes"][0]["available"], true);
}

TEST_F(Agent, ScoresAClassifierAsPlainCodeDoes) {
  for (const std::string model : {"float.onnx", "int8.onnx"}) {
    metrics::TopK expected;
    const auto outputs = outputs_of(folder_ / model, folder_ / "classify.qpack");
    for (size_t i = 0; i < outputs.size(); ++i) {
      expected.add(outputs[i][0].values<float>(), 4, std::span(&classify_.labels[i], 1));
    }
    const record::Record record = one_record("eval " + model + " --pack classify.qpack");
    EXPECT_EQ(record.status, "ok");
    EXPECT_EQ(record.task, "classify");
    EXPECT_EQ(record.top1, expected.top1());
    EXPECT_EQ(record.top5, 1);
    EXPECT_LT(*record.top1_low, *record.top1);
    EXPECT_EQ(record.samples, 40);
    EXPECT_EQ(record.imgsz, 32);
    EXPECT_EQ(record.data, "noise");
    EXPECT_EQ(record.runtime, "native");
    EXPECT_EQ(record.device, "host");
    EXPECT_EQ(record.cell, model);
    EXPECT_EQ(record.model_sha256, sha256_file(folder_ / model));
    EXPECT_EQ(record.config["pack_sha256"], pack::Reader(folder_ / "classify.qpack").sha256());
    EXPECT_EQ(record.config["data_sha256"], "d1");
    EXPECT_FALSE(record.latency_p50_ns || record.map_50);
    EXPECT_TRUE(record.host && record.time && record.quench_version && record.params && record.gflops);
  }
}

TEST_F(Agent, ScoresADetectorAsPlainCodeDoes) {
  const models::DetectHead head = models::detect_head(agent::samples::detector(false));
  metrics::CocoEvaluation coco({{0, "cup"}, {1, "jug"}});
  const auto outputs = outputs_of(folder_ / "detect.onnx", folder_ / "detect.qpack");
  for (int64_t i = 0; i < detect_.count(); ++i) {
    const pack::Image& image = detect_.images[static_cast<size_t>(i)];
    const models::NmsOptions nms{.confidence = 0.002f, .iou = 0.5};
    for (const auto& d : non_max_suppression(models::decode(head, outputs[static_cast<size_t>(i)], 0, 0.002f), nms)) {
      const Box b = image.letterbox.to_image(d.box);
      coco.add_detection({i, d.label, b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1, d.score});
    }
    for (const Object& o : image.objects) {
      coco.add_truth({i, o.label, o.box.x1, o.box.y1, o.box.x2 - o.box.x1, o.box.y2 - o.box.y1, o.area, o.crowd});
    }
  }
  const metrics::CocoResult expected = coco.evaluate();
  ASSERT_GT(expected.map_50_95.value_or(0), 0.05);
  ASSERT_GT(expected.crowds, 0);
  const record::Record record =
      one_record("eval detect.onnx --pack detect.qpack --confidence 0.002 --iou 0.5 --device nano --cell c1");
  EXPECT_EQ(record.task, "detect");
  EXPECT_EQ(record.map_50_95, expected.map_50_95);
  EXPECT_EQ(record.map_50, expected.map_50);
  EXPECT_EQ(record.map_75, expected.map_75);
  EXPECT_EQ(record.map_small, expected.map_small);
  EXPECT_EQ(record.ar_100, expected.ar_100);
  EXPECT_EQ(record.samples, 12);
  EXPECT_EQ(record.device, "nano");
  EXPECT_EQ(record.cell, "c1");
  EXPECT_FALSE(record.top1);
  EXPECT_EQ(record.config["confidence"], 0.002);
}

// The digest is over every bit of every raw output, whatever the threads, the batch and the order of work.
TEST_F(Agent, DigestsRawOutputs) {
  for (const auto& [model, pack] : std::map<std::string, std::string>{
           {"int8.onnx", "classify.qpack"}, {"detect.onnx", "detect.qpack"}, {"detect-int8.onnx", "detect.qpack"}}) {
    std::string hex;
    for (const std::vector<Tensor>& image : outputs_of(folder_ / model, folder_ / pack)) {
      Sha256 digest;
      for (const Tensor& output : image) digest.update({output.bytes(), output.size_bytes()});
      hex += digest.hex();
    }
    const std::string eval = "eval " + model + " --pack " + pack + " --digest";
    for (const char* how : {"", " --threads 3", " --batch 5", " --state s.jsonl", " --state s.jsonl"}) {
      EXPECT_EQ(one_record(eval + how).config.value("outputs_sha256", ""), sha256_hex(hex)) << model << how;
    }
    fs::remove(folder_ / "s.jsonl");
    EXPECT_NE(one_record(eval + " --limit 11").config.value("outputs_sha256", ""), sha256_hex(hex));
  }
}

TEST_F(Agent, BenchesModelsInTurn) {
  const auto all =
      records(agent("bench int8.onnx float.onnx --min-samples 20 --min-seconds 0 --max-warm-up-seconds 0"));
  ASSERT_EQ(all.size(), 2u);
  for (const record::Record& record : all) {
    EXPECT_EQ(record.status, "ok");
    EXPECT_EQ(record.latency_samples, 20);
    EXPECT_GT(*record.latency_p50_ns, 0);
    EXPECT_LE(*record.latency_p50_ns, *record.latency_p90_ns);
    EXPECT_LE(*record.latency_p90_ns, *record.latency_p99_ns);
    EXPECT_EQ(record.threads, 1);
    EXPECT_FALSE(record.top1 || record.data);
  }
  EXPECT_EQ(all[0].cell, "int8.onnx");
  EXPECT_NE(all[0].model_sha256, all[1].model_sha256);
  EXPECT_EQ(one_record("bench int8.onnx --pack classify.qpack --min-samples 3 --min-seconds 0").data, "noise");
}

TEST_F(Agent, TimesSingleLayers) {
  write_file(folder_ / "layers.json",
             R"([{"shape": {"op": "conv", "size": [8, 8], "kernel": [3, 3], "stride": [2, 2], "padding": [1, 1],)"
             R"( "dilation": [1, 1], "groups": 1, "activation": "silu", "integers": true}, "in": 5, "out": [4, 9]},)"
             R"( {"shape": {"op": "add", "size": [4, 4]}, "in": 7, "out": [7]}])");
  const record::Record record = one_record("layers layers.json --threads 2");
  EXPECT_EQ(record.status, "ok");
  EXPECT_EQ(record.threads, 2);
  const Json times = record.config.at("layer_times_ns");
  ASSERT_EQ(times.size(), 2u);
  ASSERT_EQ(times[0].size(), 2u);
  ASSERT_EQ(times[1].size(), 1u);
  EXPECT_GT(times[0][1].get<double>(), 0);
  write_file(folder_ / "bad.json", R"([{"shape": {"op": "add", "size": [4, 4]}, "in": 7, "out": [8]}])");
  expect_error("layers bad.json", 2, {"bad.json", "output channels"});
  expect_error("layers float.onnx", 2, {"float.onnx"});
  expect_error("layers missing.json", 3, {"missing.json"});
}

TEST_F(Agent, RunGivesAccuracyAndLatencyInOneRecord) {
  const std::string arguments = " int8.onnx --pack classify.qpack --threads 2 ";
  const record::Record run = one_record("run" + arguments + "--min-samples 5 --min-seconds 0 --out r/records.jsonl");
  EXPECT_EQ(run.latency_samples, 5);
  EXPECT_EQ(run.threads, 2);
  EXPECT_EQ(run.top1, one_record("eval" + arguments).top1);
  EXPECT_EQ(run.samples, 40);

  ASSERT_EQ(agent("eval" + arguments + "--limit 10 --out r/records.jsonl").code, 0);
  const record::Loaded kept = record::load(folder_ / "r/records.jsonl");
  ASSERT_EQ(kept.records.size(), 2u);
  EXPECT_EQ(record::to_json(kept.records[0]), record::to_json(run));
  EXPECT_EQ(kept.records[1].samples, 10);
  expect_error("eval" + arguments + "--progress none --out /dev/full", 3, {"/dev/full"});
}

// What is said of each image goes to a file of its own, which the host compares with its simulation.
TEST_F(Agent, WritesWhatTheModelSaysOfEachImage) {
  const auto said = [&](const std::string& eval) {
    const record::Record record = one_record(eval + " --predictions said.json");
    EXPECT_FALSE(record.config.contains("predictions")) << "no setting that results depend on";
    const score::Evaluation out = score::evaluation_from(read_json(folder_ / "said.json"), "said.json");
    EXPECT_EQ(out.samples, record.samples);
    fs::remove(folder_ / "said.json");
    return out;
  };
  const auto outputs = outputs_of(folder_ / "int8.onnx", folder_ / "classify.qpack");
  const score::Evaluation classes = said("eval int8.onnx --pack classify.qpack --batch 7");
  ASSERT_EQ(classes.predictions.size(), 40u);
  for (size_t i = 0; i < 40; ++i) {
    const auto scores = outputs[i][0].values<float>();
    EXPECT_EQ(classes.predictions[i], std::ranges::max_element(scores) - scores.begin()) << i;
  }
  const std::string eval = "run int8.onnx --pack classify.qpack --min-samples 3 --min-seconds 0 --state s ";
  EXPECT_TRUE(said(eval) == classes);
  EXPECT_TRUE(said(eval) == classes) << "from the journal alone";
  graph::Graph loud = agent::samples::detector(false);  // one that is sure of what it sees
  for (auto& [name, weight] : loud.weights) {
    if (name.find(".cv3.") == std::string::npos || !name.ends_with(".2.bias")) continue;
    for (float& value : weight.value.mutable_values<float>()) value = 0;
  }
  graph::save_onnx(loud, folder_ / "loud.onnx");
  const score::Evaluation found = said("eval loud.onnx --pack detect.qpack --limit 5");
  ASSERT_EQ(found.detections.size(), 5u);
  const models::DetectHead head = models::detect_head(loud);
  const auto raw = outputs_of(folder_ / "loud.onnx", folder_ / "detect.qpack");
  for (size_t i = 0; i < 5; ++i) {
    std::vector<models::Detection> expected = non_max_suppression(models::decode(head, raw[i], 0, 0.25f), {});
    ASSERT_FALSE(expected.empty());
    if (expected.size() > found.detections[i].size()) expected.resize(found.detections[i].size());
    ASSERT_GT(expected.size(), 0u) << i;
    for (size_t k = 0; k < expected.size(); ++k) {
      const Box box = detect_.images[i].letterbox.to_image(expected[k].box);
      EXPECT_EQ(found.detections[i][k].label, expected[k].label);
      EXPECT_GE(found.detections[i][k].score, score::kShownConfidence);
      EXPECT_DOUBLE_EQ(found.detections[i][k].box.x1, box.x1) << i << " " << k;
    }
  }
  expect_error("eval int8.onnx --pack classify.qpack --progress none --predictions /proc/no/said", 3, {"/proc/no"});
}

TEST_F(Agent, WhatARuntimeCannotDoIsARecord) {
  // As QAT trains it: weights that are float still.
  const graph::samples::QuantizeOptions prepared{.integer = false, .pixels = true};
  graph::save_onnx(graph::samples::quantized(agent::samples::classifier(false), prepared), folder_ / "prepared.onnx");
  const record::Record record = one_record("eval prepared.onnx --pack classify.qpack --out r.jsonl", 1);
  EXPECT_EQ(record.status, "unsupported");
  EXPECT_NE(record.reason.value_or("").find("convert first"), std::string::npos) << record.reason.value_or("");
  EXPECT_FALSE(record.top1);
  EXPECT_EQ(record::load(folder_ / "r.jsonl").records.size(), 1u);
  const auto both = records(agent("bench prepared.onnx int8.onnx --min-samples 3 --min-seconds 0"), 1);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].status, "unsupported");
  EXPECT_EQ(both[1].latency_samples, 3);
}

TEST_F(Agent, PacksAndModelsThatDoNotFit) {
  const auto expect_misfit = [&](const std::string& model, const std::string& pack, std::vector<std::string> parts) {
    for (const char* command : {"eval ", "run "}) {
      expect_error(command + model + " --pack " + pack + " --progress none --out none.jsonl", 2, parts);
    }
    EXPECT_FALSE(fs::exists(folder_ / "none.jsonl"));
  };
  agent::samples::write_classify_pack(folder_ / "large.qpack", 2, 64);
  expect_misfit("float.onnx", "large.qpack", {"[3,32,32]", "[3,64,64]"});
  expect_misfit("detect.onnx", "classify.qpack", {"'detect'", "'classify'"});
  expect_misfit("float.onnx", "detect.qpack", {"'detect'", "'classify'"});

  pack::Header fewer = classify_;
  fewer.classes.pop_back();
  for (int32_t& label : fewer.labels) label = std::min(label, 2);
  pack::samples::write_noise(folder_ / "fewer.qpack", fewer);
  expect_misfit("float.onnx", "fewer.qpack", {"4 classes", "ape", "3"});
  pack::Header others = detect_;
  others.classes = {"cup", "mug"};
  pack::samples::write_noise(folder_ / "others.qpack", others);
  expect_misfit("detect.onnx", "others.qpack", {"classes"});
  expect_error("bench float.onnx --pack large.qpack", 2, {"[1,3,32,32]", "large.qpack"});
}

TEST_F(Agent, BrokenFiles) {
  const std::string whole = read_file(folder_ / "classify.qpack");
  pack::samples::put(folder_ / "cut.qpack", whole.substr(0, whole.size() - 100));
  expect_error("eval float.onnx --pack cut.qpack", 2, {"cut.qpack", "truncated?"});
  expect_error("run float.onnx --pack float.onnx", 2, {"a sample pack"});
  expect_error("eval float.onnx --pack nowhere.qpack", 3, {"nowhere.qpack"});
  expect_error("eval nowhere.onnx --pack classify.qpack", 3, {"nowhere.onnx"});
  expect_error("eval classify.qpack --pack classify.qpack", 2, {"classify.qpack"});
  write_file(folder_ / "net.pt", std::string("PK\x03\x04") + "archive/data.pkl");
  write_file(folder_ / "net.safetensors", std::string("\x02\0\0\0\0\0\0\0{}", 10));
  for (const std::string file : {"net.pt", "net.safetensors"}) {
    for (const std::string command :
         {"eval " + file + " --pack classify.qpack", "bench " + file, "predict " + file + " --source classify.qpack"}) {
      expect_error(command, 2, {"reads ONNX", "`quench import " + file + " -o net.onnx`"});
    }
  }
  std::string damaged = whole;
  damaged[damaged.size() - 5] ^= 1;
  pack::samples::put(folder_ / "damaged.qpack", damaged);
  expect_error("eval float.onnx --pack damaged.qpack --progress none --out none.jsonl", 2, {"image 39", "damaged"});
  EXPECT_FALSE(fs::exists(folder_ / "none.jsonl"));
  expect_error("check damaged.qpack --progress none", 2, {"image 39", "damaged.qpack"});

  const Outcome outcome = agent("check classify.qpack detect.qpack --progress none");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const auto lines = split_text(outcome.out, '\n');
  EXPECT_EQ(parse_json(lines.at(0), "check")["images"], 40);
  EXPECT_EQ(parse_json(lines.at(1), "check")["task"], "detect");
}

TEST_F(Agent, UsageErrors) {
  expect_error("", 2, {"subcommand"});
  expect_error("evaluate x", 2, {"did you mean 'eval'"});
  expect_error("eval float.onnx", 2, {"--pack FILE"});
  expect_error("eval float.onnx --pack classify.qpack --thread 2", 2, {"did you mean '--threads'"});
  expect_error("eval float.onnx --pack classify.qpack --batch 0", 2, {"batch"});
  expect_error("eval float.onnx --pack classify.qpack --runtime nativ", 2, {"nativ", "did you mean 'native'"});
  expect_error("eval float.onnx --pack classify.qpack --rect", 2, {"--rect"});
  expect_error("bench", 2, {"MODEL"});
}

TEST_F(Agent, ProgressAsJsonLines) {
  const auto events = [](const Outcome& outcome) {
    std::vector<Json> all;
    for (const std::string& line : split_text(outcome.err, '\n')) {
      if (!line.empty()) all.push_back(parse_json(line, "stderr"));
    }
    return all;
  };
  const Outcome outcome = agent("run int8.onnx --pack classify.qpack --progress json --min-samples 3 --min-seconds 0");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  std::set<std::string> kinds;
  for (const Json& event : events(outcome)) kinds.insert(event.at("event").get<std::string>());
  EXPECT_TRUE(kinds.contains("info")) << outcome.err;
  EXPECT_TRUE(kinds.contains("progress")) << outcome.err;
  const Outcome wrong = agent("eval float.onnx --pack detect.qpack --progress json");
  EXPECT_EQ(wrong.code, 2);
  ASSERT_EQ(events(wrong).size(), 1u) << wrong.err;
  EXPECT_EQ(events(wrong)[0]["event"], "error");
  EXPECT_EQ(events(wrong)[0]["kind"], "data");
}

TEST_F(Agent, RunsOtherRuntimesToo) {
  const Json info = parse_json(agent("info").out, "info");
  for (const Json& runtime : info["runtimes"]) {
    const std::string name = runtime["runtime"];
    const std::string eval = "eval float.onnx --pack classify.qpack --runtime " + name;
    if (runtime["available"] == true) {
      EXPECT_EQ(one_record(eval).runtime, name);
    } else {
      EXPECT_EQ(one_record(eval, 1).status, "unsupported");
    }
  }
}

TEST_F(Agent, OutputsThatMeanNothingHaveNoScore) {
  for (const std::string model : {"float.onnx", "detect.onnx"}) {
    graph::Graph graph = graph::read_model(folder_ / model).graph;
    for (auto& [name, weight] : graph.weights) {
      if (!name.ends_with("conv.weight")) continue;
      for (float& value : weight.value.mutable_values<float>()) value = value < 0 ? -1e15f : 1e15f;
    }
    graph::save_onnx(graph, folder_ / "values.onnx");
    graph.weights.at("model.0.conv.weight").value.mutable_values<float>()[0] = 1e30f;
    graph::save_onnx(graph, folder_ / "weight.onnx");
    const std::string on =
        std::string(" --progress none --pack ") + (model[0] == 'f' ? "classify" : "detect") + ".qpack";
    expect_error("eval weight.onnx" + on, 2, {"1e+30", "weight model.0.conv.weight"});
    expect_error("eval values.onnx" + on, 2, {"expected outputs of finite values"});
  }
}

TEST_F(Agent, NamesOfFilesAreShownAndHarmless) {
  fs::copy_file(folder_ / "float.onnx", folder_ / "a\x1b[31m\xff.onnx");
  const Outcome outcome = agent("eval 'a\x1b[31m\xff.onnx' --pack classify.qpack --limit 2 --progress json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ((outcome.out + outcome.err).find('\x1b'), std::string::npos);
  EXPECT_TRUE(try_parse_json(outcome.out)) << outcome.out;
  expect_error("eval 'no\x1b[2J\xff' --pack classify.qpack", 3, {"no\\x1b[2J\\xff"});
}

}  // namespace
}  // namespace quench
