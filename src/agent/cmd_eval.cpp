#include <memory>
#include <optional>

#include "agent/answer.h"
#include "agent/commands.h"
#include "agent/evaluation.h"
#include "agent/model_file.h"
#include "agent/timing.h"
#include "config/tables.h"
#include "core/error.h"
#include "core/file.h"
#include "core/processors.h"
#include "platform/measured.h"
#include "runtime/registry.h"

namespace quench::agent {
namespace {

/// All that an evaluation's results depend on: what a journal may be resumed for.
Json run_of(const record::Record& record, const Json& options, const runtime::Runtime& runtime) {
  Json run{{"model_sha256", *record.model_sha256},
           {"pack_sha256", record.config["pack_sha256"]},
           {"quench_version", *record.quench_version},
           {"runtime", runtime.name()},
           {"runtime_version", runtime.availability().version}};
  for (const char* name : {"threads", "limit", "batch", "digest"}) run[name] = options[name];
  run.update(config::detect_options().part_of(options));
  return run;
}

void evaluate_into(record::Record& record, const Json& options, const runtime::Runtime& runtime,
                   runtime::Session& session, const pack::Reader& pack, score::Scorer& scorer,
                   const program::Environment& environment) {
  std::optional<Journal> journal;
  if (options["state"].is_string()) {
    journal.emplace(options["state"].get<std::string>(), run_of(record, options, runtime));
  }
  std::filesystem::path said;
  if (options["predictions"].is_string()) {
    said = std::filesystem::absolute(options["predictions"].get<std::string>());
    require_writable(said.parent_path());  // before the work
  }
  const EvaluationOptions evaluation{.limit = options["limit"].get<int64_t>(),
                                     .batch = options["batch"].get<int64_t>(),
                                     .state_seconds = options["state_seconds"].get<double>(),
                                     .digest = options["digest"].get<bool>()};
  const Evaluated made =
      evaluate(session, pack, evaluation, scorer, journal ? &*journal : nullptr, environment.log, *environment.cancel);
  if (made.evaluation.scores.empty()) {
    environment.log.warning("no object is annotated on the pack's images: mAP is not defined (n/a)");
  }
  platform::set_scores(record, made.evaluation.scores, made.evaluation.samples);
  if (!said.empty()) write_file(said, score::to_json(made.evaluation).dump() + "\n");
  if (!made.outputs_sha256.empty()) record.config["outputs_sha256"] = made.outputs_sha256;
}

}  // namespace

int run_eval(const program::Invocation& invocation, const program::Environment& environment) {
  Json options = settings_of(invocation);
  if (!options["pack"].is_string())
    fail(ErrorKind::config, "quench-agent {}: expected --pack FILE", invocation.command);
  if (options["threads"] == 0) options["threads"] = usable_processors();
  const graph::ModelFile model = read_model(invocation.inputs.at(0));
  const pack::Reader pack(options["pack"].get<std::string>());
  const std::unique_ptr<score::Scorer> scorer = make_scorer(model.graph, pack.header(), options);
  const runtime::Registry registry = runtime::base_registry(environment.places);
  record::Record record = start_record(model, &pack, options, environment);

  attempt(record, environment.log, [&] {
    const runtime::Runtime& runtime = registry.require(options["runtime"]);
    std::unique_ptr<runtime::Session> session = runtime.load(model, session_options(options));
    for (const std::string& note : session->notes()) environment.log.info(runtime.name() + ": " + note);
    evaluate_into(record, options, runtime, *session, pack, *scorer, environment);
    if (invocation.command == "run") {
      std::vector<platform::BenchEntry> entries(1);
      entries[0].name = *record.cell;
      entries[0].image = [&] { return pack.read(0, 1); };
      entries[0].record = &record;
      entries[0].session = std::move(session);
      time_all(entries, registry, options, environment.log, *environment.cancel);
    }
  });
  answer(record, options);
  return record.status == "ok" ? program::kOk : program::kCellFailed;
}

}  // namespace quench::agent
