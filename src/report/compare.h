#pragma once

#include <optional>
#include <string>
#include <vector>

#include "record/record.h"

namespace quench::report {

/// What accuracy means in a comparison.
enum class Metric { top1, map_50_95, map_50, map_95 };

/// "Top-1 accuracy", "mAP@[.5:.95]", "mAP@.5", "mAP@.95".
const char* title_of(Metric metric);

/// A record's accuracy by a metric, a fraction; empty where it has none.
std::optional<double> accuracy_of(const record::Record& record, Metric metric);

bool is_ok(const record::Record& record);
/// Whether the model's task is scored by the objects of an image (mAP), not by its class.
bool finds_objects(const record::Record& record);

/// Whether the record's latency is a forecast rather than measured (what says nothing was measured).
bool is_forecast(const record::Record& record);

/// Median latency in ns where it was measured; where it is a forecast. A report has nothing of both.
std::optional<int64_t> measured_latency(const record::Record& record);
std::optional<int64_t> forecast_latency(const record::Record& record);

/// Records of one data set and task: the only ones whose accuracies can be compared.
struct Section {
  std::string title;
  Metric metric = Metric::top1;  ///< the first that any of its records has
  std::vector<record::Record> records;
};
/// In order of first appearance. A record without a result that does not say its task (of an earlier version) stands
/// with the others of its data.
std::vector<Section> sections(const std::vector<record::Record>& records);

/// The section's metric, and for detectors those of COCO that a record has, too.
std::vector<Metric> metrics_of(const Section& section);

/// The float32 record to compare an accuracy with: same model (and entry of a study), task, data, image size and
/// device, and no other seed; where there are several, its parent, then one that was timed with it, then the same
/// runtime, thread count and host. nullptr where there is none, and for float32 records.
const record::Record* accuracy_baseline(const record::Record& record, const std::vector<record::Record>& all);

/// The float32 record to compare a latency with: as above, and of the same runtime, timed together with it
/// (timing_groups.h).
const record::Record* latency_baseline(const record::Record& record, const std::vector<record::Record>& all);

/// What a record calls its model: the study's name for it, which differs where settings do; else the model's.
std::string model_name(const record::Record& record);

/// "yolov5n-cls@64 / ptq mse / onnxruntime": for people.
std::string label(const record::Record& record);

/// The label of each record; where others have the same one, its cell too.
std::vector<std::string> labels_apart(const std::vector<record::Record>& records);

}  // namespace quench::report
