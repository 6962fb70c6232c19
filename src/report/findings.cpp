#include "report/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/printable.h"
#include "core/text.h"
#include "report/chart_points.h"
#include "report/choices.h"
#include "report/columns.h"
#include "report/format.h"
#include "report/optional_values.h"
#include "report/row_mean.h"

namespace quench::report {

using record::Record;

namespace {

constexpr double kLevel = 0.05;
constexpr double kPoint = 0.01;
constexpr double kOtherTiming = 0.015;  ///< two timings of one file differ by so much without a reason
constexpr const char* kChoiceNote =
    " Each is the best of its kind, chosen on every fifth test image and compared on the others.";

std::string points(double fraction) {
  const double rounded = std::round(1e4 * fraction) / 100;
  return rounded == 0 ? "0.00" : fmt::format("{:+.2f}", rounded);
}

std::string seeds_text(int64_t seeds) { return seeds == 1 ? "1 seed" : fmt::format("{} seeds", seeds); }

/// "-0.85 points (95 % interval -1.31 to -0.39; 3 seeds; p below 0.001): a loss."
std::string verdict(const Difference& difference) {
  const stats::Estimate& gap = difference.gap;
  std::string text = fmt::format("{} points (95 % interval {} to {}; {}; p {}): ", points(gap.value), points(gap.low),
                                 points(gap.high), seeds_text(gap.seeds), p_text(difference.p_adjusted));
  if (gap.value == 0 && gap.low == 0 && gap.high == 0) return text + "the same on every image.";
  if (difference.p_adjusted > kLevel) return text + "no evidence of a difference.";
  return text + (gap.value < 0 ? "a loss." : "a gain.");
}

Finding of_difference(const Difference& difference, const MethodComparison& comparison, const std::string& note) {
  const MethodGroup &group = comparison.groups[difference.group], &against = comparison.groups[difference.against];
  Finding finding{fmt::format("{} against {}: {}{}", group.label, against.label, verdict(difference), note),
                  group.rows};
  finding.rows.insert(finding.rows.end(), against.rows.begin(), against.rows.end());
  finding.shows = difference.p_adjusted <= kLevel;
  return finding;
}

/// How long a method takes beside its float32 model; nothing where no rounds pair them.
std::optional<Finding> of_ratio(const LatencyRatio& one, const std::vector<Record>& rows) {
  if (!one.paired || std::isnan(one.ratio.low)) return {};
  const bool small = one.ratio.seeds == 1 && std::abs(one.ratio.value - 1) < kOtherTiming;
  const char* verdict = one.p_adjusted > kLevel ? "no evidence of a difference"
                        : small                 ? "no more than another timing of one file can differ"
                        : one.ratio.value < 1   ? "faster"
                                                : "slower";
  Finding finding{
      fmt::format("{} takes {:.3f} times as long as float32 (95 % interval {:.3f} to {:.3f}, paired over {} of {}; p "
                  "{}): {}.",
                  timed_label(rows[one.rows.front()]), one.ratio.value, one.ratio.low, one.ratio.high,
                  counted(one.rounds, "round"), counted(one.ratio.seeds, "timing"), p_text(one.p_adjusted), verdict),
      one.rows};
  finding.rows.insert(finding.rows.end(), one.against.begin(), one.against.end());
  finding.kind = Finding::Kind::latency;
  finding.shows = one.p_adjusted <= kLevel && !small;
  return finding;
}

/// The accuracy of a point less that of its float32 model, both means over seeds; nothing where there is no such model.
std::optional<double> gain_of(const PointRows& point, const std::vector<Record>& rows, Metric metric) {
  const auto base = row_mean(point.rows, rows, [&](const Record& row) -> std::optional<double> {
    const Record* of_row = accuracy_baseline(row, rows);
    return of_row ? accuracy_of(*of_row, metric) : std::nullopt;
  });
  if (!base) return {};
  return accuracy_of_point(point, rows, metric, nullptr).value - *base;
}

/// The fastest method of rows that compare, by its mean over seeds, among those that lose a point at most.
std::optional<Finding> fastest(const std::vector<Record>& rows, Metric metric, const TimedSet& set) {
  const auto latency = [&](const Record* row) { return row ? scaled(measured_latency(*row), 1e-6) : std::nullopt; };
  const PointRows* best = nullptr;
  double best_ms = 0;
  std::vector<size_t> compared;
  for (const PointRows& point : set.points) {
    const auto gain = gain_of(point, rows, metric);
    if (!gain) continue;
    compared.insert(compared.end(), point.rows.begin(), point.rows.end());
    if (*gain < -kPoint) continue;
    const double ms = row_mean(point.rows, rows, [&](const Record& row) { return latency(&row); }).value_or(0);
    if (best != nullptr && best_ms <= ms) continue;
    best = &point;
    best_ms = ms;
  }
  if (compared.empty()) return {};
  const Record& any = rows[compared.front()];
  const std::string where = fmt::format("on {}, {}{}", any.device.value_or("?"), any.runtime.value_or("?"),
                                        any.threads ? ", " + counted(*any.threads, "thread") : "");
  const auto of_model = [&](const Record& row) { return model_name(row) == model_name(any); };
  const bool has_others = !std::ranges::all_of(rows, of_model);
  const bool of_one = std::ranges::all_of(compared, [&](size_t row) { return of_model(rows[row]); });
  const std::string of_what = has_others && of_one ? "of " + model_name(any) + " " : "";
  if (best == nullptr) {
    std::ranges::sort(compared);
    return Finding{fmt::format("Every method {}{} loses more than one point.", of_what, where), compared};
  }
  const Record& first = rows[best->rows.front()];
  const size_t seeds = best->rows.size();
  std::string text =
      fmt::format("At a loss of one point at most, the fastest {}{} is {}{}: {} ms", of_what, where, label(first),
                  seeds > 1    ? fmt::format(" (mean of {} seeds)", seeds)
                  : first.seed ? fmt::format(" (seed {})", *first.seed)
                               : "",
                  three_digits(best_ms));
  Finding finding{"", best->rows};
  const auto base_ms =
      row_mean(best->rows, rows, [&](const Record& row) { return latency(latency_baseline(row, rows)); });
  if (base_ms) {
    text += fmt::format(", {:.2f} times as fast as float32 ({} ms)", *base_ms / best_ms, three_digits(*base_ms));
    for (const size_t row : best->rows) {
      finding.rows.push_back(static_cast<size_t>(latency_baseline(rows[row], rows) - rows.data()));
    }
  }
  if (std::ranges::any_of(best->rows, [&](size_t row) { return rows[row].stable == false; })) {
    text += "; the timing was unsteady";
  }
  finding.text = text + ".";
  return finding;
}

/// The fastest method of each device by its forecasts, means over seeds, among those that lose a point at most.
/// Forecasts and measurements are not compared.
std::vector<Finding> fastest_forecasts(const std::vector<Record>& rows, Metric metric) {
  struct Best {
    const PointRows* point = nullptr;
    double ms = 0;
  };
  std::map<std::string, Best> best_of;
  const auto ms_of = [&](const PointRows& point, std::optional<int64_t> Record::*field) {
    return row_mean(point.rows, rows, [&](const Record& row) { return scaled(row.*field, 1e-6); });
  };
  const std::vector<ForecastSet> sets = forecast_sets(rows, metric);
  for (const ForecastSet& set : sets) {
    for (const PointRows& point : set.points) {
      Best& best = best_of[rows[point.rows.front()].device.value_or("?")];
      const double ms = *ms_of(point, &Record::latency_p50_ns);
      if (gain_of(point, rows, metric).value_or(0) < -kPoint || (best.point != nullptr && best.ms <= ms)) continue;
      best = {&point, ms};
    }
  }
  std::vector<Finding> found;
  for (const auto& [device, best] : best_of) {
    if (best.point == nullptr) {
      found.push_back({fmt::format("Every method on {} loses more than one point.", device), {}});
      continue;
    }
    const Record& row = rows[best.point->rows.front()];
    const size_t seeds = best.point->rows.size();
    std::string text = fmt::format("At a loss of one point at most, the fastest on {} by the forecast is {}{}{}: {} ms",
                                   device, label(row), row.threads ? ", " + counted(*row.threads, "thread") : "",
                                   seeds > 1 ? fmt::format(" (mean of {} seeds)", seeds) : "", three_digits(best.ms));
    const auto low = ms_of(*best.point, &Record::latency_low_ns), high = ms_of(*best.point, &Record::latency_high_ns);
    if (low && high) text += fmt::format(" (90 % interval {} to {})", three_digits(*low), three_digits(*high));
    found.push_back({text + ". Nothing was measured there.", best.point->rows});
  }
  return found;
}

void add_difference_notes(const MethodComparison& comparison, std::vector<std::string>& notes) {
  if (comparison.from_float.empty()) return;
  notes.emplace_back(
      "Differences are paired: both models on the same images, 2,000 resampled test sets (bootstrap). p is adjusted by "
      "Holm's method for all comparisons on one runtime and device; above 0.05 there is no evidence of a difference.");
  const auto one_seed = [](const Difference& difference) { return difference.gap.seeds == 1; };
  if (std::ranges::any_of(comparison.from_float, one_seed)) {
    notes.emplace_back(
        "An interval of 1 seed holds the chance of the test images alone: another training may differ by more.");
  }
  if (!std::ranges::all_of(comparison.from_float, one_seed)) {
    notes.emplace_back("An interval of several seeds holds the chance of images and of trainings (Student's t).");
  }
}

void add_ratio_notes(const std::vector<LatencyRatio>& ratios, std::vector<std::string>& notes) {
  const auto count = [&](auto is) { return std::ranges::count_if(ratios, is); };
  const auto unpaired = count([](const LatencyRatio& one) { return !one.paired; });
  if (unpaired < std::ssize(ratios)) {
    notes.emplace_back(
        "Latencies are paired by round: methods of one model run in turn, and each ratio is the median of those of "
        "rounds of the same time, with the 95 % interval of that median.");
  }
  if (count([](const LatencyRatio& one) { return one.paired && one.ratio.seeds == 1; }) > 0) {
    notes.emplace_back(
        "An interval of 1 timing holds what differs from round to round: another timing of the same files may differ "
        "by some percent more.");
  }
  if (count([](const LatencyRatio& one) { return one.paired && one.ratio.seeds > 1; }) > 0) {
    notes.emplace_back("An interval of several timings is Student's t over their medians.");
  }
  if (unpaired > 0) {
    notes.push_back(
        fmt::format("Of {} no rounds were kept (an earlier version timed them, or a device one by one): their latency "
                    "has a ratio of "
                    "medians, and no interval.",
                    counted(unpaired, "method")));
  }
}

}  // namespace

std::vector<Finding> findings(const std::vector<Record>& rows, Metric metric, const MethodComparison& comparison,
                              const std::vector<LatencyRatio>& ratios) {
  std::vector<Finding> result;
  for (const Difference& difference : comparison.from_float) {
    result.push_back(of_difference(difference, comparison, ""));
    result.back().kind = Finding::Kind::accuracy;
  }
  for (const Difference& difference : comparison.tuned) {
    result.push_back(of_difference(difference, comparison, difference.chosen ? kChoiceNote : ""));
  }
  for (const Difference& difference : comparison.from_chance) {
    result.push_back(of_difference(difference, comparison, " Chance is the control."));
  }
  for (const LatencyRatio& one : ratios) {
    if (auto found = of_ratio(one, rows)) result.push_back(std::move(*found));
  }
  for (const TimedSet& set : timed_sets(rows, metric)) {
    if (auto found = fastest(rows, metric, set)) result.push_back(std::move(*found));
  }
  for (Finding& found : fastest_forecasts(rows, metric)) result.push_back(std::move(found));
  return result;
}

std::vector<MethodLine> method_lines(const MethodComparison& comparison) {
  const auto percent = [](double fraction) { return fmt::format("{:.2f}", 100 * fraction); };
  std::vector<MethodLine> lines;
  for (size_t g = 0; g < comparison.groups.size(); ++g) {
    if (!comparison.means[g]) continue;
    const stats::Estimate& mean = *comparison.means[g];
    MethodLine line{.method = comparison.groups[g].label,
                    .seeds = std::to_string(mean.seeds),
                    .mean = percent(mean.value),
                    .deviation = mean.deviation ? percent(*mean.deviation) : "",
                    .interval = fmt::format("{}-{}", percent(mean.low), percent(mean.high)),
                    .gap = {},
                    .gap_interval = {},
                    .p = {}};
    for (const Difference& difference : comparison.from_float) {
      if (difference.group != g) continue;
      line.gap = points(difference.gap.value);
      line.gap_interval = fmt::format("{} to {}", points(difference.gap.low), points(difference.gap.high));
      line.p = p_text(difference.p_adjusted);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> findings_notes(const std::vector<Record>& rows, const MethodComparison& comparison,
                                        const std::vector<LatencyRatio>& ratios) {
  std::vector<std::string> notes;
  add_difference_notes(comparison, notes);
  add_ratio_notes(ratios, notes);
  for (std::string& note : choice_notes(rows)) notes.push_back(std::move(note));
  return notes;
}

std::string findings_text(const std::vector<Record>& records, const Kept& kept) {
  std::string text;
  for (const Section& section : sections(records)) {
    const std::vector<Record> rows = ok_records(section.records);
    const MethodComparison comparison = compare_methods(rows, section.metric, kept.outcomes);
    const std::vector<LatencyRatio> ratios = latency_ratios(rows, section.metric, kept.rounds);
    const std::vector<Finding> found = findings(rows, section.metric, comparison, ratios);
    if (found.empty()) continue;
    text += fmt::format("\nFindings ({}, {}):\n", printable_line(section.title), title_of(section.metric));
    for (const Finding& finding : found) text += "- " + printable_line(finding.text) + "\n";
    for (const std::string& note : findings_notes(rows, comparison, ratios)) text += "  " + note + "\n";
  }
  return text;
}

}  // namespace quench::report
