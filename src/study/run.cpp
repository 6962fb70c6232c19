#include "study/run.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "platform/bench_set.h"
#include "platform/measured.h"
#include "record/store.h"
#include "study/cell_record.h"
#include "study/plan.h"
#include "study/predictions.h"
#include "study/remote_cells.h"
#include "study/stages.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

const char* const kSameImagesNote =
    "Training and test images are the same here: accuracy compares methods and says nothing of new images.";

const char* const kPredictedNote =
    "Latencies marked predicted were computed, not measured (docs/devices.md). Accuracies beside them were measured "
    "here: "
    "on a CPU with the native runtime they are the device's own, FP16 has those of float32.";

/// False too where nothing had to be run and the data are not there any more.
bool same_images(Stages& stages) {
  try {
    return stages.data().same_images;
  } catch (const Error&) {
    return false;
  }
}

std::string config_key(const Json& config) { return stage_hash(config); }

using Records = std::map<std::string, record::Record>;  // by cell id

/// Newest record of each cell id in the store, whatever its configuration; empty where there is no store.
Records stored_records(const fs::path& store) {
  Records stored;
  if (!fs::exists(store)) return stored;
  for (record::Record& record : record::latest(record::load(store).records)) {
    if (record.cell) stored[*record.cell] = std::move(record);
  }
  return stored;
}

/// Those of the cells whose configuration is the cell's own.
Records known_records(const Records& stored, const std::vector<Cell>& cells) {
  Records known;
  for (const Cell& cell : cells) {
    const auto found = stored.find(cell.id);
    if (found != stored.end() && config_key(cell.config) == config_key(found->second.config)) known.insert(*found);
  }
  return known;
}

/// A cell on its way to a record.
struct Work {
  const Cell* cell;
  record::Record record;
  std::optional<graph::ModelFile> model;
  bool failed() const { return record.status != "ok"; }
};

void fail_cell(Work& work, const Error& error, const LogSink& log) {
  platform::set_failure(work.record, error);
  log.warning(fmt::format("{}: {}: {}", work.cell->id, work.record.status, error.what()));
}

/// Runs one step of a cell's work; an Error becomes the record's status and reason.
template <typename Step>
void attempt(Work& work, const LogSink& log, const Step& step) {
  if (work.failed()) return;
  try {
    step();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    fail_cell(work, error, log);
  }
}

/// Times every cell that can be timed, in turn with the others of its runtime and thread count.
void measure_group(std::vector<Work>& group, Stages& stages, const StudyFile& study, const RunContext& context) {
  std::map<std::pair<std::string, int64_t>, std::vector<Work*>> sets;
  for (Work& work : group) {
    if (!work.failed() && !work.cell->device.remote()) sets[{work.cell->runtime, work.cell->threads}].push_back(&work);
  }
  for (auto& [key, works] : sets) {
    context.log->info(fmt::format("measuring latency of {} model{} in turn ({}, {} thread{})", works.size(),
                                  works.size() == 1 ? "" : "s", key.first, key.second, key.second == 1 ? "" : "s"));
    std::vector<platform::BenchEntry> entries;
    for (Work* work : works) {
      entries.push_back({.name = work->cell->id,
                         .runtime = key.first,
                         .model = &*work->model,
                         .options = {.threads = static_cast<int>(key.second)},
                         .image = [&stages, work] { return stages.sample_image(work->model->graph); },
                         .record = &work->record});
    }
    platform::BenchSetOptions set;
    set.measure = {.min_samples = study.bench["min_samples"].get<int64_t>(),
                   .min_seconds = study.bench["min_seconds"].get<double>()};
    set.tell = false;
    set.failed = [&works, &context](size_t i, const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      fail_cell(*works[i], error, *context.log);
    };
    platform::bench_set(entries, *context.registry, set, *context.log, *context.cancel);
  }
}

/// Bits of float layers in a runtime, also in one that only a device has.
int float_bits(const runtime::Registry& registry, const std::string& name) {
  for (const auto& runtime : registry.all()) {
    if (runtime->name() == name) return runtime->float_bits();
  }
  return 32;
}

