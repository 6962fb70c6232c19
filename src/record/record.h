#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace quench::record {

/// One result row: a cell of a comparison. A field that does not apply is empty (null in JSON).
/// Spelling is one everywhere: struct field = JSON key = report column.
struct Record {
  int64_t schema = 1;
  std::string status = "ok";  ///< ok | invalid | unsupported | failed | skipped
  std::optional<std::string> reason;
  std::optional<std::string> study;
  std::optional<std::string> cell;  ///< readable id, unique in the study
  std::optional<std::string> model;
  /// The study's name of the model: "yolov5n-cls@64,stem_stride=1" says what sets it apart from others of that model.
  std::optional<std::string> entry;
  std::optional<std::string> task;  ///< classify | detect
  std::optional<std::string> data;
  std::optional<int64_t> imgsz;
  std::optional<std::string> method;   ///< fp32, ptq, qat or a chain's name; of a file on its own: "pruned+ptq", too
  std::optional<std::string> setting;  ///< what sets this cell apart within its method: "mse", "minmax"
  std::optional<int64_t> bits_w;       ///< the width of most quantized weights; older records: of the narrowest layer
  std::optional<int64_t> bits_a;       ///< the width of what most quantized layers read; older records: the least
  std::optional<double> bits_w_mean;   ///< mean width of the quantized weights, by their number
  std::optional<std::string> layer_bits;  ///< layers of other widths: "conv2=w4a6,fc=a5"; empty where there are none
  std::optional<std::string> levels;      ///< non-uniform levels of weights: pot, apot, kmeans; empty where uniform
  std::optional<std::string> scales;      ///< power_of_two, dyadic (the factors between them), or both; empty: any numbers
  std::optional<int64_t> group_size;      ///< inputs of a weight that share a factor of its scale; empty: no groups
  std::optional<std::string>
      activation_scales;  ///< dynamic where they are each image's own; empty where they are fixed
  std::optional<std::string> runtime;
  std::optional<std::string> device;
  std::optional<int64_t> threads;
  std::optional<int64_t> seed;
  std::optional<std::string> sparse;  ///< patterns of layers that were made sparse ("2:4"); empty where there are none
  std::optional<int64_t> params;
  std::optional<int64_t> nonzero_params;  ///< params less the weights that are 0: metrics::nonzero_params
  std::optional<int64_t> macs;
  std::optional<double> gflops;
  std::optional<int64_t> bops;
  std::optional<int64_t> weights_bytes;
  std::optional<int64_t> file_bytes;
  std::optional<int64_t>
      compressed_file_bytes;  ///< of the file as gzip makes it (zlib, level 6): zeros cost little there
  std::optional<double> top1;
  std::optional<double> top1_low;  ///< 95 % Wilson interval
  std::optional<double> top1_high;
  std::optional<double> top5;
  std::optional<double> map_50;  ///< this and what follows: empty, too, where the images have no objects
  std::optional<double> map_75;
  std::optional<double> map_95;
  std::optional<double> map_50_95;
  std::optional<double> map_50_95_low;  ///< 95 % interval, by resampling the test images
  std::optional<double> map_50_95_high;
  std::optional<double> map_small;  ///< mAP@[.5:.95] of objects below 32 x 32 pixels; medium: to 96 x 96; large
  std::optional<double> map_medium;
  std::optional<double> map_large;
  std::optional<double> ar_1;  ///< average recall with at most so many boxes an image
  std::optional<double> ar_10;
  std::optional<double> ar_100;
  std::optional<int64_t> latency_p50_ns;
  std::optional<int64_t> latency_p90_ns;
  std::optional<int64_t> latency_p99_ns;
  std::optional<int64_t> latency_samples;
  std::optional<double> energy_mj;  ///< for one image: all that power_source measured, the machine at rest included
  std::optional<double> power_mean_mw;
  std::optional<double> power_max_mw;
  std::optional<std::string> power_source;  ///< "ina3221 VDD_IN", "rapl package-0 + dram"
  std::optional<double> temperature_start_c;
  std::optional<double> temperature_end_c;
  std::optional<int64_t> frequency_min_mhz;  ///< of the fastest core
  std::optional<int64_t> frequency_mean_mhz;
  std::optional<bool> throttled;          ///< the machine was held back while latency was measured
  std::optional<int64_t> latency_low_ns;  ///< 90 % interval of a forecast latency
  std::optional<int64_t> latency_high_ns;
  std::optional<int64_t> predicted_latency_ns;    ///< what pruning for latency predicted of this model as it runs here
  std::optional<std::string> latency_source;      ///< measured | forecast; empty in older records: measured
  std::optional<int64_t> samples;                 ///< images the accuracy was computed on
  std::optional<int64_t> left_out;                ///< test images that cannot be read, beside `samples`; empty for none
  std::optional<std::string> left_out_first;      ///< the file name of the first of them
  std::optional<double> agreement;                ///< fraction of equal top-1 predictions, simulated against real
  std::optional<std::string> float_layers;        ///< comma-separated names kept in float
  std::optional<std::string> calibration_sha256;  ///< of the calibration indices
  std::optional<std::string> chosen_on;           ///< the split that chose among epochs: validation, or none
  /// The file, below the folder of the study's results, of what each image adds to the accuracy (metrics/outcomes.h).
  std::optional<std::string> outcomes;
  std::optional<std::string> artifact;   ///< the model's file, below the folder of the study's results
  std::optional<double> timing_drift;    ///< by how much the set's first model was slower at the end: 0.1 is 10 %
  std::optional<bool> stable;            ///< latencies settled, and the drift is small
  std::optional<std::string> timing_id;  ///< rows with the same one were timed in turn, in one run
  std::optional<std::string> model_sha256;
  std::optional<std::string> parent_sha256;
  std::optional<std::string> teacher_sha256;  ///< of the model that it learned from beside the labels
  std::optional<std::string> quench_version;
  std::optional<std::string> host;
  std::optional<std::string> time;
  Json config = Json::object();  ///< the effective configuration
};

/// Type of a field, for tables and checks.
enum class FieldType { text, integer, number, boolean, object };

/// One row of the field table, the only place where the fields are listed.
struct Field {
  std::string name;
  FieldType type;
  std::string unit;          ///< "ns", "bytes", "fraction", ""
  std::string title;         ///< for people: "Top-1"
  bool is_accuracy = false;  ///< says how good the model's answers on the test images are
  double low = 0, high = 0;  ///< of numbers: what its unit can be
};
const std::vector<Field>& fields();

/// Sets a field of type number by its name. Throws Error{internal} where there is no such field.
void set_number(Record& record, std::string_view name, double value);

/// Sets every field that is empty in `record` and not in `from`.
void fill_missing(Record& record, const Record& from);

/// Sets every accuracy, and the images that they were computed on (samples, left out), to what `from` has; empty where
/// it has none.
void copy_accuracies(Record& to, const Record& from);

/// All fields, null where empty, in table order.
Json to_json(const Record& record);

/// Throws Error{data} naming `where` and the field for an unknown schema, a wrong type, a fraction outside [0,1], or a
/// number that its unit cannot be (a time below 0, 1e300 bytes); with `strange`, such a number is left out and told
/// there. Unknown keys are ignored (a later version may have added them).
Record from_json(const Json& json, std::string_view where, std::vector<std::string>* strange = nullptr);

}  // namespace quench::record
