#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "record/record.h"

namespace quench::report {

/// Whether the measured latencies of two records can be compared: they were timed in turn (one `timing_id`; of records
/// of earlier versions, which have none, nobody knows), on one device and host, with one count of threads.
bool timed_together(const record::Record& a, const record::Record& b);

/// Rows whose measured latencies can be compared with each other, and with those of no other group.
struct TimingGroup {
  std::string name;          ///< what its rows have in common: "yolov5n-cls, native, 2 threads"; empty where nothing
  std::vector<size_t> rows;  ///< indices into the records, ascending
  bool in_turn = false;      ///< its rows say that they were timed in turn (`timing_id`)
};

/// The groups of the records with a measured latency, in order of first appearance.
std::vector<TimingGroup> timing_groups(const std::vector<record::Record>& records);

/// For each record the index of its group; empty where it has no measured latency.
std::vector<std::optional<size_t>> group_of_rows(const std::vector<TimingGroup>& groups, size_t records);

}  // namespace quench::report
