#include "report/columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "report/compare.h"
#include "report/format.h"
#include "report/optional_values.h"
#include "report/timing_groups.h"

namespace quench::report {

using record::Record;

namespace {

using Values = std::vector<std::optional<double>>;

class Builder {
 public:
  explicit Builder(const std::vector<Record>& records) : records_(records) {}

  /// A setting: goes to the shared facts where it is the same everywhere (and there is more than one record).
  template <typename Get>
  void setting(const std::string& title, const std::string& help, bool may_be_shared, Get get) {
    Column column{title, "", help, false, {}, {}};
    for (const Record& record : records_) column.cells.push_back(get(record));
    const bool same = std::all_of(column.cells.begin(), column.cells.end(),
                                  [&](const std::string& cell) { return cell == column.cells.front(); });
    if (same && (column.cells.empty() || column.cells.front().empty())) return;
    if (same && may_be_shared && records_.size() > 1) {
      result_.shared.push_back({title, column.cells.front()});
    } else {
      result_.columns.push_back(std::move(column));
    }
  }

  /// A quantity; left out where no record has it. `decimals` < 0: as many as needed for three digits. `instead`: the
  /// text where there is no value, which keeps the column, too.
  template <typename Get>
  void number(const std::string& title, const std::string& unit, const std::string& help, int decimals, Get get,
              const char* sign = "", const std::function<std::string(const Record&)>& instead = {}) {
    Values values;
    for (const Record& record : records_) values.push_back(get(record));
    if (decimals < 0) decimals = decimals_for(values);
    Column column{title, unit, help, true, {}, values};
    for (size_t i = 0; i < values.size(); ++i) {
      const std::optional<double>& value = values[i];
      column.cells.push_back(value     ? (*value >= 0 ? sign : "") + fixed(*value, decimals)
                             : instead ? instead(records_[i])
                                       : "");
    }
    if (std::ranges::all_of(column.cells, [](const std::string& cell) { return cell.empty(); })) return;
    result_.columns.push_back(std::move(column));
  }

  /// A text for each record that goes with the column before, such as an interval.
  template <typename Get>
  void note(const std::string& title, const std::string& unit, const std::string& help, Get get) {
    Column column{title, unit, help, false, {}, {}};
    for (const Record& record : records_) column.cells.push_back(get(record));
    if (std::all_of(column.cells.begin(), column.cells.end(), [](const auto& cell) { return cell.empty(); })) return;
    result_.columns.push_back(std::move(column));
  }

  /// A text for each record that stands there in any case.
  void texts(const std::string& title, const std::string& help, std::vector<std::string> cells) {
    result_.columns.push_back({title, "", help, false, std::move(cells), {}});
  }

  /// What a reader of the cells of the column of this title must know; nothing where there is no such column.
  template <typename Get>
  void mark(const std::string& title, Get get) {
    for (Column& column : result_.columns) {
      if (column.title != title) continue;
      for (const Record& record : records_) column.marks.push_back(get(record));
    }
  }

  /// More of the cells of the column of this title, for who asks; nothing where there is no such column.
  template <typename Get>
  void detail(const std::string& title, Get get) {
    for (Column& column : result_.columns) {
      if (column.title != title) continue;
      for (const Record& record : records_) column.details.push_back(get(record));
    }
  }

  /// Which record the values of the column of this title are against.
  template <typename Get>
  void against(const std::string& title, Get get) {
    for (Column& column : result_.columns) {
      if (column.title != title) continue;
      for (size_t i = 0; i < records_.size(); ++i) {
        const Record* baseline = column.values[i] ? get(records_[i]) : nullptr;
        column.against.push_back(baseline ? std::optional<size_t>(baseline - records_.data()) : std::nullopt);
      }
    }
  }

  Columns take() { return std::move(result_); }

