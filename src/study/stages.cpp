#include "study/stages.h"

#include <thread>

#include "core/file.h"
#include "core/hash.h"
#include "data/sets/sample_pack.h"
#include "graph/onnx_write.h"
#include "steps/compress.h"
#include "steps/start.h"
#include "train/loop/trainer.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

Json to_json(const score::Scores& scores) {
  Json json = Json::object();
  for (const score::Score& score : scores) json[score.name] = score.value;
  return json;
}

Json to_json(const inference::Evaluation& evaluation) {
  Json detections = Json::array();
  for (const auto& image : evaluation.detections) {
    Json& boxes = detections.emplace_back(Json::array());
    for (const models::Detection& d : image) {
      boxes.push_back(Json::array({d.label, d.score, d.box.x1, d.box.y1, d.box.x2, d.box.y2}));
    }
  }
  return {{"scores", to_json(evaluation.scores)},
          {"samples", evaluation.samples},
          {"predictions", evaluation.predictions},
          {"detections", detections}};
}

inference::Evaluation evaluation_from(const Json& json) {
  inference::Evaluation out;
  for (const auto& [name, value] : json.at("scores").items()) out.scores.push_back({name, value.get<double>()});
  out.samples = json.at("samples");
  out.predictions = json.at("predictions").get<std::vector<int32_t>>();
  for (const Json& image : json.at("detections")) {
    std::vector<models::Detection>& boxes = out.detections.emplace_back();
    for (const Json& d : image) {
      boxes.push_back({{d.at(2).get<double>(), d.at(3).get<double>(), d.at(4).get<double>(), d.at(5).get<double>()},
                       d.at(1).get<float>(),
                       d.at(0).get<int32_t>()});
    }
  }
  return out;
}

}  // namespace

fs::path data_root_of(const Json& options, const fs::path& fallback) {
  return options["data_root"].is_string() ? fs::path(options["data_root"].get<std::string>()) : fallback;
}

namespace {

void warn_of_labels(const data::Dataset& split, const char* name, const LogSink& log) {
  const std::vector<data::LabelIssue> issues = split.issues();
  if (issues.empty()) return;
  log.warning(fmt::format("{} wrong labels in the {} split, the first: {}:{}: {} (`quench data check` lists them)",
                          issues.size(), name, issues[0].file, issues[0].line, issues[0].problem));
}

}  // namespace

data::Splits open_data(const Json& options, const fs::path& data_root, const LogSink& log) {
  const fs::path root = data_root_of(options, data_root);
  data::Splits splits = data::open(steps::find_file(options["data"].get<std::string>(), root).string(), root);
  warn_of_labels(*splits.train, "training", log);
  if (splits.same_images) {
    log.warning("training and test images are the same: accuracy says nothing of new images");
  } else {
    warn_of_labels(*splits.test, "test", log);
  }
  if (const int64_t limit = options["train_limit"]; limit > 0) splits.train = data::limited(splits.train, limit, 0);
  if (const int64_t limit = options["test_limit"]; limit > 0) splits.test = data::first_images(splits.test, limit);
  return splits;
}

Stages::Stages(const StudyFile& study, fs::path folder, fs::path data_root, const runtime::Registry& registry,
               const LogSink& log, const CancelToken& cancel)
    : study_(study),
      folder_(std::move(folder)),
      data_root_(std::move(data_root)),
      registry_(registry),
      log_(log),
      cancel_(cancel) {}

const data::Splits& Stages::data() {
  if (!data_) data_ = open_data(study_.data, data_root_, log_);
  return *data_;
}

fs::path Stages::stage_folder(const std::string& kind, const Json& inputs) const {
  return folder_ / (kind + "-" + stage_hash(inputs));
}

template <typename Make>
fs::path Stages::model_of(const fs::path& stage, const Json& inputs, const Make& make) {
  fs::path model = stage / "model.onnx";
  if (fs::exists(model)) return model;
  if (const auto failed = failures_.find(stage.string()); failed != failures_.end()) throw failed->second;
  try {
    write_file(stage / "inputs.json", inputs.dump(2) + "\n");
    graph::save_onnx(make(), model);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::cancelled) failures_.emplace(stage.string(), e);
    throw;
  }
  return model;
}

