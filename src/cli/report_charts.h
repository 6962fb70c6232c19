#pragma once

#include <filesystem>
#include <vector>

#include "core/json.h"
#include "core/log.h"
#include "record/record.h"
#include "report/differences.h"

namespace quench::cli {

/// Every chart of the records as files under the folder of `options` (`charts`, `chart_axis`, `chart_width`,
/// `chart_height`): "cifar100-classify-gflops-top1.svg" and .pdf. Charts without a point are left out. Throws
/// Error{unsupported} where figures cannot be drawn (figures::writer), Error{io} where a file cannot be written.
void write_charts(const std::vector<record::Record>& records, const Json& options, const report::OutcomesOf& outcomes,
                  const LogSink& log);

}  // namespace quench::cli
