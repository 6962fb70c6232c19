#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <optional>

#include "cli/comparison_images.h"
#include "cli/lab_commands.h"
#include "cli/matched_data.h"
#include "cli/model_argument.h"
#include "cli/print.h"
#include "cli/shared_work.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/json_text.h"
#include "core/printable.h"
#include "core/processors.h"
#include "core/task.h"
#include "evaluation/page.h"
#include "graph/onnx_read.h"
#include "inference/registry.h"
#include "models/no_task.h"
#include "models/task.h"
#include "nn/intra_op_threads.h"
#include "platform/measured.h"
#include "study/cell_record.h"
#include "study/stages.h"
#include "why/foreign.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

/// All answers, where each process has those of its share.
void take_shares(evaluation::Answers& answers, const Shards* shards) {
  if (!is_shared(shards)) return;
  evaluation::Answers all = answers.none();
  for (const std::string& bytes : shards->exchange(answers.bytes())) all.add_bytes(bytes);
  answers = std::move(all);
}

/// The page of one evaluation, and all that goes with it, into a folder.
void write_page(const fs::path& folder, const record::Record& record, const data::Dataset& split,
                evaluation::Answers& collected, const score::Evaluation& evaluation,
                const program::Environment& environment) {
  const std::vector<evaluation::ImageAnswer> answers = collected.finish(split.size(), evaluation.left_out);
  const metrics::Outcomes& outcomes = evaluation.outcomes.value();
  const fs::path model = record.cell.value_or("");
  evaluation::Subject subject{fmt::format("{} on {}", model.filename().string(), record.data.value_or("")),
                              {},
                              split,
                              answers,
                              outcomes,
                              usable_processors()};
  subject.facts = {{"Model", model.string()},
                   {"Data", record.data.value_or("")},
                   {"Images", std::to_string(evaluation.samples)},
                   {"Image size", fmt::format("{} px", record.imgsz.value_or(0))},
                   {"Runtime", record.runtime.value_or("")}};
  const Json& settings = record.config;
  if (labels_of(split.task()) == Labels::objects) {
    subject.facts.emplace_back("Suppression",
                               fmt::format("confidence above {:.3g}, IoU {:.3g}", settings["confidence"].get<double>(),
                                           settings["iou"].get<double>()));
  }
  subject.facts.emplace_back("quench", environment.version);
  subject.facts.emplace_back("Made", record.time.value_or(""));
  subject.facts.emplace_back("SHA-256 of the model", record.model_sha256.value_or(""));
  std::vector<report::NamedFile> pictures;
  report::FigurePage page = evaluation::evaluation_page(subject, pictures);
  if (!evaluation.left_out.empty()) {
    page.notes.push_back(data::to_text(evaluation.left_out, split.size(), "test images"));
  }
  evaluation::write_report(folder, page, pictures);
  environment.log.info("wrote " + (folder / "report.html").string());
}

}  // namespace

namespace {

constexpr int64_t kComparedRuns = 30;  // of each model, in turn

/// Another model's outputs in place of what is true of the images.
int run_against(const graph::ModelFile& model, const Json& options, const program::Environment& environment,
                const runtime::Runtime& runtime) {
  const std::string format = options["format"];
  if (format != "table" && format != "json") {
    fail(ErrorKind::config, "eval: expected --format table or json with --against, got {}", format);
  }
  const graph::ModelFile against = open_file(options["against"].get<std::string>(), environment);
  data::Splits data = open_prepared(model.graph, options, environment, true);
  data.train = data.test;  // of which images are chosen
  const std::vector<Tensor> images = comparison_images(model.graph, data, 0, 0, environment);
  const why::Whole whole = why::compare_whole(model, against, images, runtime, options["threads"].get<int>(),
                                              kComparedRuns, *environment.cancel);
  if (format == "json") {
    std::cout << json_text(why::to_json(whole), 1) << "\n";
  } else {
    for (const std::string& line : why::lines_of(whole)) std::cout << printable_line(line) << "\n";
  }
  return program::kOk;
}

}  // namespace

namespace {

/// What the evaluation of one process has for its row, and those of its kind with it: several are one to the reader.
Json without_processes(Json options) {
  options.erase("world_size");
  return options;
}

int evaluate_shared(const program::Invocation& invocation, const Json& options, const program::Environment& environment,
                    const Shards* shards) {
  std::optional<fs::path> report;
  if (options["report"].is_string()) report = options["report"].get<std::string>();
  if (report && leads(shards)) evaluation::require_report_folder(*report);
  const runtime::Registry registry = inference::full_registry(environment.places);
  const runtime::Runtime& runtime = registry.require(options["runtime"]);
  const graph::ModelFile model = open_file(invocation.inputs.at(0), environment);
  if (!options["against"].is_null()) require_alone(options, "with --against");
  if (!options["against"].is_null()) return run_against(model, options, environment, runtime);
  if (models::task_of(model.graph) == models::kNoTask) {
    fail(ErrorKind::config,
         "eval: {} has no task (nothing is known of its outputs), and so no accuracy: expected --against FLOAT, the "
         "model "
         "that its outputs are compared with",
         model.path.string());
  }
  const data::Splits data = open_matched(model.graph, options, environment);
  runtime::SessionOptions session_options;
  session_options.threads = options["threads"];
  if (session_options.threads == 0) {
    session_options.threads = is_shared(shards) ? nn::intra_op_threads() : usable_processors();
  }

  const auto evaluate = [&](const runtime::Runtime& used, const inference::Onlooker& seen = {}) {
    runtime::SessionOptions own = session_options;
    // LibTorch by one thread rounds otherwise than by several, which one process would have.
    if (is_shared(shards) && used.name() == "torch") own.threads = std::max(own.threads, 2);
    inference::Engine engine(used, model, own);
    for (const std::string& note : engine.session().notes()) environment.log.info(used.name() + ": " + note);
    return inference::evaluate(
        engine, *data.test,
        {.batch = options["batch"].get<int64_t>(), .settings = options, .seen = seen, .shards = shards},
        environment.log, *environment.cancel);
  };
  record::Record record;
  record.cell = model.path.string();
  platform::set_model(record, model);
  platform::set_compressed(record, model);
  record.data = data.name;
  record.runtime = runtime.name();
  record.threads = summed(shards, session_options.threads);
  platform::set_host(record, environment.version);
  evaluation::Answers answers(labels_of(data.test->task()));
  inference::Onlooker onlooker;
  if (report) {
    onlooker = [&](const score::Answer& answer, std::span<const Tensor> outputs, int64_t in_batch, const Truth& truth) {
      answers.add(answer, outputs, in_batch, truth);
    };
  }
  const score::Evaluation real = evaluate(runtime, onlooker);
  if (options["agreement"].get<bool>()) {
    study::set_scores(record, real, evaluate(registry.require("torch")));
  } else {
    study::set_scores(record, real, real);
    record.agreement.reset();
  }
  if (report) take_shares(answers, shards);
  if (!leads(shards)) return program::kOk;
  record.config = without_processes(options);
  record.time = utc_now();
  if (report) write_page(*report, record, *data.test, answers, real, environment);
  std::cout << render({record}, options["format"]);
  return program::kOk;
}

}  // namespace

int run_eval(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = lab_settings(invocation);
  return run_shared(options, environment, [&](const program::Environment& own, const Shards* shards) {
    return evaluate_shared(invocation, options, own, shards);
  });
}

}  // namespace quench::cli