fs::path Stages::trained(const Cell& cell) {
  const Json inputs = training(cell);
  const fs::path stage = stage_folder("train", inputs);
  return model_of(stage, inputs, [&] {
    const Json& model = cell.model.model;
    const graph::Graph start = steps::starting_graph(model, data(), static_cast<uint64_t>(cell.seed),
                                                     data_root_of(study_.data, data_root_), log_);
    if (cell.model.train["epochs"] == 0) return start;
    log_.info(fmt::format("training {} on {} (seed {})", model["model"].get<std::string>(), data().name, cell.seed));
    Json config = cell.model.train;
    config["imgsz"] = start.edge(start.inputs.at(0)).shape.at(2);
    const train::FitResult result = train::fit(start, data(), config, {stage, &log_, &cancel_, true});
    write_file(stage / "result.json", Json{{"scores", to_json(result.scores)},
                                           {"epochs", result.epochs},
                                           {"images_per_second", result.images_per_second},
                                           {"seconds", result.seconds}}
                                              .dump(2) +
                                          "\n");
    return result.graph;
  });
}

fs::path Stages::artifact(const Cell& cell) {
  const fs::path parent = trained(cell);
  if (cell.method.method == "fp32") return parent;
  Json inputs = quantize_inputs(study_, cell);
  inputs["train"] = training(cell);
  const fs::path stage = stage_folder(cell.method.method, inputs);
  return model_of(stage, inputs, [&] {
    log_.info(fmt::format("{} {} ({})", cell.method.method, cell.model.model["model"].get<std::string>(),
                          cell.method.setting));
    return steps::compress(graph::read_model(parent), data(),
                           {cell.method.method, cell.method.quantize, cell.method.qat}, stage, log_, cancel_);
  });
}

Json Stages::training(const Cell& cell) const {
  Json inputs = train_inputs(study_, cell);
  const Json& weights = cell.model.model["pretrained"];
  if (weights.is_null()) return inputs;
  const fs::path file = steps::find_file(weights.get<std::string>(), data_root_of(study_.data, data_root_));
  inputs["weights_sha256"] = sha256_hex(read_file(file));
  return inputs;
}

inference::Evaluation Stages::evaluation(const graph::ModelFile& model, const std::string& runtime) {
  const runtime::Runtime& engine = registry_.require(runtime);
  const Json inputs{{"model_sha256", model.sha256},
                    {"data", portable_data(study_.data)},
                    {"digest", data().test->digest()},
                    {"runtime", runtime},
                    {"detect", data().test->task() == "detect" ? study_.detect : Json()},
                    {"version", engine.availability().version}};
  const fs::path file = stage_folder("eval", inputs) / "evaluation.json";
  if (fs::exists(file)) return evaluation_from(read_json(file));
  log_.info(fmt::format("evaluating {} with {}", model.path.parent_path().filename().string(), runtime));
  runtime::SessionOptions options;
  options.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  inference::Engine loaded(engine, model, options);
  const inference::Evaluation result =
      inference::evaluate(loaded, *data().test, {.detect = study_.detect}, log_, cancel_);
  write_file(file, to_json(result).dump() + "\n");
  return result;
}

fs::path Stages::pack(const graph::Graph& graph) {
  const Shape& shape = graph.edge(graph.inputs.at(0)).shape;
  if (shape.at(2) != shape.at(3)) {
    fail(ErrorKind::unsupported, "[study.stages] expected a square input for a sample pack, got {}", to_string(shape));
  }
  const Json inputs{{"data", portable_data(study_.data)}, {"digest", data().test->digest()}, {"imgsz", shape[2]}};
  const fs::path file = stage_folder("pack", inputs) / "test.qpack";
  if (!fs::exists(file)) {
    log_.info(fmt::format("packing {} test images of {} px for devices", data().test->size(), shape[2]));
    data::write_pack(data().test, {.data = data().name, .split = "test", .imgsz = static_cast<int>(shape[2])}, file,
                     log_, cancel_);
  }
  return file;
}

Tensor Stages::sample_image(const graph::Graph& graph) { return inference::sample_image(*data().test, graph); }

}  // namespace quench::study
