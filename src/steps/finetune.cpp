#include <fmt/format.h>

#include "config/tables.h"
#include "core/error.h"
#include "core/text.h"
#include "models/task.h"
#include "quant/float_weights.h"
#include "steps/hold_zeros.h"
#include "steps/step.h"
#include "steps/teacher.h"
#include "steps/training_page.h"
#include "steps/unfold.h"
#include "train/distill/distill_objective.h"
#include "train/loop/trainer.h"
#include "train/loop/verdict.h"

namespace quench::steps {
namespace {

/// The model with batch norms to train with. Where nothing is trained it stays as it is, to the bit.
graph::Graph trainable(const StepInput& input) {
  const graph::Graph& given = input.model.graph;
  return input.settings["epochs"] == 0 ? given : with_batch_norms(given, *input.data->train, input.log);
}

/// The curves of a fit, kept beside its results.csv, and what is said of them at its end.
class Curves {
 public:
  Curves(const StepInput& input, const graph::Graph& start) : input_(input) {
    const auto name = start.metadata.find("model");
    title_ =
        fmt::format("Training of {} on {}", name == start.metadata.end() ? "a model" : name->second, input.data->name);
  }
  void update(const std::vector<train::EpochRow>& rows) {
    rows_ = rows;
    write("");
  }
  void tell() {
    const train::Verdict verdict = train::judge(rows_, {.images = scored(), .keeps_best = keeps_best()});
    if (!rows_.empty()) write(verdict.text);
    if (!verdict.text.empty()) input_.log.warning(verdict.text);
    if (!rows_.empty()) input_.log.info("curves: " + (input_.folder / "training.html").string());
  }
  /// Of a loss that is not finite.
  void tell_end(const std::string& error) {
    const std::string advice =
        "The training diverged. " + train::advice_for_divergence(input_.settings["lr"].get<double>());
    if (!rows_.empty()) write(advice + " " + error);
    input_.log.warning(advice);
  }

 private:
  bool keeps_best() const { return input_.settings.value("keep", "") == "best"; }
  /// Images that the scores of epochs stand on.
  int64_t scored() const {
    const data::Splits& data = *input_.data;
    if (!keeps_best()) {
      const int64_t limit = input_.settings.value("test_limit", int64_t{0}), size = data.test->size();
      return limit > 0 ? std::min(limit, size) : size;
    }
    if (data.validation) return data.validation->size();
    return static_cast<int64_t>(input_.settings.value("val_share", 0.1) * static_cast<double>(data.train->size()));
  }
  void write(const std::string& verdict) { write_training_page(input_.folder, training_page(title_, rows_, verdict)); }

  const StepInput& input_;
  std::string title_;
  std::vector<train::EpochRow> rows_;
};

/// Several processes train where a command has started or joined them.
void require_processes(const StepInput& input) {
  const int wanted = input.settings.value("world_size", 1), there = input.group ? input.group->world_size() : 1;
  if (wanted == there || (wanted == 1 && !input.settings.contains("world_size"))) return;
  fail(ErrorKind::unsupported,
       "[train] expected `world_size` {}, the processes that are here (a study trains in one a job), got {}", there,
       wanted);
}

graph::Graph fitted(const StepInput& input, graph::Graph start) {
  models::require_fit(start, input.data->train->task(), input.data->train->classes());
  Json config = input.settings;
  config["imgsz"] = start.edge(start.inputs.at(0)).shape.at(2);
  require_processes(input);
  train::FitContext context{input.folder, &input.log, &input.cancel, input.resume};
  context.group = input.group;
  context.local_rank = input.local_rank;
  const std::optional<graph::ModelFile> teacher = teacher_of(input);
  train::DistillSettings distill;
  if (teacher) {
    distill = train::distill_settings(config, models::task_of(start));
    context.objective = train::distilled(teacher->graph, distill);
    context.also = distill.to_json();
    context.also["teacher_sha256"] = teacher->sha256;
  }
  context.after_step = hold_zeros(start);
  if (context.after_step) context.also["sparse"] = start.metadata.at("sparse");
  Curves curves(input, start);
  context.after_epoch = [&](const std::vector<train::EpochRow>& rows) { curves.update(rows); };
  context.not_finite = [&](const std::string& error) { curves.tell_end(error); };
  train::FitResult result = train::fit(start, *input.data, config, context);
  result.graph.metadata["chosen_on"] = result.chosen_on;
  if (teacher) {
    result.graph.metadata["teacher_sha256"] = teacher->sha256;
    result.graph.metadata["distillation"] = distill.to_json().dump();
  }
  input.log.info(fmt::format("{} on {}", score::to_text(result.scores), counted(result.test_images, "test image")));
  if (input.group == nullptr || input.group->leads()) curves.tell();
  return std::move(result.graph);
}

}  // namespace

/// From initial weights, or a float model further.
graph::Graph run_train(const StepInput& input) { return fitted(input, trainable(input)); }

/// A float model further, or a quantized one (QAT): from the floats of its weights, or what its integers stand for.
graph::Graph run_finetune(const StepInput& input) {
  const methods::ModelKind kind = kind_of(input.model.graph);
  const graph::Graph& given = input.model.graph;
  graph::Graph out = fitted(input, kind.integers    ? quant::with_float_weights(given)
                                   : kind.quantized ? given
                                                    : trainable(input));
  if (kind.quantized) {
    out.metadata["method"] = "qat";
    const Json told = config::quantizer_options().part_of(input.settings);
    out.metadata.erase("qat");
    if (!told.empty()) out.metadata["qat"] = told.dump();
  }
  if (!out.metadata.contains("parent_sha256")) out.metadata["parent_sha256"] = input.model.sha256;
  return out;
}

}  // namespace quench::steps
