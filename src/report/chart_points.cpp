#include "report/chart_points.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "core/text.h"
#include "report/method_groups.h"
#include "report/optional_values.h"
#include "report/timing_groups.h"
#include "stats/student.h"

namespace quench::report {

using record::Record;

namespace {

void sort_by_seed(PointRows& point, const std::vector<Record>& rows) {
  std::ranges::stable_sort(point.rows, {}, [&](size_t i) { return rows[i].seed.value_or(-1); });
}

/// Whether one of `others` has the seed of `row`.
bool has_seed_of(size_t row, const std::vector<size_t>& others, const std::vector<Record>& rows) {
  return std::ranges::any_of(others, [&](size_t other) { return rows[other].seed == rows[row].seed; });
}

/// Rows of one timing group by artifact and place.
using Series = std::map<std::string, std::vector<size_t>>;

std::set<std::string> names_of(const Series& series) {
  std::set<std::string> names;
  for (const auto& [name, members] : series) names.insert(name);
  return names;
}

std::set<int64_t> seeds_of(const Series& series, const std::vector<Record>& rows) {
  std::set<int64_t> seeds;
  for (const auto& [name, members] : series) {
    for (const size_t row : members) seeds.insert(rows[row].seed.value_or(-1));
  }
  return seeds;
}

bool disjoint(const std::set<int64_t>& a, const std::set<int64_t>& b) {
  return std::ranges::none_of(a, [&](int64_t seed) { return b.contains(seed); });
}

}  // namespace

std::string artifact_key(const Record& row) {
  return fmt::format("{}|{}|{}|{}|{}", model_name(row), text_of(row.method), text_of(row.setting), text_of(row.imgsz),
                     text_of(row.data));
}

std::vector<std::string> families_of(const std::vector<Record>& rows) {
  std::map<std::string, std::string> measured;
  for (const Record& row : rows) {
    if (is_ok(row) && !is_forecast(row)) measured.try_emplace(artifact_key(row), family_of(row));
  }
  std::vector<std::string> families;
  for (const Record& row : rows) {
    const auto found = is_forecast(row) ? measured.find(artifact_key(row)) : measured.end();
    families.push_back(found == measured.end() ? family_of(row) : found->second);
  }
  return families;
}

std::string place_key(const Record& row) {
  return fmt::format("{}|{}|{}", text_of(row.runtime), text_of(row.device), text_of(row.threads));
}

namespace {

/// "native, 2 threads", "native on nano, 4 threads".
std::string place_name(const Record& row) {
  std::string name = row.runtime.value_or("?");
  if (row.device && row.device != "host") name += " on " + *row.device;
  if (row.threads) name += ", " + counted(*row.threads, "thread");
  return name;
}

}  // namespace

std::vector<RunPlace> places_of(const std::vector<Record>& rows, Metric metric) {
  std::vector<RunPlace> places;
  for (const Record& row : rows) {
    if (!is_ok(row) || is_forecast(row) || !accuracy_of(row, metric)) continue;
    const std::string key = place_key(row);
    if (std::ranges::find(places, key, &RunPlace::key) != places.end()) continue;
    places.push_back({place_name(row), key});
  }
  return places;
}

std::vector<PointRows> artifacts_of(const std::vector<Record>& rows, Metric metric, const RunPlace* place) {
  struct Artifact {
    std::string place;
    bool forecast = false;
    PointRows point;
  };
  std::vector<Artifact> artifacts;
  std::map<std::string, size_t> place_of;
  for (const bool forecast : {false, true}) {
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!is_ok(rows[i]) || is_forecast(rows[i]) != forecast || !accuracy_of(rows[i], metric)) continue;
      if (place != nullptr && !forecast && place_key(rows[i]) != place->key) continue;
      const auto [found, is_new] = place_of.try_emplace(artifact_key(rows[i]), artifacts.size());
      if (is_new) artifacts.push_back({place_key(rows[i]), forecast, {}});
      Artifact& artifact = artifacts[found->second];
      if (artifact.place != place_key(rows[i]) || artifact.forecast != forecast) continue;
      if (has_seed_of(i, artifact.point.rows, rows)) {
        artifacts.push_back({place_key(rows[i]), forecast, {{i}}});  // of one name, and another
      } else {
        artifact.point.rows.push_back(i);
      }
    }
  }
  std::vector<PointRows> out;
  for (Artifact& artifact : artifacts) {
    sort_by_seed(artifact.point, rows);
    out.push_back(std::move(artifact.point));
  }
  std::ranges::stable_sort(out, {}, [](const PointRows& point) { return point.rows.front(); });
  return out;
}