 private:
  const std::vector<Record>& records_;
  Columns result_;
};

/// "8/8", "8/8 (1 layer w4)", "8/8 (3 layers w4, 1 layer w4a6)".
std::string bits(const Record& record) {
  if (!record.bits_w && !record.bits_a) return "";
  const auto part = [](const std::optional<int64_t>& value) { return value ? std::to_string(*value) : "-"; };
  std::vector<std::pair<std::string, int64_t>> others;  // how wide, how many
  for (const std::string& layer : split_text(record.layer_bits.value_or(""), ',')) {
    if (layer.find('=') == std::string::npos) continue;
    const std::string width = layer.substr(layer.rfind('=') + 1);
    const auto found = std::ranges::find(others, width, [](const auto& other) { return other.first; });
    if (found == others.end()) {
      others.emplace_back(width, 1);
    } else {
      ++found->second;
    }
  }
  std::string text;
  for (const auto& [width, count] : others) {
    text += fmt::format("{}{} layer{} {}", text.empty() ? "" : ", ", count, count == 1 ? "" : "s", width);
  }
  return part(record.bits_w) + "/" + part(record.bits_a) + (text.empty() ? "" : " (" + text + ")");
}

/// "Layers of other widths: conv2=w4, fc=a5."
std::string other_widths(const Record& record) {
  constexpr size_t kMost = 12;
  const std::vector<std::string> layers = split_text(record.layer_bits.value_or(""), ',');
  if (layers.empty()) return "";
  const std::vector<std::string> shown(layers.begin(),
                                       layers.begin() + static_cast<int64_t>(std::min(kMost, layers.size())));
  const std::string rest = layers.size() > kMost ? fmt::format(" and {} more", layers.size() - kMost) : "";
  return fmt::format("Layers of other widths: {}{}.", fmt::join(shown, ", "), rest);
}

std::optional<double> delta(const Record& record, const std::vector<Record>& records, Metric metric) {
  const Record* baseline = accuracy_baseline(record, records);
  if (baseline == nullptr) return {};
  const auto now = accuracy_of(record, metric);
  const auto before = accuracy_of(*baseline, metric);
  if (!now || !before) return {};
  return 100 * (*now - *before);
}

std::optional<double> speedup(const Record& record, const std::vector<Record>& records) {
  const Record* baseline = latency_baseline(record, records);
  if (baseline == nullptr || !record.latency_p50_ns || *record.latency_p50_ns <= 0) return {};
  return static_cast<double>(*baseline->latency_p50_ns) / static_cast<double>(*record.latency_p50_ns);
}

Metric metric_of(const std::vector<Record>& records) {
  const auto groups = sections(records);
  return groups.empty() ? Metric::top1 : groups.front().metric;
}

/// "n/a" for a detector that was evaluated on images where nothing is annotated.
std::string undefined_map(const Record& record) {
  return finds_objects(record) && record.samples.value_or(0) > 0 ? "n/a" : "";
}

void add_accuracies(Builder& builder, const std::vector<Record>& records, const SeedMeans* means) {
  const Metric metric = metric_of(records);
  const auto deviation_column = [&](Metric of) {
    if (means == nullptr || of != metric) return;
    builder.number("Deviation", "pt", "Standard deviation over seeds.", 2, [&](const Record& r) {
      return scaled(means->deviations[static_cast<size_t>(&r - records.data())], 100);
    });
  };
  builder.number("Top-1", "%", "Share of images whose highest score is the right class.", 2,
                 [](const Record& r) { return scaled(r.top1, 100); });
  deviation_column(Metric::top1);
  const auto interval = [](const std::optional<double>& low, const std::optional<double>& high) {
    return low && high ? fmt::format("{:.2f}-{:.2f}", 100 * *low, 100 * *high) : std::string();
  };
  builder.note("95 % interval", "%",
               means == nullptr ? "Wilson score interval of top-1."
                                : "Of top-1: Wilson's score interval; of several seeds that of images and trainings.",
               [&](const Record& r) { return interval(r.top1_low, r.top1_high); });
  const auto delta_column = [&](Metric metric) {
    builder.number(
        "Delta", "pt",
        "Accuracy against the baseline, in percentage points: the float32 row of the same model, data, device and "
        "seed.",
        2, [&records, metric](const Record& r) { return delta(r, records, metric); }, "+");
    builder.against("Delta", [&records](const Record& r) { return accuracy_baseline(r, records); });
  };
  if (metric == Metric::top1) delta_column(metric);
  builder.number("Top-5", "%", "Share of images whose right class is among the five highest scores.", 2,
                 [](const Record& r) { return scaled(r.top5, 100); });
  builder.number(
      "mAP@[.5:.95]", "%", "COCO mean average precision, IoU .5 to .95; n/a where the images have no objects.", 2,
      [](const Record& r) { return scaled(r.map_50_95, 100); }, "", undefined_map);
  deviation_column(Metric::map_50_95);
  builder.note(metric == Metric::top1 ? "mAP, 95 % interval" : "95 % interval", "%",
               "Of mAP@[.5:.95]: percentiles of resampled test images.",
               [&](const Record& r) { return interval(r.map_50_95_low, r.map_50_95_high); });
  if (metric != Metric::top1) delta_column(metric);
  builder.number("mAP@.5", "%", "COCO mean average precision at IoU .5.", 2,
                 [](const Record& r) { return scaled(r.map_50, 100); });
  builder.number("mAP@.75", "%", "COCO mean average precision at IoU .75.", 2,
                 [](const Record& r) { return scaled(r.map_75, 100); });
  builder.number("mAP@.95", "%", "COCO mean average precision at IoU .95.", 2,
                 [](const Record& r) { return scaled(r.map_95, 100); });
  builder.number("Agreement", "%", "Share of equal predictions, simulated against real arithmetic.", 2,
                 [](const Record& r) { return scaled(r.agreement, 100); });
}

bool is_unsteady(const Record& record) { return record.latency_p50_ns && record.stable == false; }

/// What a reader of such a latency must know of it.
std::string unsteady_mark(const Record& record) {
  if (!is_unsteady(record)) return "";
  const std::string drift = record.timing_drift ? fmt::format(" (by {:+.1f} %)", 100 * *record.timing_drift) : "";
  return fmt::format(
      "Unsteady: the latencies did not settle in the warm-up, or the machine's speed drifted while they were "
      "measured{}. Compare it with care.",
      drift);
}

/// How the latencies were measured, as far as it matters to who compares them.
void add_timing(Builder& builder, const std::vector<Record>& records) {
  if (const auto groups = timing_groups(records); groups.size() > 1) {
    const auto group_of = group_of_rows(groups, records.size());
    std::vector<std::string> numbers;
    for (const auto& group : group_of) numbers.push_back(group ? std::to_string(*group + 1) : "");
    builder.texts("Timed in group", "Rows of one number were timed together; latencies of others do not compare.",
                  std::move(numbers));
  }
  builder.mark("p50", unsteady_mark);
  builder.mark("Forecast p50", [](const Record& r) {
    return std::string(forecast_latency(r) ? "A forecast: computed, not measured." : "");
  });
  builder.number(
      "Drift", "%",
      "By how much the first of the models that were timed in turn was slower at the end of the timing than at its "
      "beginning.",
      1, [](const Record& r) { return scaled(r.timing_drift, 100); }, "+");
  if (std::any_of(records.begin(), records.end(), is_unsteady)) {
    builder.note("Timing", "", "Unsteady where latencies did not settle, or the machine's speed drifted meanwhile.",
                 [](const Record& r) {
                   return !r.latency_p50_ns || !r.stable ? "" : *r.stable ? "steady" : "unsteady";
                 });
  }
}

void add_costs(Builder& builder, const std::vector<Record>& records) {
  builder.number("Params", "M", "Learnable parameters.", -1, [](const Record& r) { return scaled(r.params, 1e-6); });
  const bool sparse = std::ranges::any_of(records, [](const Record& r) { return r.sparse.has_value(); });
  if (sparse) {
    builder.number("Non-zero", "M", "Parameters less the weights that are zero; rounding to integers makes zeros, too.",
                   -1, [](const Record& r) { return scaled(r.nonzero_params, 1e-6); });
  }
  builder.number("GFLOPs", "", "2 x multiply-accumulates of convolutions and linear layers, one image, in 10^9.", -1,
                 [](const Record& r) { return r.gflops; });
  builder.number("Weights", "MB", "Bytes of the weights as stored, in 10^6.", -1,
                 [](const Record& r) { return scaled(r.weights_bytes, 1e-6); });
  if (sparse) {
    builder.number("Model file", "MB", "Bytes of the model's file, in 10^6.", -1,
                   [](const Record& r) { return scaled(r.file_bytes, 1e-6); });
    builder.number("Compressed", "MB", "Bytes of that file once gzip has compressed it, in 10^6.", -1,
                   [](const Record& r) { return scaled(r.compressed_file_bytes, 1e-6); });
  }
  const auto latency = [&](const char* title, const char* help, std::optional<int64_t> Record::*field) {
    builder.number(title, "ms", help, -1, [field](const Record& r) { return scaled(r.*field, 1e-6); });
  };
  builder.number("p50", "ms", "Median latency of one image.", -1,
                 [](const Record& r) { return scaled(measured_latency(r), 1e-6); });
  builder.number("Predicted", "ms", "Latency that pruning for latency predicted, from times of single layers.", -1,
                 [](const Record& r) { return scaled(r.predicted_latency_ns, 1e-6); });
  builder.number("Forecast p50", "ms", "Median latency of one image: computed, not measured.", -1,
                 [](const Record& r) { return scaled(forecast_latency(r), 1e-6); });
  builder.note("Forecast, 90 % interval", "ms", "Of forecast latencies: from the errors of cross-validation.",
               [](const Record& r) {
                 if (!r.latency_low_ns || !r.latency_high_ns) return std::string();
                 return three_digits(static_cast<double>(*r.latency_low_ns) * 1e-6) + "-" +
                        three_digits(static_cast<double>(*r.latency_high_ns) * 1e-6);
               });
  latency("p90", "90th percentile of the latency of one image.", &Record::latency_p90_ns);
  latency("p99", "99th percentile of the latency of one image.", &Record::latency_p99_ns);
  builder.number(
      "Speed-up", "x",
      "Median latency of the float32 row that was timed together with it on the same runtime, divided by this "
      "one.",
      2, [&records](const Record& r) { return speedup(r, records); });
  builder.against("Speed-up", [&records](const Record& r) { return latency_baseline(r, records); });
  builder.number("Energy", "mJ", "Energy of one image: all that the meter measured, the machine at rest included.", -1,
                 [](const Record& r) { return r.energy_mj; });
  builder.number("Power", "W", "Mean power while the model ran.", -1,
                 [](const Record& r) { return scaled(r.power_mean_mw, 1e-3); });
  builder.number("Clock", "MHz", "Mean frequency of the fastest core while latency was measured.", 0,
                 [](const Record& r) { return scaled(r.frequency_mean_mhz, 1); });
  builder.number("Heat", "C", "Temperature at the end of the measurement.", 0,
                 [](const Record& r) { return r.temperature_end_c; });
  if (std::any_of(records.begin(), records.end(), [](const Record& r) { return r.throttled.value_or(false); })) {
    builder.note("Throttled", "", "Whether heat, the supply or a limit held the machine back meanwhile.",
                 [](const Record& r) { return r.throttled ? (*r.throttled ? "yes" : "no") : ""; });
  }
}

/// Whether two records are of one model, method, setting, runtime and so on: their files tell them apart.
bool some_alike(const std::vector<Record>& records) {
  std::set<std::string> seen;
  return std::any_of(records.begin(), records.end(), [&](const Record& r) {
    const std::string key =
        fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}", model_name(r), text_of(r.data), text_of(r.imgsz), text_of(r.method),
                    text_of(r.setting), text_of(r.runtime), text_of(r.device), text_of(r.threads), text_of(r.seed));
    return !seen.insert(key).second;
  });
}

