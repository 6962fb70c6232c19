#include "report/compare.h"

#include <algorithm>
#include <map>

#include "core/task.h"
#include "report/timing_groups.h"

namespace quench::report {

using record::Record;

namespace {

bool is_float(const Record& record) { return record.method == "fp32"; }

/// Whether both say which seed, and not the same.
bool of_other_seed(const Record& record, const Record& candidate) {
  return record.seed && candidate.seed && record.seed != candidate.seed;
}

/// Whether both say which entry of a study they are of, and not the same.
bool of_other_entry(const Record& record, const Record& candidate) {
  return record.entry && candidate.entry && record.entry != candidate.entry;
}

/// How well `candidate` suits as the baseline of `record`; negative: not at all.
int affinity(const Record& record, const Record& candidate) {
  if (!is_ok(candidate) || !is_float(candidate)) return -1;
  if (candidate.model != record.model || candidate.task != record.task || candidate.data != record.data ||
      candidate.imgsz != record.imgsz || candidate.device != record.device || of_other_seed(record, candidate) ||
      of_other_entry(record, candidate)) {
    return -1;
  }
  int score = 0;
  if (record.parent_sha256 && candidate.model_sha256 == record.parent_sha256) score += 32;
  if (candidate.seed == record.seed) score += 16;
  if (record.timing_id && candidate.timing_id == record.timing_id) score += 8;
  if (candidate.runtime == record.runtime) score += 4;
  if (candidate.threads == record.threads) score += 2;
  if (candidate.host == record.host) score += 1;
  return score;
}

template <typename Accept>
const Record* best_baseline(const Record& record, const std::vector<Record>& all, Accept accept) {
  const Record* best = nullptr;
  int best_score = -1;
  for (const Record& candidate : all) {
    const int score = accept(candidate) ? affinity(record, candidate) : -1;
    if (score > best_score) {
      best = &candidate;
      best_score = score;
    }
  }
  return best == &record ? nullptr : best;
}

}  // namespace

const char* title_of(Metric metric) {
  switch (metric) {
    case Metric::top1: return "Top-1 accuracy";
    case Metric::map_50_95: return "mAP@[.5:.95]";
    case Metric::map_50: return "mAP@.5";
    case Metric::map_95: return "mAP@.95";
  }
  return "";
}

std::optional<double> accuracy_of(const Record& record, Metric metric) {
  switch (metric) {
    case Metric::top1: return record.top1;
    case Metric::map_50_95: return record.map_50_95;
    case Metric::map_50: return record.map_50;
    case Metric::map_95: return record.map_95;
  }
  return {};
}

bool finds_objects(const Record& record) {
  const Task* task = find_task(record.task.value_or(""));
  return task && task->labels == Labels::objects;
}

bool is_ok(const Record& record) { return record.status == "ok"; }

bool is_forecast(const Record& record) { return record.latency_source == "forecast"; }

std::optional<int64_t> measured_latency(const Record& record) {
  return is_forecast(record) ? std::nullopt : record.latency_p50_ns;
}

std::optional<int64_t> forecast_latency(const Record& record) {
  return is_forecast(record) ? record.latency_p50_ns : std::nullopt;
}

std::vector<Section> sections(const std::vector<Record>& records) {
  std::vector<Section> result;
  for (const Record& record : records) {
    const std::string title = record.data.value_or("unknown data") + (record.task ? ", " + *record.task : "");
    auto found = std::find_if(result.begin(), result.end(), [&](const Section& s) { return s.title == title; });
    if (found == result.end() && !record.task && !is_ok(record)) {
      found = std::ranges::find_if(result, [&](const Section& s) { return s.records.front().data == record.data; });
    }
    if (found == result.end()) found = result.insert(result.end(), Section{title, Metric::top1, {}});
    found->records.push_back(record);
  }
  for (Section& section : result) {
    for (const Metric metric : {Metric::top1, Metric::map_50_95, Metric::map_50}) {
      const auto has = [&](const Record& record) { return is_ok(record) && accuracy_of(record, metric).has_value(); };
      section.metric = metric;
      if (std::any_of(section.records.begin(), section.records.end(), has)) break;
      section.metric = finds_objects(section.records.front()) ? Metric::map_50_95 : Metric::top1;
    }
  }
  return result;
}

std::vector<Metric> metrics_of(const Section& section) {
  std::vector<Metric> metrics{section.metric};
  if (section.metric == Metric::top1) return metrics;
  for (const Metric metric : {Metric::map_50_95, Metric::map_50, Metric::map_95}) {
    const auto has = [&](const Record& record) { return is_ok(record) && accuracy_of(record, metric).has_value(); };
    if (metric != section.metric && std::ranges::any_of(section.records, has)) metrics.push_back(metric);
  }
  return metrics;
}

const Record* accuracy_baseline(const Record& record, const std::vector<Record>& all) {
  if (is_float(record)) return nullptr;
  return best_baseline(record, all, [](const Record&) { return true; });
}

const Record* latency_baseline(const Record& record, const std::vector<Record>& all) {
  if (is_float(record)) return nullptr;
  return best_baseline(record, all, [&](const Record& candidate) {
    return candidate.latency_p50_ns && candidate.runtime == record.runtime && timed_together(candidate, record) &&
           is_forecast(candidate) == is_forecast(record);
  });
}

std::string model_name(const Record& record) { return record.entry ? *record.entry : record.model.value_or("?"); }

std::string label(const Record& record) {
  std::string text = model_name(record);
  const auto add = [&](const std::optional<std::string>& part, const char* separator) {
    if (part && !part->empty()) text += separator + *part;
  };
  add(record.method, " / ");
  add(record.setting, " ");
  add(record.runtime, " / ");
  if (record.device != "host") add(record.device, " on ");
  return text;
}

std::vector<std::string> labels_apart(const std::vector<Record>& records) {
  std::vector<std::string> labels;
  std::map<std::string, int64_t> count;
  for (const Record& record : records) ++count[labels.emplace_back(label(record))];
  for (size_t i = 0; i < records.size(); ++i) {
    if (count[labels[i]] > 1 && records[i].cell) labels[i] += " (" + *records[i].cell + ")";
  }
  return labels;
}

}  // namespace quench::report
