#include <algorithm>
#include <array>
#include <optional>

#include "cli/commands.h"
#include "cli/lab_commands.h"
#include "cli/latency_surroundings.h"
#include "cli/matched_data.h"
#include "cli/model_argument.h"
#include "cli/shared_work.h"
#include "cli/together.h"
#include "config/tables.h"
#include "core/error.h"
#include "core/model_file_name.h"
#include "core/task.h"
#include "data/sets/find.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "steps/start.h"
#include "steps/step.h"
#include "study/stages.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

bool is_file(const std::string& model) { return model.find('/') != std::string::npos || is_model_file_name(model); }

/// Steps that look at pictures and never at labels.
constexpr std::array<std::string_view, 5> kPictureSteps{"quantize", "equalize", "adaround", "correct_bias", "convert"};

/// A command that makes a model from a model by steps.
class ChainCommand {
 public:
  /// entry: its table entry. Both others must outlive this.
  ChainCommand(const program::Command& entry, const program::Invocation& invocation, const Together& together)
      : invocation_(invocation),
        environment_(together.environment),
        together_(together),
        options_(lab_settings(entry, invocation)),
        given_(given_settings(invocation)),
        where_(invocation.command) {}

  const Json& options() const { return options_; }
  /// Throws Error{config} for a setting that was given, whatever its value. why: what it is for.
  void require_not_given(const std::vector<std::string>& names, const std::string& why) const {
    for (const std::string& name : names) {
      if (given_.contains(name)) fail(ErrorKind::config, "{}: expected no '{}' {}", where_, name, why);
    }
  }
  /// Throws Error{config} for a setting that was given and that no step but `other` has.
  void require_none_of(const methods::StepInfo& other, const methods::StepInfo& own, const std::string& why) const {
    const Json of_other = other.options(default_task()).part_of(given_);
    const Json of_own = own.options(default_task()).part_of(given_);
    for (const auto& [name, value] : of_other.items()) {
      if (of_own.contains(name) || config::data_options().find(name) || name == "world_size") continue;
      fail(ErrorKind::config, "{}: expected no '{}' {}", where_, name, why);
    }
  }
  /// A step with what was given for it, on the command line or in the file of `--config`.
  methods::ChainStep step(const methods::StepInfo& info) const {
    return {info.name, info.options(default_task()).part_of(given_)};
  }

  /// Runs the method's steps over the model that was named, and writes the result.
  int run(const steps::Registry& registry, const methods::Method& method, const std::string& work_suffix) {
    const fs::path output = require_output(options_, invocation_);
    const methods::StepTable& table = registry.table();
    const methods::StepInfo& first = table.require(method.steps.front().step, where_);
    graph::ModelFile model;
    const bool by_name = first.begins && !is_file(options_["model"]);
    const Json untold;
    if (by_name) {
      models::spec(options_["model"]);
    } else {
      model = open_file(first.begins ? options_["model"].get<std::string>() : invocation_.inputs.at(0), environment_);
      if (first.begins) require_own(model.graph);
    }
    const methods::ModelKind kind =
        by_name ? methods::ModelKind{models::spec(options_["model"]).task} : steps::kind_of(model.graph);
    const auto chain = methods::effective_steps(method, table, kind, untold, where_);  // before the data are read
    std::optional<data::Splits> data;
    const bool reads = by_name || std::ranges::any_of(chain, [&](const methods::ChainStep& step) {
                         return table.require(step.step, where_).reads(step.settings) != methods::Needs::nothing;
                       });
    if (reads && by_name)
      data = study::open_data(options_, environment_.data_root, environment_.log, true, environment_.cancel);
    const bool pictures_do = std::ranges::all_of(chain, [](const methods::ChainStep& step) {
      return std::ranges::find(kPictureSteps, step.step) != kPictureSteps.end();
    });
    if (reads && !by_name) data = open_matched(model.graph, options_, environment_, pictures_do);
    if (by_name) model = start(*data, chain.front().settings);
    const graph::Graph made = steps::run_chain(
        registry, model, chain,
        {model, untold, data ? &*data : nullptr, work(output, work_suffix),
         options_.value("resume", true) ? train::Resume::or_fail : train::Resume::never, environment_.log,
         *environment_.cancel, nullptr, reads ? data::root_of(options_, environment_.data_root) : fs::path(),
         latency_table::latency_of(latency_surroundings(environment_), environment_.log, *environment_.cancel), nullptr,
         together_.group, together_.local_rank, together_.shards});
    if (!together_.leads()) return program::kOk;
    const std::string sha256 = graph::save_onnx(made, output);
    environment_.log.info(fmt::format("wrote {} (sha256 {})", output.string(), sha256.substr(0, 16)));
    return program::kOk;
  }