/// finished: called with each cell when nothing is left to do for it. A device's cell is worth keeping at once: it may
/// have taken an hour, and no stage holds it.
void run_group(std::vector<Work>& group, Stages& stages, RemoteCells& remote, const StudyFile& study,
               const RunContext& context, const std::function<void(Work&)>& finished) {
  for (Work& work : group) {
    attempt(work, *context.log, [&] {
      if (!work.cell->device.remote()) context.registry->require(work.cell->runtime);
      work.model = graph::read_model(stages.artifact(*work.cell));
      platform::set_model(work.record, *work.model);
      if (work.cell->method.method == "fp32") {
        work.record.bits_w = work.record.bits_a = float_bits(*context.registry, work.cell->runtime);
      }
    });
  }
  for (Work& work : group) {
    attempt(work, *context.log, [&] {
      if (work.cell->device.remote()) return remote.run(*work.cell, *work.model, work.record);
      const inference::Evaluation real = stages.evaluation(*work.model, work.cell->runtime);
      const inference::Evaluation simulated = stages.evaluation(*work.model, "torch");
      set_scores(work.record, real, simulated);
    });
    if (work.cell->device.remote()) finished(work);
  }
  measure_group(group, stages, study, context);
  for (Work& work : group) {
    if (!work.cell->device.remote()) finished(work);
  }
}

/// Predicts what the study asks for and stores what is new.
void predict(const StudyFile& study, const devices::Catalog& catalog, const std::vector<Cell>& cells,
             const Records& known, const Records& stored, Stages& stages, const fs::path& store,
             const std::string& version, RunSummary& summary) {
  if (study.predict.empty()) return;
  const auto open = [&](const Cell& cell) { return graph::read_model(stages.artifact(cell)); };
  for (record::Record& record : predicted_records(study, cells, known, catalog, open)) {
    const auto found = stored.find(*record.cell);
    if (found != stored.end() && same_finding(found->second, record)) {
      record = found->second;
    } else {
      record.quench_version = version;
      record.time = utc_now();
      record::append(store, record);
    }
    summary.records.push_back(std::move(record));
  }
  summary.notes.push_back(kPredictedNote);
}

}  // namespace

std::vector<CellState> status(const StudyFile& study, const fs::path& folder) {
  const std::vector<Cell> cells = expand(study);
  const Records known = known_records(stored_records(folder / "records.jsonl"), cells);
  std::vector<CellState> out;
  for (const Cell& cell : cells) {
    const auto found = known.find(cell.id);
    if (found == known.end()) {
      out.push_back({cell.id, "pending", ""});
    } else {
      out.push_back({cell.id, found->second.status, found->second.reason.value_or("")});
    }
  }
  return out;
}

RunSummary run(const StudyFile& study, const RunContext& context) {
  require_writable(context.folder);
  const fs::path store = context.folder / "records.jsonl";
  const std::vector<Cell> cells = expand(study);
  const devices::Catalog catalog = catalog_of(study, context.device_folders);
  const Records stored = stored_records(store);
  Records known = known_records(stored, cells);
  const fs::path stages_folder = context.stages.empty() ? context.folder / "stages" : context.stages;
  require_writable(stages_folder);
  Stages stages(study, stages_folder, context.data_root, *context.registry, *context.log, *context.cancel);

  RemoteCells remote(study, stages, context);
  RunSummary summary;
  summary.notes = study.notes;
  for (size_t begin = 0; begin < cells.size();) {
    // Cells of one model and seed are a group: they share the training and are timed in turn.
    size_t end = begin;
    std::vector<Work> group;
    while (end < cells.size() && cells[end].model.model == cells[begin].model.model &&
           cells[end].seed == cells[begin].seed) {
      const Cell& cell = cells[end++];
      const auto found = known.find(cell.id);
      if (found != known.end() && found->second.status == "ok") {
        ++summary.skipped;
        context.log->info(fmt::format("{}: done before", cell.id));
      } else {
        group.push_back({&cell, start_record(study, cell, context.version), {}});
      }
    }
    begin = end;
    if (group.empty()) continue;
    run_group(group, stages, remote, study, context, [&](Work& work) {
      work.record.time = utc_now();
      record::append(store, work.record);
      ++summary.ran;
      summary.failed += work.failed();
      known[work.cell->id] = work.record;
    });
  }
  for (const Cell& cell : cells) summary.records.push_back(known.at(cell.id));
  predict(study, catalog, cells, known, stored, stages, store, context.version, summary);
  if (same_images(stages)) summary.notes.push_back(kSameImagesNote);
  return summary;
}

}  // namespace quench::study
