#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "prune/latency_cost.h"
#include "record/record.h"
#include "study/plan.h"
#include "study/run.h"
#include "study/stages.h"

namespace quench::study {

// What a run, a worker and a plan have in common before any work: where things lie, what is stored, and the data.

using Records = std::map<std::string, record::Record>;  ///< by cell id

std::filesystem::path stages_folder(const RunContext& context);
Stages::Place place_of(const StudyFile& study, const RunContext& context);

/// Newest record of each cell id in a folder of results, whatever its configuration; empty where there is none. Those
/// that workers left beside the store count too (study/record_parts.h).
Records stored_records(const std::filesystem::path& results, const LogSink& log);
/// Those of the cells whose configuration is the cell's own.
Records known_records(const Records& stored, const std::vector<Cell>& cells);
/// Rows whose models are lost are done again; `kept` says whether a model can be had all the same.
void forget_lost(Records& known, const std::vector<Cell>& cells, const std::filesystem::path& results,
                 const std::function<bool(const Cell&, const record::Record&)>& kept);

/// What a plan needs to know of the data.
struct Inputs {
  InputDigests digests;
  std::string task;                  ///< of the data
  std::vector<std::string> classes;  ///< none where there are no data
  std::optional<Error> missing;      ///< why there are none
};
/// For a plan or states: nothing is written, and what is wrong with the data is for the run to tell.
Inputs planned_inputs(const StudyFile& study, const RunContext& context);
/// For a run, which remembers the digests.
Inputs current_inputs(const StudyFile& study, Stages& stages, const RunContext& context);
/// For a worker: nothing is written.
Inputs worker_inputs(const StudyFile& study, Stages& stages, const RunContext& context);

/// What no training can mend is told before the first.
void require_possible(const StudyFile& study, const std::vector<Cell>& cells, const Records& known,
                      const Inputs& inputs, const std::filesystem::path& data_root, const prune::LatencyOf& latency);

}  // namespace quench::study
