#pragma once

#include <string>
#include <vector>

#include "prune/latency_cost.h"
#include "study/model_graphs.h"
#include "study/plan.h"
#include "study/study_jobs.h"

namespace quench::study {

/// Holds the first `prune` of each chain whose cell is not `ok` yet against the model that its entry builds for these
/// classes, so that a budget out of reach, and a ratio where nothing can be cut, are told before the training and not
/// after it. Nothing is checked where the graphs have no classes. A budget of latency is held against `latency`, not at
/// all where that is empty or its device cannot be reached. Throws Error{config} that names method and entry.
void check_prunings(const StudyFile& study, const std::vector<Cell>& cells, const Records& known, ModelGraphs& graphs,
                    const prune::LatencyOf& latency = {});

}  // namespace quench::study
