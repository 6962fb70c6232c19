#include "report/timing_groups.h"

#include <algorithm>

#include "report/compare.h"
#include "report/optional_values.h"

namespace quench::report {

using record::Record;

namespace {

/// The text that all rows of the group have; empty where they differ.
template <typename Get>
std::string common(const std::vector<Record>& records, const std::vector<size_t>& rows, Get get) {
  const std::string first = get(records[rows.front()]);
  return std::ranges::all_of(rows, [&](size_t row) { return get(records[row]) == first; }) ? first : "";
}

std::string name_of(const std::vector<Record>& records, const std::vector<size_t>& rows) {
  std::string name;
  const auto add = [&](auto get) {
    if (const std::string text = common(records, rows, get); !text.empty()) name += (name.empty() ? "" : ", ") + text;
  };
  add(model_name);
  add([](const Record& r) { return text_of(r.runtime); });
  add([](const Record& r) { return r.device == "host" ? "" : text_of(r.device); });
  add([](const Record& r) { return r.threads ? text_of(r.threads) + (r.threads == 1 ? " thread" : " threads") : ""; });
  add([](const Record& r) { return r.seed ? "seed " + text_of(r.seed) : ""; });
  return name;
}

}  // namespace

bool timed_together(const Record& a, const Record& b) {
  return a.timing_id == b.timing_id && a.device == b.device && a.host == b.host && a.threads == b.threads;
}

std::vector<TimingGroup> timing_groups(const std::vector<Record>& records) {
  std::vector<TimingGroup> groups;
  for (size_t i = 0; i < records.size(); ++i) {
    if (!measured_latency(records[i])) continue;
    const auto found = std::ranges::find_if(
        groups, [&](const TimingGroup& group) { return timed_together(records[group.rows.front()], records[i]); });
    if (found != groups.end()) {
      found->rows.push_back(i);
    } else {
      groups.push_back({"", {i}, records[i].timing_id.has_value()});
    }
  }
  for (TimingGroup& group : groups) group.name = name_of(records, group.rows);
  return groups;
}

std::vector<std::optional<size_t>> group_of_rows(const std::vector<TimingGroup>& groups, size_t records) {
  std::vector<std::optional<size_t>> of(records);
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const size_t row : groups[g].rows) of[row] = g;
  }
  return of;
}

}  // namespace quench::report
