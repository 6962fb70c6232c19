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
#include "report/row_mean.h"

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
  return fmt::format("{}|{}|{}", artifact_key(row), place_key(row), is_forecast(row));
}

using Members = std::vector<size_t>;

/// Rows of one seed each become one; others are not of a study's seeds.
bool differ_in_seed(const Members& members, const std::vector<Record>& rows) {
  std::set<int64_t> seeds;
  return members.size() > 1 && std::ranges::all_of(members, [&](size_t row) {
           return rows[row].seed && seeds.insert(*rows[row].seed).second;
         });
}

Record merged(const Members& members, const std::vector<Record>& rows) {
  Record one = rows[members.front()];
  for (const auto field : kReals) one.*field = row_mean(members, rows, [&](const Record& row) { return row.*field; });
  for (const auto field : kCounts) {
    const auto mean = row_mean(members, rows, [&](const Record& row) { return scaled(row.*field, 1); });
    one.*field = mean ? std::optional<int64_t>(std::llround(*mean)) : std::nullopt;
  }
  for (const auto field : kOwn) one.*field = {};
  one.seed = {};
  const auto unsteady = [&](size_t row) { return rows[row].stable == false; };
  if (std::ranges::any_of(members, unsteady)) one.stable = false;
  return one;
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
  std::vector<Members> groups;
  std::map<std::string, size_t> place_of;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto [found, is_new] = place_of.try_emplace(key_of(rows[i]), groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(i);
  }
  std::map<std::string, Members> measured;  // forecasts have the accuracy of these
  for (Members& group : groups) {
    std::ranges::stable_sort(group, {}, [&](size_t row) { return rows[row].seed.value_or(-1); });
    const Record& first = rows[group.front()];
    if (!is_forecast(first)) measured.try_emplace(artifact_key(first), group);
  }
  const auto add = [&](Record record, int64_t seeds, std::optional<double> deviation) {
    result.records.push_back(std::move(record));
    result.seeds.push_back(seeds);
    result.deviations.push_back(deviation);
  };
  std::optional<MethodMeans> means;
  for (const Members& group : groups) {
    if (!differ_in_seed(group, rows)) {
      for (const size_t row : group) add(rows[row], 1, {});
      continue;
    }
    Record one = merged(group, rows);
    std::optional<double> deviation;
    if (accuracy_of(one, section.metric)) {
      if (!means) means = method_means(rows, section.metric, kept.outcomes);
      const auto scored = measured.find(artifact_key(one));
      const bool is_scored = scored != measured.end() && scored->second.size() == group.size();
      const PointAccuracy accuracy =
          accuracy_of_point({is_scored ? scored->second : group}, rows, section.metric, &*means);
      set_interval(one, section.metric, accuracy);
      deviation = accuracy.deviation;
    }
    add(std::move(one), std::ssize(group), deviation);
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
