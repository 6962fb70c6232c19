#include "train/loop/fit_settings.h"

#include <algorithm>

#include "config/tables.h"
#include "core/error.h"
#include "graph/quantized.h"
#include "models/task.h"
#include "nn/intra_op_threads.h"

namespace quench::train {
namespace {

/// Of a graph that is no fine-tuning's, nobody says `ranges` or how quantizers train.
config::OptionSet all_options(const std::string& task) {
  return config::fit_options(task) + config::model_options().only({"imgsz"}) +
         config::data_options().only({"train_limit", "test_limit"}) +
         config::qat_options(task).only({"ranges"}).with_default("ranges", "frozen") + config::quantizer_options();
}

Json known_values(const Json& config, const graph::Graph& graph) {
  if (!config.is_object()) fail(ErrorKind::config, "[train.config] expected an object, got {}", config.type_name());
  const config::OptionSet options = all_options(models::task_of(graph));
  return options.checked(options.part_of(config), "train.config");
}

int graph_imgsz(const graph::Graph& graph) {
  ensure(!graph.inputs.empty(), "[train.config] the graph has no input");
  const Shape& shape = graph.edge(graph.inputs.front()).shape;
  ensure(shape.size() == 4, "[train.config] expected an input [1,3,H,W], got {}", to_string(shape));
  return static_cast<int>(shape[2]);
}

/// Says in `precision` what `amp` says, too.
void resolve_precision(FitSettings& s, const graph::Graph& graph) {
  if (s.amp && s.precision.empty()) s.precision = "fp16";
  if (s.precision.empty()) s.precision = "fp32";
  if (s.amp && s.precision != "fp16") {
    fail(ErrorKind::config, "[train.config] expected `precision: fp16` or none with `amp: true`, got `precision: {}`",
         s.precision);
  }
  if (s.precision == "fp16" && s.device == "cpu") {
    fail(ErrorKind::config, "[train.config] expected `device: cuda` with `{}`, got `device: cpu`",
         s.amp ? "amp: true" : "precision: fp16");
  }
  if (graph::is_quantized(graph)) config::require_digits({{"precision", s.precision}}, "train.config");
}

}  // namespace

FitSettings parse_settings(const Json& config, const graph::Graph& graph) {
  Json values = known_values(config, graph);
  FitSettings s;
#define QUENCH_TRAIN_SETTING(type, name, ...) s.name = values.value(#name, type{});
#include "config/train_settings.inc"
  s.imgsz = values.at("imgsz");
  s.qat = qat_settings(values, graph);
  s.train_limit = values.at("train_limit");
  s.test_limit = values.at("test_limit");
  s.augmentation = config::augment_options().part_of(values);

  if (s.threads == 0) s.threads = nn::intra_op_threads();
  const int own = graph_imgsz(graph);
  if (s.imgsz == 0) s.imgsz = own;
  if (s.imgsz != own) {
    fail(ErrorKind::config, "[train.config] expected imgsz {} as the graph has it, got {}", own, s.imgsz);
  }
  resolve_precision(s, graph);
  if (s.profile > 0 && s.device != "cpu") {
    fail(ErrorKind::config, "[train.config] expected `device: cpu` with `profile`, got `device: {}`", s.device);
  }
  if (s.nesterov && s.momentum == 0 && s.optimizer == "sgd") s.nesterov = false;

  s.identity = values;
  s.identity["imgsz"] = s.imgsz;
  for (const std::string& name : config::train_settings(config::TrainScope::machine)) s.identity.erase(name);
  if (!s.keep_best()) s.identity.erase("val_share");  // decides nothing
  if (s.precision == "fp32") s.identity.erase("precision");
  return s;
}

}  // namespace quench::train
