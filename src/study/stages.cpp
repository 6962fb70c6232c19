#include "study/stages.h"

#include <algorithm>

#include "config/tables.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json_text.h"
#include "core/text.h"
#include "data/sets/find.h"
#include "data/sets/open.h"
#include "data/sets/sample_pack.h"
#include "graph/image_side.h"
#include "graph/onnx_write.h"
#include "models/preparation.h"
#include "pack/file.h"
#include "steps/start.h"
#include "study/job_times.h"
#include "study/sealed_file.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

constexpr size_t kEvaluationsKept = 64;  ///< about a megabyte each

void warn_of_labels(const data::Dataset& split, const char* name, const LogSink& log) {
  std::vector<data::LabelIssue> labels, files;
  for (data::LabelIssue& issue : split.issues()) (issue.kind == "image" ? files : labels).push_back(std::move(issue));
  const auto warn = [&](const std::vector<data::LabelIssue>& issues, const char* what) {
    if (issues.empty()) return;
    const std::string line = issues[0].line > 0 ? fmt::format(":{}", issues[0].line) : "";
    log.warning(fmt::format("{} {} in the {} split, the first: {}{}: {} (`quench data check` lists them)",
                            issues.size(), what, name, issues[0].file, line, issues[0].problem));
  };
  warn(labels, "wrong labels");
  warn(files, "files left out");
}

}  // namespace

data::Splits open_data(const Json& options, const fs::path& data_root, const LogSink& log, bool may_make_root,
                       const CancelToken* cancel) {
  const fs::path root = data::root_of(options, data_root);
  data::Splits splits = data::open(steps::find_file(options["data"].get<std::string>(), root).string(), root,
                                   data::Opening{.may_make_root = may_make_root, .log = log, .cancel = cancel});
  for (const std::string& note : splits.notes) log.warning(note);
  warn_of_labels(*splits.train, "training", log);
  if (splits.same_images) {
    log.warning("training and test images are the same: accuracy says nothing of new images");
  } else {
    warn_of_labels(*splits.test, "test", log);
  }
  if (splits.validation) warn_of_labels(*splits.validation, "validation", log);
  if (const int64_t limit = options["train_limit"]; limit > 0) splits.train = data::limited(splits.train, limit, 0);
  if (const int64_t limit = options["test_limit"]; limit > 0) splits.test = data::first_images(splits.test, limit);
  return splits;
}

namespace {

/// What a folder of stages holds, for people.
void write_inputs(const fs::path& folder, const std::string& step, const std::string& key, const Cell& cell,
                  const Json& settings) {
  const Json inputs{{"key", key}, {"step", step}, {"model", cell.model.model}, {"settings", settings}};
  write_file(folder / "inputs.json", inputs.dump(2) + "\n");
}

/// Empty where it is not what was written, or no model.
std::optional<graph::ModelFile> read_whole(const fs::path& file) {
  try {
    graph::ModelFile model = graph::read_model(file);
    if (is_as_written(file, model.sha256)) return model;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io) throw;
  }
  return std::nullopt;
}

/// Reads a pack from end to end, which has checksums of its own. One that a disk changed or cut is warned of.
bool is_whole_pack(const fs::path& file, const CancelToken& cancel, const LogSink& log) {
  constexpr int64_t kAtOnce = 64;
  try {
    const pack::Reader pack(file);
    for (int64_t first = 0; first < pack.header().count(); first += kAtOnce) {
      cancel.check();
      pack.read(first, std::min(kAtOnce, pack.header().count() - first));
    }
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    log.warning(fmt::format("{} is damaged and is made again: {}", file.string(), error.what()));
    return false;
  }
}

std::string version_of(const runtime::Registry& runtimes, const std::string& name) {
  const auto& all = runtimes.all();
  const auto found = std::ranges::find_if(all, [&](const auto& runtime) { return runtime->name() == name; });
  return found == all.end() ? "" : (*found)->availability().version;
}

}  // namespace

Stages::Stages(const StudyFile& study, Place place, const runtime::Registry& runtimes, const steps::Registry& steps,
               const LogSink& log, const CancelToken& cancel)
    : study_(study), place_(std::move(place)), runtimes_(runtimes), steps_(steps), log_(log), cancel_(cancel) {}