/// Whether a study has one model in several entries, with other settings.
bool some_entries_share_a_model(const std::vector<Record>& records) {
  std::map<std::string, std::string> entry_of;
  return std::ranges::any_of(records, [&](const Record& r) {
    return r.model && r.entry && entry_of.try_emplace(*r.model, *r.entry).first->second != *r.entry;
  });
}

template <typename Keep>
std::vector<Record> filtered(const std::vector<Record>& records, Keep keep) {
  std::vector<Record> result;
  std::copy_if(records.begin(), records.end(), std::back_inserter(result), keep);
  return result;
}

}  // namespace

Columns columns(const std::vector<Record>& records, const SeedMeans* means) {
  Builder builder(records);
  builder.setting("Model", "Network.", false, [](const Record& r) { return text_of(r.model); });
  if (some_entries_share_a_model(records)) {
    builder.setting("Entry", "The study's name of the model, with the settings that set it apart.", false,
                    [](const Record& r) { return text_of(r.entry); });
  }
  if (some_alike(records)) {
    builder.setting("File", "What was measured.", false, [](const Record& r) { return text_of(r.cell); });
  }
  builder.setting("Data", "Data set.", true, [](const Record& r) { return text_of(r.data); });
  builder.setting("Size", "Side of the input image in pixels.", true, [](const Record& r) { return text_of(r.imgsz); });
  builder.setting("Method", "How it was compressed.", false, [](const Record& r) { return text_of(r.method); });
  builder.setting("Setting", "What sets the row apart within its method.", false,
                  [](const Record& r) { return text_of(r.setting); });
  builder.setting("W/A", "Bits of weights / activations: those of most, and how many layers have others.", true, bits);
  builder.detail("W/A", other_widths);
  if (std::ranges::any_of(records, [](const Record& r) { return r.layer_bits && r.bits_w_mean != r.bits_w; })) {
    builder.number("Mean W", "bits", "Mean width of the quantized weights, by their number.", 2,
                   [](const Record& r) { return r.bits_w_mean; });
  }
  builder.setting("Levels", "Levels of the weights, where they are not uniform.", true,
                  [](const Record& r) { return text_of(r.levels); });
  builder.setting("Scales", "Kind of the scales, or of the factors between them, where they are not any numbers.", true,
                  [](const Record& r) { return text_of(r.scales); });
  builder.setting("Group", "Inputs of a weight that share a factor of its scale.", true,
                  [](const Record& r) { return text_of(r.group_size); });
  builder.setting("Ranges", "Ranges of activations, where they are not fixed.", true,
                  [](const Record& r) { return text_of(r.activation_scales); });
  builder.setting("Sparsity", "Pattern of the weights that are held at zero.", true,
                  [](const Record& r) { return text_of(r.sparse); });
  builder.setting("Runtime", "What ran the model.", false, [](const Record& r) { return text_of(r.runtime); });
  builder.setting("Device", "Where it ran.", true, [](const Record& r) { return text_of(r.device); });
  builder.setting("Threads", "Threads of the runtime.", true, [](const Record& r) { return text_of(r.threads); });
  builder.setting("Power of", "What the power was metered at.", true,
                  [](const Record& r) { return text_of(r.power_source); });
  builder.setting("Seed", "Seed of the run.", true, [](const Record& r) { return text_of(r.seed); });
  builder.setting("Float layers", "Layers kept in float32.", true,
                  [](const Record& r) { return text_of(r.float_layers); });
  if (means != nullptr) {
    builder.number("Seeds", "", "Runs that the row is the mean of.", 0, [&](const Record& r) {
      return std::optional<double>(static_cast<double>(means->seeds[static_cast<size_t>(&r - records.data())]));
    });
  }
  add_accuracies(builder, records, means);
  add_costs(builder, records);
  add_timing(builder, records);
  if (std::any_of(records.begin(), records.end(), is_forecast)) {
    builder.setting("Latency is", "Measured on the device, or a forecast.", false,
                    [](const Record& r) { return r.latency_p50_ns ? (is_forecast(r) ? "forecast" : "measured") : ""; });
  }
  builder.setting("Artifact", "The model's file, below the folder of the study's results.", false,
                  [](const Record& r) { return text_of(r.artifact); });
  return builder.take();
}