 private:
  /// Throws Error{config} for a setting of models by name that a file has of its own; its own size may be said.
  void require_own(const graph::Graph& file) const {
    for (const char* option : {"imgsz", "stem_stride", "pretrained", "auto_anchor"}) {
      if (!given_.contains(option)) continue;
      if (option == std::string_view("imgsz") && given_[option] == file.edge(file.inputs.at(0)).shape.at(2)) continue;
      fail(ErrorKind::config, "{}: '{}' is of a model by name; {} is a file, which has its own", where_, option,
           options_["model"].get<std::string>());
    }
  }
  /// A model by name, with initial or `pretrained` weights.
  graph::ModelFile start(const data::Splits& data, const Json& settings) const {
    const fs::path root = data::root_of(options_, environment_.data_root);
    return {options_["model"].get<std::string>(), "", "",
            steps::starting_graph(options_, data, settings["seed"].get<uint64_t>(), root, environment_.log)};
  }
  fs::path work(const fs::path& output, const std::string& suffix) const {
    const Json given = options_.value("work", Json());
    return given.is_string() ? fs::path(given.get<std::string>()) : fs::path(output.string() + suffix);
  }

  const program::Invocation& invocation_;
  const program::Environment& environment_;
  const Together& together_;
  Json options_, given_;
  std::string where_;
};

}  // namespace

namespace {

int quantize(const program::Invocation& invocation, const Together& together) {
  const steps::Registry registry = steps::registry();
  ChainCommand work(command(invocation.command), invocation, together);
  const auto step = [&](const char* name) { return work.step(registry.table().require(name, "quantize")); };
  methods::Method method{work.options()["method"], "", {step("quantize")}};
  if (method.method == "qat") {
    method.steps.push_back(step("finetune"));
  } else {
    work.require_not_given({"work", "resume"},
                           fmt::format("with --method {}: it is of the checkpoints of fine-tuning (--method qat), of "
                                       "which there are none",
                                       method.method));
    work.require_none_of(registry.table().require("finetune", "quantize"),
                         registry.table().require("quantize", "quantize"),
                         fmt::format("with --method {}: it is a setting of fine-tuning (--method qat)", method.method));
  }
  return work.run(registry, method, ".qat");
}

}  // namespace

int run_quantize(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  if (options["method"] == "qat") {  // trains together; each process calibrates alike, alone
    return run_together(options, environment, [&](const Together& together) { return quantize(invocation, together); });
  }
  return run_shared(options, environment, [&](const program::Environment& own, const Shards* shards) {
    return quantize(invocation, {.environment = own, .shards = shards});
  });
}

int run_step(const program::Invocation& invocation, const program::Environment& environment,
             const steps::Registry& registry) {
  const methods::StepInfo& info = registry.table().require(invocation.command, "quench");
  const auto work = [&](const Together& together) {
    ChainCommand command(step_command(info), invocation, together);
    return command.run(registry, {info.name, "", {command.step(info)}}, "." + info.name);
  };
  const bool trains = info.options(default_task()).find("world_size") != nullptr;
  return trains ? run_together(given_settings(invocation), environment, work) : work({environment});
}

}  // namespace quench::cli