const data::Splits& Stages::data() {
  if (no_data_) throw *no_data_;
  if (data_) return *data_;
  try {
    data_ = open_data(study_.data, place_.data_root, log_, true, &cancel_);
  } catch (const Error& error) {
    no_data_ = error;
    throw;
  }
  return *data_;
}

fs::path Stages::folder_of(const std::string& kind, const std::string& key) const {
  return place_.stages / (kind + "-" + key.substr(0, 12));
}

fs::path Stages::model_file(const PlannedStep& step) const { return folder_of(step.step, step.key) / "model.onnx"; }

bool Stages::has(const PlannedStep& step) const { return seems_whole(model_file(step)); }

graph::ModelFile Stages::model(const Cell& cell, size_t step) {
  const fs::path file = model_file(cell.steps.at(step));
  if (std::optional<graph::ModelFile> whole = read_whole(file)) return std::move(*whole);
  log_.warning(fmt::format("{} is damaged: it is made again", file.string()));
  fs::remove(file);
  make(cell, step);
  return graph::read_model(file);
}

graph::ModelFile Stages::start(const Cell& cell) {
  graph::ModelFile start{cell.model.label, "", "", {}};
  start.graph = steps::starting_graph(cell.model.model, data(), static_cast<uint64_t>(cell.seed),
                                      data::root_of(study_.data, place_.data_root), log_);
  return start;
}

void Stages::make(const Cell& cell, size_t index) {
  const PlannedStep& step = cell.steps.at(index);
  const fs::path file = model_file(step);
  if (has(step)) return;
  if (fs::exists(file)) log_.warning(fmt::format("{} is not as it was written: it is made again", file.string()));
  write_inputs(file.parent_path(), step.step, step.key, cell, step.settings);
  const WorkClock clock(file.parent_path(), size_of_step(cell, step, study_.data));
  log_.info(fmt::format("{}: {}", artifact_name(cell), step.step));
  const graph::ModelFile before = index == 0 ? start(cell) : model(cell, index - 1);
  const methods::StepInfo& info = steps_.table().require(step.step, "[study.stages]");
  std::optional<graph::ModelFile> original;
  if (index > 0 && step.settings.value("teacher", "") == config::kOriginalTeacher) original = model(cell, 0);
  std::optional<graph::ModelFile> unquantized;
  if (const auto at = unquantized_step(cell, index); at && info.looks_back) unquantized = model(cell, *at);
  const steps::StepInput input{before,
                               step.settings,
                               info.reads(step.settings) == methods::Needs::nothing ? nullptr : &data(),
                               file.parent_path(),
                               train::Resume::or_start_anew,
                               log_,
                               cancel_,
                               original ? &*original : nullptr,
                               data::root_of(study_.data, place_.data_root),
                               latency(),
                               unquantized ? &*unquantized : nullptr};
  const bool untrained = index == 0 && step.settings["epochs"] == 0;
  graph::Graph made = untrained ? before.graph : steps_.run(step.step, input);
  made.metadata["job_key"] = step.key;
  write_sealed(file, graph::write_onnx(made));
  clock.finish();
}

std::shared_ptr<const graph::ModelFile> Stages::artifact(const Cell& cell) {
  std::weak_ptr<const graph::ModelFile>& in_hand = artifacts_[cell.model_key()];
  std::shared_ptr<const graph::ModelFile> artifact = in_hand.lock();
  if (!artifact) {
    artifact = std::make_shared<const graph::ModelFile>(model(cell, cell.steps.size() - 1));
    in_hand = artifact;
  }
  last_artifact_ = artifact;
  const fs::path shown = place_.results / artifact_path(cell);
  // A copy, so that who writes over it does not change what later work is made from.
  std::error_code code;
  if (!fs::is_regular_file(shown, code) || read_file(shown) != artifact->bytes) {
    fs::create_directories(shown.parent_path(), code);
    fs::remove(shown, code);
    write_file(shown, artifact->bytes);
  }
  return artifact;
}

