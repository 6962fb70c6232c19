#pragma once

#include <nlohmann/json.hpp>

#include "cluster.h"

/// What a job costs beside its work.
struct StoreCosts {
  int operations = 4;                 ///< of the store, a job (docs/cluster.md)
  double operation_seconds = 0.0005;  ///< of the server, one after the other for all nodes
  double model_bytes = 6e6;           ///< read from the server before a job, and written to it after
};

/// Plays the workers of a study on `nodes` nodes beside one that holds the folder, from the jobs of
/// `quench study plan FILE --format json`. Returns the seconds until the last has ended.
double play_study(const nlohmann::json& jobs, int nodes, const Link& link, const StoreCosts& costs);
