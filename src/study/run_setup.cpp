#include "study/run_setup.h"

#include <memory>

#include "core/file.h"
#include "core/hash.h"
#include "core/processors.h"
#include "data/sets/find.h"
#include "record/store.h"
#include "steps/start.h"
#include "study/input_check.h"
#include "study/model_graphs.h"
#include "study/pretrained_check.h"
#include "study/prune_check.h"
#include "study/record_parts.h"
#include "study/teacher_check.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

/// Whether the model of a row that is done lies where its record says, in the length that it had.
bool has_artifact(const record::Record& record, const fs::path& results) {
  if (record.status != "ok" || !record.artifact) return true;
  std::error_code code;
  const uintmax_t bytes = fs::file_size(results / *record.artifact, code);
  return !code && (!record.file_bytes || bytes == static_cast<uintmax_t>(*record.file_bytes));
}

/// Where tables of latency, device files and agents are; the study's boards have their names.
latency_table::Surroundings surroundings(const StudyFile& study, const RunContext& context) {
  latency_table::Surroundings where;
  where.cache_folder = context.cache_folder;
  where.program_folder = context.program_folder;
  where.device_folders = context.device_folders;
  where.version = context.version;
  for (const DeviceEntry& device : study.devices) {
    if (device.remote()) where.boards.push_back({device.name, device.address, device.agent, device.ssh_config});
  }
  return where;
}

/// Digests of the data as they were when the study last ran; empty ones where it never did.
InputDigests remembered_digests(const StudyFile& study, const RunContext& context) {
  const fs::path &folder = context.folder, &data_root = context.data_root;
  InputDigests digests;
  digests.latency = [where = surroundings(study, context)](const Json& settings) {
    return latency_table::device_digest(config::latency_settings(settings), where);
  };
  try {
    const Json kept = read_json(folder / "data.json");
    if (kept.at("data") == portable_data(study.data)) {
      digests.train = kept.at("train").get<std::string>();
      digests.test = kept.at("test").get<std::string>();
    }
  } catch (const std::exception&) {
    // none, or not one of ours: as if it never ran
  }
  // Asked for every cell: each file is read once.
  const auto known = std::make_shared<std::map<fs::path, std::string>>();
  digests.teacher = [&study, data_root, known](const std::string& name) -> std::string {
    const fs::path file = steps::find_file(name, data::root_of(study.data, data_root));
    const auto [found, is_new] = known->try_emplace(file);
    if (is_new && fs::exists(file)) found->second = sha256_file(file);
    return found->second;
  };
  digests.weights = [digest = digests.teacher](const Json& model) -> std::string {
    return model["pretrained"].is_null() ? "" : digest(model["pretrained"].get<std::string>());
  };
  return digests;
}

/// Those of the data as they are, opened by `open`. Where there are no data, the digests of the last run: what is done
/// stays done, and a run that has anything else to do stops with the reason.
template <typename Open>
Inputs inputs_now(const StudyFile& study, const RunContext& context, const Open& open) {
  Inputs inputs{remembered_digests(study, context), {}, {}, {}};
  InputDigests& digests = inputs.digests;
  try {
    const data::Splits& data = open();
    inputs.task = data.train->task();
    inputs.classes = data.train->classes();
    std::string train = data.train->digest();
    if (data.validation) train = sha256_hex(train + data.validation->digest());  // it may choose among epochs
    digests.test = data.test->digest();
    digests.train = std::move(train);
  } catch (const Error& error) {
    // Not there: as they were. There, but not as they should be: what is done was done with others.
    if (error.kind() != ErrorKind::io && !digests.train.empty()) throw;
    inputs.missing = error;
  }
  return inputs;
}

}  // namespace

fs::path stages_folder(const RunContext& context) {
  return context.stages.empty() ? context.folder / "stages" : context.stages;
}

Stages::Place place_of(const StudyFile& study, const RunContext& context) {
  return {stages_folder(context), context.folder, context.data_root, surroundings(study, context),
          context.threads > 0 ? context.threads : usable_processors()};
}

Records stored_records(const fs::path& results, const LogSink& log) {
  Records stored;
  std::vector<record::Record> records = stored_and_parts(results, log);
  for (record::Record& record : record::latest(records)) {
    if (record.cell) stored[*record.cell] = std::move(record);
  }
  return stored;
}

Records known_records(const Records& stored, const std::vector<Cell>& cells) {
  Records known;
  for (const Cell& cell : cells) {
    const auto found = stored.find(cell.id);
    if (found != stored.end() && canonical_text(cell.config) == canonical_text(found->second.config))
      known.insert(*found);
  }
  return known;
}

void forget_lost(Records& known, const std::vector<Cell>& cells, const fs::path& results,
                 const std::function<bool(const Cell&, const record::Record&)>& kept) {
  for (const Cell& cell : cells) {
    const auto found = known.find(cell.id);
    if (found == known.end() || has_artifact(found->second, results) || kept(cell, found->second)) continue;
    known.erase(found);
  }
}

Inputs planned_inputs(const StudyFile& study, const RunContext& context) {
  return inputs_now(study, context, [&] { return open_data(study.data, context.data_root, {}, false); });
}

Inputs current_inputs(const StudyFile& study, Stages& stages, const RunContext& context) {
  Inputs inputs = inputs_now(study, context, [&]() -> const data::Splits& { return stages.data(); });
  const InputDigests& digests = inputs.digests;
  if (digests.train.empty()) return inputs;
  write_file(
      context.folder / "data.json",
      Json{{"data", portable_data(study.data)}, {"train", digests.train}, {"test", digests.test}}.dump(2) + "\n");
  return inputs;
}

Inputs worker_inputs(const StudyFile& study, Stages& stages, const RunContext& context) {
  return inputs_now(study, context, [&]() -> const data::Splits& { return stages.data(); });
}

void require_possible(const StudyFile& study, const std::vector<Cell>& cells, const Records& known,
                      const Inputs& inputs, const fs::path& data_root, const prune::LatencyOf& latency) {
  ModelGraphs graphs(inputs.classes);
  check_pretrained(study, cells, known, graphs, data_root);
  check_files(study, cells, known, data_root);
  check_classes(study, cells, known, inputs.task, inputs.classes, data_root);
  check_teachers(study, cells, known, graphs, data_root);
  check_prunings(study, cells, known, graphs, latency);
}

}  // namespace quench::study