bool Stages::restore_artifact(const Cell& cell, const std::string& sha256) {
  const PlannedStep& last = cell.steps.back();
  if (!has(last)) return false;
  const std::string bytes = read_file(model_file(last));
  if (sha256_hex(bytes) != sha256) return false;
  const fs::path shown = place_.results / artifact_path(cell);
  log_.warning(fmt::format("{} is missing or cut short: it is copied again", shown.string()));
  write_file(shown, bytes);
  return true;
}

std::string Stages::evaluation_key(const Cell& cell, const std::string& runtime) const {
  return job_key({{"before", cell.model_key()},
                  {"evaluate", runtime},
                  {"version", version_of(runtimes_, runtime)},
                  {"data", portable_data(study_.data)},
                  {"digest", cell.config["test_digest"]},
                  {"detect", study_.detect}});
}

fs::path Stages::evaluation_file(const std::string& key) const {
  return folder_of("evaluate", key) / "evaluation.json";
}

bool Stages::has_evaluation(const std::string& key, bool of_images) {
  if (!fs::exists(evaluation_file(key))) return false;
  try {
    return evaluation(key)->outcomes || !of_images;
  } catch (const Error& error) {
    if (told_.insert(key).second) {
      log_.warning(fmt::format("an evaluation has to be made again: {}", error.what()));
    }
    return false;
  }
}

std::shared_ptr<const score::Evaluation> Stages::evaluation(const std::string& key) {
  if (const auto kept = evaluations_.find(key); kept != evaluations_.end()) return kept->second;
  const fs::path file = evaluation_file(key);
  const std::string text = read_file(file);
  if (!is_as_written(file, sha256_hex(text))) {
    fail(ErrorKind::data, "[study.stages] expected the file that was written, got another ({})", file.string());
  }
  auto read =
      std::make_shared<const score::Evaluation>(score::evaluation_from(parse_json(text, file.string()), file.string()));
  if (evaluations_.size() >= kEvaluationsKept) evaluations_.clear();
  return evaluations_[key] = std::move(read);
}

void Stages::evaluate(const Cell& cell, const std::string& runtime) {
  const std::string key = evaluation_key(cell, runtime);
  if (has_evaluation(key, true)) return;
  const fs::path folder = evaluation_file(key).parent_path();
  write_inputs(folder, "evaluate", key, cell, {{"runtime", runtime}});
  const WorkClock clock(folder, size_of_evaluation(cell, runtime, study_.data));
  const runtime::Runtime& engine = runtimes_.require(runtime);
  log_.info(fmt::format("{}: evaluating with {}", artifact_name(cell), runtime));
  runtime::SessionOptions options;
  options.threads = place_.threads;
  const std::shared_ptr<const graph::ModelFile> model = artifact(cell);
  inference::Engine loaded(engine, *model, options);
  const score::Evaluation result =
      inference::evaluate(loaded, *data().test, {.settings = study_.detect}, log_, cancel_);
  write_sealed(evaluation_file(key), to_json(result).dump() + "\n");
  evaluations_.erase(key);  // an earlier one may be in hand
  clock.finish();
}

fs::path Stages::pack(const graph::Graph& graph) {
  const int side = graph::image_side(graph);
  const pixels::Preparation preparation = models::preparation_of(graph);
  Json asked{{"data", portable_data(study_.data)}, {"digest", data().test->digest()}, {"imgsz", side}};
  if (!preparation.is_own()) asked["preparation"] = pixels::to_text(preparation);
  const std::string key = job_key(asked);
  const fs::path file = folder_of("pack", key) / "test.qpack";
  if (whole_packs_.contains(key)) return file;
  if (!fs::exists(file) || !is_whole_pack(file, cancel_, log_)) {
    log_.info(fmt::format("packing {} of {} px for devices", counted(data().test->size(), "test image"), side));
    data::write_pack(data().test, {.data = data().name, .split = "test", .imgsz = side, .preparation = preparation},
                     file, log_, cancel_);
  }
  whole_packs_.insert(key);
  return file;
}

Tensor Stages::sample_image(const graph::Graph& graph) { return inference::sample_image(*data().test, graph); }

}  // namespace quench::study