std::string heading(const Column& column) {
  return column.unit.empty() ? column.title : column.title + " " + column.unit;
}

Columns chosen_columns(Columns all, const std::vector<std::string>& titles) {
  if (titles.empty()) return all;
  const size_t rows = all.columns.empty() ? 0 : all.columns.front().cells.size();
  for (const SharedFact& fact : all.shared) {
    all.columns.push_back({fact.title, "", "", false, std::vector<std::string>(rows, fact.text), {}});
  }
  Columns out;
  for (const std::string& title : titles) {
    const auto found = std::ranges::find_if(all.columns, [&](const Column& column) {
      return lower(column.title) == lower(title) || lower(heading(column)) == lower(title);
    });
    if (found == all.columns.end()) {
      std::vector<std::string> known;
      for (const Column& column : all.columns) known.push_back(column.title);
      fail(ErrorKind::config, "[report] expected columns out of '{}', got '{}'", fmt::join(known, "', '"), title);
    }
    const auto is_same = [&](const Column& other) { return heading(other) == heading(*found); };
    if (std::ranges::any_of(out.columns, is_same)) {
      fail(ErrorKind::config, "[report] expected each column once, got '{}' twice", title);
    }
    out.columns.push_back(*found);
  }
  return out;
}

std::vector<Record> ok_records(const std::vector<Record>& records) { return filtered(records, is_ok); }

std::vector<Record> other_records(const std::vector<Record>& records) {
  return filtered(records, [](const Record& record) { return !is_ok(record); });
}

}  // namespace quench::report