std::vector<TimedSet> timed_sets(const std::vector<Record>& rows, Metric metric, const RunPlace* place) {
  struct Gathered {
    std::vector<size_t> groups;
    Series series;
  };
  std::vector<Gathered> gathered;
  const std::vector<TimingGroup> groups = timing_groups(rows);
  for (size_t g = 0; g < groups.size(); ++g) {
    Series series;
    for (const size_t row : groups[g].rows) {
      if (!accuracy_of(rows[row], metric)) continue;
      std::string name = artifact_key(rows[row]) + "|" + place_key(rows[row]);
      if (has_seed_of(row, series[name], rows)) name += "|" + text_of(rows[row].cell);
      series[name].push_back(row);
    }
    if (series.empty()) continue;
    const auto partner = std::ranges::find_if(gathered, [&](const Gathered& other) {
      return names_of(other.series) == names_of(series) &&
             disjoint(seeds_of(other.series, rows), seeds_of(series, rows));
    });
    if (partner == gathered.end()) {
      gathered.push_back({{g}, std::move(series)});
      continue;
    }
    partner->groups.push_back(g);
    for (auto& [name, members] : series) {
      std::vector<size_t>& all = partner->series[name];
      all.insert(all.end(), members.begin(), members.end());
    }
  }
  std::vector<TimedSet> sets;
  for (Gathered& from : gathered) {
    TimedSet set{{}, std::move(from.groups)};
    for (auto& [name, members] : from.series) {
      if (place != nullptr && place_key(rows[members.front()]) != place->key) continue;
      set.points.push_back({std::move(members)});
      sort_by_seed(set.points.back(), rows);
    }
    std::ranges::stable_sort(set.points, {}, [](const PointRows& point) { return point.rows.front(); });
    if (!set.points.empty()) sets.push_back(std::move(set));
  }
  return sets;
}

std::vector<ForecastSet> forecast_sets(const std::vector<Record>& rows, Metric metric) {
  std::vector<ForecastSet> sets;
  std::map<std::string, size_t> point_of;  // its index in the set, by artifact and place
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!is_ok(rows[i]) || !forecast_latency(rows[i]) || !accuracy_of(rows[i], metric)) continue;
    const RunPlace place{place_name(rows[i]), place_key(rows[i])};
    auto set = std::ranges::find(sets, place.key, [](const ForecastSet& one) { return one.place.key; });
    if (set == sets.end()) set = sets.insert(set, {place, {}});
    const auto [found, is_new] = point_of.try_emplace(artifact_key(rows[i]) + "|" + place.key, set->points.size());
    if (is_new || has_seed_of(i, set->points[found->second].rows, rows)) {
      set->points.push_back({{i}});
    } else {
      set->points[found->second].rows.push_back(i);
    }
  }
  for (ForecastSet& set : sets) {
    for (PointRows& point : set.points) sort_by_seed(point, rows);
  }
  return sets;
}

PointAccuracy accuracy_of_point(const PointRows& point, const std::vector<Record>& rows, Metric metric,
                                const MethodMeans* means) {
  PointAccuracy out;
  const auto count = static_cast<double>(point.rows.size());
  for (const size_t row : point.rows) out.value += *accuracy_of(rows[row], metric) / count;
  if (point.rows.size() == 1) {
    const Record& row = rows[point.rows.front()];
    if (metric == Metric::top1) {
      out.low = row.top1_low;
      out.high = row.top1_high;
    } else if (metric == Metric::map_50_95) {
      out.low = row.map_50_95_low;
      out.high = row.map_50_95_high;
    }
    if (out.low) return out;
  }
  for (size_t g = 0; means != nullptr && g < means->groups.size(); ++g) {
    if (means->groups[g].rows == point.rows && means->means[g]) {
      out.low = means->means[g]->low;
      out.high = means->means[g]->high;
      out.deviation = means->means[g]->deviation;
      return out;
    }
  }
  if (point.rows.size() == 1) return out;
  double squares = 0;
  for (const size_t row : point.rows) squares += std::pow(*accuracy_of(rows[row], metric) - out.value, 2);
  out.deviation = std::sqrt(squares / (count - 1));
  const double half = stats::student_quantile(0.975, count - 1) * *out.deviation / std::sqrt(count);
  out.low = std::max(0.0, out.value - half);
  out.high = std::min(1.0, out.value + half);
  return out;
}

}  // namespace quench::report
