#pragma once

#include <optional>
#include <string>

#include "inference/evaluate.h"
#include "metrics/outcomes.h"
#include "record/record.h"
#include "study/plan.h"

namespace quench::study {

/// What is known before any work: names, settings, host, version. host: text of the machine; asked where it is not
/// given.
record::Record start_record(const StudyFile& study, const Cell& cell, const std::string& version,
                            const std::optional<std::string>& host = std::nullopt);

/// The 95 % interval of mAP@[.5:.95] by resampled test images, where the outcomes are a detector's.
void set_map_interval(record::Record& record, const std::optional<metrics::Outcomes>& outcomes);

/// Scores of the artifact in its runtime, and agreement of its predictions with the simulation's.
void set_scores(record::Record& record, const score::Evaluation& real, const score::Evaluation& simulated);

}  // namespace quench::study
