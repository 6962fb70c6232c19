#include "report/latency_ratios.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <optional>

#include "core/text.h"
#include "report/chart_points.h"
#include "report/format.h"
#include "report/optional_values.h"
#include "stats/holm.h"
#include "stats/paired_ratio.h"

namespace quench::report {

using record::Record;

namespace {

/// The ratios of the rounds of two rows; empty where either has none, or they are not of the same rounds.
std::vector<double> round_ratios(const Record& row, const Record& against, const RoundsOf& rounds_of) {
  if (!rounds_of || !row.timing_id || row.timing_id != against.timing_id) return {};
  const auto of = rounds_of(row), to = rounds_of(against);
  if (!of || !to || of->size() != to->size()) return {};
  std::vector<double> ratios;
  for (size_t i = 0; i < of->size(); ++i) {
    ratios.push_back(static_cast<double>((*of)[i]) / static_cast<double>((*to)[i]));
  }
  return ratios;
}

/// Empty where a row has no float32 row that it was timed with.
std::optional<LatencyRatio> ratio_of(const PointRows& point, const std::vector<Record>& rows,
                                     const RoundsOf& rounds_of) {
  LatencyRatio found{.rows = point.rows, .against = {}, .ratio = {}};
  std::vector<std::vector<double>> timings;
  const auto seeds = static_cast<double>(point.rows.size());
  found.paired = true;
  for (const size_t row : point.rows) {
    const Record* base = latency_baseline(rows[row], rows);
    if (base == nullptr) return {};
    found.against.push_back(static_cast<size_t>(base - rows.data()));
    found.ms += *scaled(measured_latency(rows[row]), 1e-6) / seeds;
    found.against_ms += *scaled(measured_latency(*base), 1e-6) / seeds;
    std::vector<double> ratios = round_ratios(rows[row], *base, rounds_of);
    found.paired = found.paired && !ratios.empty();
    found.rounds += std::ssize(ratios);
    if (!ratios.empty()) timings.push_back(std::move(ratios));
  }
  if (found.paired) {
    found.ratio = stats::paired_ratio(timings);
  } else {
    found.rounds = 0;
    found.ratio.value = found.ms / found.against_ms;
    found.ratio.seeds = std::ssize(point.rows);
  }
  return found;
}

}  // namespace

std::vector<LatencyRatio> latency_ratios(const std::vector<Record>& rows, Metric metric, const RoundsOf& rounds_of) {
  std::vector<LatencyRatio> ratios;
  std::map<std::string, std::vector<size_t>> families;
  for (const TimedSet& set : timed_sets(rows, metric)) {
    for (const PointRows& point : set.points) {
      std::optional<LatencyRatio> found = ratio_of(point, rows, rounds_of);
      if (!found) continue;
      const Record& first = rows[point.rows.front()];
      if (found->paired) families[text_of(first.runtime) + "|" + text_of(first.device)].push_back(ratios.size());
      ratios.push_back(std::move(*found));
    }
  }
  for (const auto& [place, members] : families) {
    std::vector<double> p;
    for (const size_t i : members) p.push_back(ratios[i].ratio.p);
    const std::vector<double> adjusted = stats::holm(p);
    for (size_t k = 0; k < members.size(); ++k) ratios[members[k]].p_adjusted = adjusted[k];
  }
  return ratios;
}

std::string timed_label(const Record& record) {
  return label(record) + (record.threads ? ", " + counted(*record.threads, "thread") : "");
}

std::vector<RatioLine> ratio_lines(const std::vector<Record>& rows, const std::vector<LatencyRatio>& ratios) {
  std::vector<RatioLine> lines;
  for (const LatencyRatio& one : ratios) {
    RatioLine line{timed_label(rows[one.rows.front()]),
                   three_digits(one.ms),
                   fmt::format("{:.3f}", one.ratio.value),
                   "",
                   "",
                   std::to_string(one.ratio.seeds),
                   ""};
    if (one.paired) {
      line.rounds = std::to_string(one.rounds);
      if (!std::isnan(one.ratio.low)) {
        line.interval = fmt::format("{:.3f} to {:.3f}", one.ratio.low, one.ratio.high);
        line.p = p_text(one.p_adjusted);
      }
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace quench::report
