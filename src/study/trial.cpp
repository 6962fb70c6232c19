#include "study/trial.h"

#include <algorithm>

#include "core/clock.h"
#include "core/hash.h"
#include "core/processors.h"
#include "data/sets/find.h"
#include "graph/onnx_write.h"
#include "steps/start.h"

namespace quench::study {
namespace {

constexpr int64_t kFewBatches = 2, kMoreBatches = 6;  ///< of a training
constexpr int64_t kFewImages = 16, kMoreImages = 64;  ///< of what has no batches
constexpr int kTimedRuns = 3;

/// The first of both splits, in their own ratio.
data::Splits share_of(const data::Splits& all, int64_t images) {
  data::Splits share = all;
  const double part = static_cast<double>(images) / static_cast<double>(std::max<int64_t>(all.train->size(), 1));
  const auto tests = static_cast<int64_t>(part * static_cast<double>(all.test->size()));
  share.train = data::limited(all.train, images, 0);
  share.test = data::first_images(all.test, std::clamp<int64_t>(tests, 1, all.test->size()));
  return share;
}

}  // namespace

double read_off(double few, double seconds_few, double more, double seconds_more, double amount) {
  ensure(few > 0 && few <= more, "[study.trial] expected 0 < {} <= {}", few, more);
  if (few == more) return seconds_more * std::max(amount / more, 1.0);
  const double slope = std::max(0.0, (seconds_more - seconds_few) / (more - few));
  return std::max(0.0, seconds_more - slope * more) + slope * amount;
}

Trial::Trial(const StudyFile& study, Stages& stages, const RunContext& context, std::filesystem::path folder)
    : study_(study), stages_(stages), context_(context), folder_(std::move(folder)) {}

Trial::~Trial() {
  std::error_code code;
  std::filesystem::remove_all(folder_, code);
}

const Trial::Made& Trial::made(const Cell& cell, size_t index) {
  const PlannedStep& step = cell.steps.at(index);
  if (const auto found = made_.find(step.key); found != made_.end()) return found->second;

  const data::Splits& all = stages_.data();
  graph::ModelFile start{cell.model.label, "", "", {}};
  if (index == 0) {
    start.graph = steps::starting_graph(cell.model.model, all, static_cast<uint64_t>(cell.seed),
                                        data::root_of(study_.data, stages_.data_root()), quiet_);
  }
  const graph::ModelFile& before = index == 0 ? start : made(cell, index - 1).model;
  const graph::ModelFile* original = index == 0 ? nullptr : &made(cell, 0).model;
  const std::optional<size_t> back = unquantized_step(cell, index);
  const graph::ModelFile* unquantized = back ? &made(cell, *back).model : nullptr;
  const methods::StepInfo& info = context_.steps->table().require(step.step, "[study.trial]");
  const bool reads = info.reads(step.settings) != methods::Needs::nothing;
  const bool trains = step.settings.contains("epochs");
  const int64_t images = all.train->size();
  const auto run = [&](int64_t count, double& seconds) {
    const data::Splits share = share_of(all, count);
    Json settings = step.settings;
    if (trains) settings["epochs"] = 1;
    const steps::StepInput input{before,
                                 settings,
                                 reads ? &share : nullptr,
                                 folder_,
                                 train::Resume::never,
                                 quiet_,
                                 *context_.cancel,
                                 original,
                                 data::root_of(study_.data, stages_.data_root()),
                                 stages_.latency(),
                                 unquantized};
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    const int64_t begin_ns = now_ns();
    graph::Graph graph = context_.steps->run(step.step, input);
    seconds = seconds_since(begin_ns);
    return graph;
  };

  const int64_t batch = step.settings.contains("batch") ? step.settings["batch"].get<int64_t>() : 0;
  const int64_t few = std::min(images, trains ? kFewBatches * batch : kFewImages);
  const int64_t more = std::min(images, trains ? kMoreBatches * batch : kMoreImages);
  double seconds_few = 0, seconds_more = 0;
  if (!warm_) run(few, seconds_few);  // the first run starts threads and libraries
  warm_ = true;
  if (reads) run(few, seconds_few);
  Made out{{cell.model.label, "", "", {}}, 0};
  out.model.graph = run(more, seconds_more);
  out.model.bytes = graph::write_onnx(out.model.graph);
  out.model.sha256 = sha256_hex(out.model.bytes);
  double amount = static_cast<double>(more);
  if (trains) {
    amount = step.settings["epochs"].get<double>() * static_cast<double>(images);
  } else if (step.settings.contains("calibration_images")) {
    amount = static_cast<double>(std::min(images, step.settings["calibration_images"].get<int64_t>()));
  } else if (reads) {
    amount = static_cast<double>(images);
  }
  out.seconds = reads ? read_off(static_cast<double>(few), seconds_few, static_cast<double>(more), seconds_more, amount)
                      : seconds_more;
  return made_.emplace(step.key, std::move(out)).first->second;
}

double Trial::step(const Cell& cell, size_t index) { return made(cell, index).seconds; }

double Trial::evaluate(const Cell& cell, const std::string& runtime) {
  const graph::ModelFile& model = made(cell, cell.steps.size() - 1).model;
  runtime::SessionOptions options;
  options.threads = usable_processors();
  const runtime::Runtime& engine = context_.registry->require(runtime);
  const auto& test = stages_.data().test;
  const auto seconds = [&](int64_t images) {
    const auto share = data::first_images(test, images);
    const int64_t begin_ns = now_ns();
    inference::Engine loaded(engine, model, options);
    inference::evaluate(loaded, *share, {.settings = study_.detect}, quiet_, *context_.cancel);
    return seconds_since(begin_ns);
  };
  const int64_t few = std::min(test->size(), kFewImages), more = std::min(test->size(), kMoreImages);
  const double seconds_few = seconds(few);
  return read_off(static_cast<double>(few), seconds_few, static_cast<double>(more), seconds(more),
                  static_cast<double>(test->size()));
}

double Trial::bench(const Cell& cell) {
  const graph::ModelFile& model = made(cell, cell.steps.size() - 1).model;
  const int64_t begin_ns = now_ns();
  inference::Engine loaded(context_.registry->require(cell.runtime), model,
                           {.threads = static_cast<int>(cell.threads)});
  const Tensor input = runtime::to_input(stages_.sample_image(model.graph), loaded.session().input_dtype());
  loaded.session().run(input);
  const double start_seconds = seconds_since(begin_ns);
  const int64_t runs_ns = now_ns();
  for (int i = 0; i < kTimedRuns; ++i) loaded.session().run(input);
  const double run_seconds = seconds_since(runs_ns) / kTimedRuns;
  return start_seconds +
         std::max(study_.bench["min_seconds"].get<double>(), study_.bench["min_samples"].get<double>() * run_seconds);
}

}  // namespace quench::study
