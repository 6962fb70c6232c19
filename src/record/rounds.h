#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace quench::record {

/// Medians of the rounds of one timing, in ns, by cell: round i of every cell was taken at the same time
/// (runtime/measure.h). Kept beside the records, for ratios of latencies that are paired by round.
using Rounds = std::map<std::string, std::vector<int64_t>>;

/// Where the rounds of a timing lie below a study's results: "timings/0123456789ab.json". Throws Error{data} for an id
/// that is no word of letters and digits.
std::string rounds_path(std::string_view timing_id);

/// Throws Error{io}.
void write_rounds(const Rounds& rounds, std::string_view timing_id, const std::filesystem::path& results);

/// Throws Error{io} where there is no such file, Error{data} for one that is not what write_rounds writes: times that
/// are not above 0, cells with other numbers of rounds.
Rounds read_rounds(std::string_view timing_id, const std::filesystem::path& results);

}  // namespace quench::record
