#include "report/seed_means.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "report/chart_points.h"
#include "report/columns.h"
#include "report/compare.h"
#include "report/differences.h"
#include "report/optional_values.h"

namespace quench::report {

using record::Record;

namespace {

constexpr std::optional<double> Record::*kReals[] = {
    &Record::bits_w_mean,  &Record::gflops,        &Record::top1,
    &Record::top1_low,     &Record::top1_high,     &Record::top5,
    &Record::map_50,       &Record::map_75,        &Record::map_95,
    &Record::map_50_95,    &Record::map_small,     &Record::map_medium,
    &Record::map_large,    &Record::map_50_95_low, &Record::map_50_95_high,
    &Record::energy_mj,    &Record::power_mean_mw, &Record::temperature_end_c,
    &Record::timing_drift, &Record::agreement};

constexpr std::optional<int64_t> Record::*kCounts[] = {&Record::params,
                                                       &Record::nonzero_params,
                                                       &Record::macs,
                                                       &Record::bops,
                                                       &Record::weights_bytes,
                                                       &Record::file_bytes,
                                                       &Record::compressed_file_bytes,
                                                       &Record::latency_p50_ns,
                                                       &Record::latency_p90_ns,
                                                       &Record::latency_p99_ns,
                                                       &Record::latency_low_ns,
                                                       &Record::latency_high_ns,
                                                       &Record::predicted_latency_ns,
                                                       &Record::frequency_mean_mhz};

constexpr std::optional<std::string> Record::*kOwn[] = {&Record::artifact, &Record::outcomes, &Record::model_sha256,
                                                        &Record::parent_sha256, &Record::cell};

/// What one row of a table is of, but for the seed.
std::string key_of(const Record& row) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}", model_name(row), text_of(row.data), text_of(row.imgsz),
                     text_of(row.method), text_of(row.setting), text_of(row.runtime), text_of(row.device),
                     text_of(row.threads), is_forecast(row));
}

std::string model_key(const Record& row) {
  return fmt::format("{}|{}|{}|{}|{}", model_name(row), text_of(row.data), text_of(row.imgsz), text_of(row.method),
                     text_of(row.setting));
}

using Rows = std::vector<const Record*>;

/// Equal values have just this mean; empty where one has none.
template <typename Number>
std::optional<double> mean(const Rows& rows, std::optional<Number> Record::*field) {
  double more = 0;
  for (const Record* row : rows) {
    if (!(row->*field)) return {};
    more += static_cast<double>(*(row->*field) - *(rows.front()->*field)) / static_cast<double>(rows.size());
  }
  return static_cast<double>(*(rows.front()->*field)) + more;
}

/// Rows of one seed each become one; others are not of a study's seeds.
bool differ_in_seed(const Rows& rows) {
  std::set<int64_t> seeds;
  return rows.size() > 1 &&
         std::ranges::all_of(rows, [&](const Record* row) { return row->seed && seeds.insert(*row->seed).second; });
}

Record merged(const Rows& rows) {
  Record one = *rows.front();
  for (const auto field : kReals) one.*field = mean(rows, field);
  for (const auto field : kCounts) {
    const std::optional<double> value = mean(rows, field);
    one.*field = value ? std::optional<int64_t>(std::llround(*value)) : std::nullopt;
  }
  for (const auto field : kOwn) one.*field = {};
  one.seed = {};
  const auto unsteady = [](const Record* row) { return row->stable == false; };
  if (std::ranges::any_of(rows, unsteady)) one.stable = false;
  return one;
}

std::optional<double> deviation_of(const Rows& rows, Metric metric) {
  double centre = 0, squares = 0;
  for (const Record* row : rows) {
    const std::optional<double> value = accuracy_of(*row, metric);
    if (!value) return {};
    centre += *value / static_cast<double>(rows.size());
  }
  for (const Record* row : rows) squares += std::pow(*accuracy_of(*row, metric) - centre, 2);
  return std::sqrt(squares / static_cast<double>(rows.size() - 1));
}

void set_interval(Record& one, Metric metric, const PointAccuracy& accuracy) {
  if (metric == Metric::top1) {
    one.top1_low = accuracy.low;
    one.top1_high = accuracy.high;
  } else if (metric == Metric::map_50_95) {
    one.map_50_95_low = accuracy.low;
    one.map_50_95_high = accuracy.high;
  }
}

void add_section(const Section& section, const Kept& kept, SeedMeans& result) {
  const std::vector<Record> rows = ok_records(section.records);
  std::vector<std::vector<size_t>> groups;
  std::map<std::string, size_t> place_of;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto [found, is_new] = place_of.try_emplace(key_of(rows[i]), groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(i);
  }
  std::map<std::string, std::vector<size_t>> measured;  // forecasts have the accuracy of these
  for (std::vector<size_t>& group : groups) {
    std::ranges::stable_sort(group, {}, [&](size_t row) { return rows[row].seed.value_or(-1); });
    const Record& first = rows[group.front()];
    if (!is_forecast(first)) measured.try_emplace(model_key(first), group);
  }
  std::optional<MethodComparison> comparison;
  for (const std::vector<size_t>& group : groups) {
    Rows members;
    for (const size_t row : group) members.push_back(&rows[row]);
    if (!differ_in_seed(members)) {
      for (const Record* row : members) {
        result.records.push_back(*row);
        result.seeds.push_back(1);
        result.deviations.emplace_back();
      }
      continue;
    }
    if (!comparison) comparison = compare_methods(rows, section.metric, kept.outcomes);
    Record one = merged(members);
    const auto scored = measured.find(model_key(one));
    const PointRows point{scored != measured.end() && scored->second.size() == group.size() ? scored->second : group};
    const std::optional<double> deviation = deviation_of(members, section.metric);
    if (deviation) set_interval(one, section.metric, accuracy_of_point(point, rows, section.metric, &*comparison));
    result.records.push_back(std::move(one));
    result.seeds.push_back(std::ssize(group));
    result.deviations.push_back(deviation);
  }
}

}  // namespace

bool SeedMeans::any() const {
  return std::ranges::any_of(seeds, [](int64_t count) { return count > 1; });
}

SeedMeans seed_means(const std::vector<Record>& records, const Kept& kept) {
  SeedMeans result;
  for (const Section& section : sections(records)) add_section(section, kept, result);
  for (Record& other : other_records(records)) result.records.push_back(std::move(other));
  return result;
}

}  // namespace quench::report
