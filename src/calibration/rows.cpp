#include "calibration/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "metrics/top_k.h"

namespace quench::calibration {
namespace {

using Rows = std::vector<std::vector<std::string>>;

/// Pictures of one kind that are named in a sentence.
constexpr size_t kNamed = 6;

/// An observer that gives this share of another's ranges is as good as that one.
constexpr double kNearlyAll = 0.9;

std::string half_text(const Interval& interval, double factor, int digits) {
  return interval.half ? fmt::format("{:.{}f}", factor * *interval.half, digits) : "";
}

std::string choice_text(const Entry& entry) {
  return entry.excluded > 0 ? fmt::format("{} less {}", entry.choice, entry.excluded) : entry.choice;
}

std::string title(const Entry& entry) {
  return fmt::format("{}, {} {}", entry.observer, entry.count, choice_text(entry));
}

std::string name_of(const PictureFinding& picture) {
  return picture.name.empty() ? std::to_string(picture.index) : fmt::format("{} ({})", picture.index, picture.name);
}

std::string told_of(const PictureFinding& picture) {
  std::vector<std::string> all;
  if (picture.flat) all.push_back(fmt::format("flat: its colours deviate by {:.1f}", picture.deviation));
  if (picture.copy_of)
    all.push_back(fmt::format("{} of {}", picture.exact ? "a copy" : "nearly a copy", *picture.copy_of));
  if (picture.strange) all.push_back(fmt::format("from another world: {:.1f} deviations away", picture.strangeness));
  if (picture.ends > 0) {
    all.push_back(
        fmt::format("alone sets {} of ranges: {:.2f} % of them", counted(picture.ends, "end"), 100 * picture.share));
  }
  std::string out;
  for (const std::string& one : all) out += (out.empty() ? "" : "; ") + one;
  return out;
}

Rows picture_rows(const Findings& findings) {
  Rows rows{{"Image", "File", "Loss", "What it is"}};
  for (const PictureFinding& one : findings.findings) {
    if (!one.is_told()) continue;
    rows.push_back({std::to_string(one.index), one.name, std::isnan(one.loss) ? "" : fmt::format("{:.3g}", one.loss),
                    told_of(one)});
  }
  return rows;
}

Rows entry_rows(const Findings& findings) {
  std::vector<std::string> head{"Observer", "Pictures", "Images", "Seeds"};
  const bool scored = findings.float_score.has_value();
  if (scored) head.insert(head.end(), {findings.score_name + " %", "+-", "As good"});
  head.insert(head.end(), {"Loss", "+-", "Error dB", "+-"});
  Rows rows{head};
  for (const Entry& entry : findings.entries) {
    double images = 0;
    for (const Trial& trial : entry.trials) {
      images += static_cast<double>(trial.images) / static_cast<double>(entry.trials.size());
    }
    std::vector<std::string> row{entry.observer, choice_text(entry), fmt::format("{:.0f}", images),
                                 std::to_string(entry.trials.size())};
    if (scored) {
      row.insert(row.end(), {fmt::format("{:.2f}", 100 * entry.score.mean), half_text(entry.score, 100, 2),
                             entry.as_good ? "yes" : ""});
    }
    row.insert(row.end(), {fmt::format("{:+.4f}", entry.loss.mean), half_text(entry.loss, 1, 4),
                           fmt::format("{:.2f}", entry.error_db.mean), half_text(entry.error_db, 1, 2)});
    rows.push_back(std::move(row));
  }
  return rows;
}

template <typename Is>
void add_pictures(std::vector<std::string>& out, const Findings& findings, Is is, const char* what) {
  std::vector<std::string> names;
  for (const PictureFinding& one : findings.findings) {
    if (is(one)) names.push_back(name_of(one));
  }
  if (names.empty()) return;
  std::string list;
  for (size_t i = 0; i < std::min(names.size(), kNamed); ++i) list += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamed) list += fmt::format(" and {} more", names.size() - kNamed);
  out.push_back(fmt::format("Warning: {} of {} pictures {} {}: {}.", names.size(), findings.pictures,
                            names.size() == 1 ? "is" : "are", what, list));
}

void add_same(std::vector<std::string>& out, const Findings& findings) {
  for (const SameRanges& one : findings.same) {
    if (one.equal == one.groups) {
      out.push_back(
          fmt::format("Dead setting: {} gives the ranges of {} in all {} groups of values: choosing between "
                      "them changes nothing.",
                      one.observer, one.as, one.groups));
    } else if (static_cast<double>(one.equal) >= kNearlyAll * static_cast<double>(one.groups)) {
      out.push_back(fmt::format("Nearly dead setting: {} gives the ranges of {} in {} of {} groups of values.",
                                one.observer, one.as, one.equal, one.groups));
    } else if (one.as == "minmax") {
      out.push_back(fmt::format("{} gives the ranges of minmax in {} of {} groups of values.", one.observer, one.equal,
                                one.groups));
    }
  }
}

void add_influence(std::vector<std::string>& out, const Findings& findings) {
  const auto most = std::ranges::max_element(findings.findings, {}, &PictureFinding::share);
  if (most == findings.findings.end() || most->ends == 0) return;
  out.push_back(
      fmt::format("Under minmax picture {} alone sets {} of ranges among {}: without it ranges are {:.2f} % "
                  "narrower on average.",
                  name_of(*most), counted(most->ends, "end"), findings.base, 100 * most->share));
}

using Values = std::optional<double>;

template <typename Get>
report::LayerPlot plot_of(const Findings& findings, std::string name, std::string unit, Get get) {
  report::LayerPlot out{std::move(name), std::move(unit), false, {}};
  report::LayerSeries mean{"mean over seeds", {}}, low{"interval, low", {}}, high{"interval, high", {}};
  for (const Entry& entry : findings.entries) {
    const auto [interval, factor] = get(entry);
    mean.values.push_back(factor * interval.mean);
    low.values.push_back(interval.half ? Values(factor * (interval.mean - *interval.half)) : Values());
    high.values.push_back(interval.half ? Values(factor * (interval.mean + *interval.half)) : Values());
  }
  out.series = {mean, low, high};
  return out;
}

}  // namespace

Rows rows_of(const Findings& findings) {
  return findings.score_images > 0 ? entry_rows(findings) : picture_rows(findings);
}

std::vector<std::string> facts_of(const Findings& findings) {
  std::vector<std::string> out;
  out.push_back(
      fmt::format("{} training images were looked at once (loss {:.4g} in float); their histograms of {} "
                  "groups of values take {:.1f} MB.",
                  findings.pictures, findings.float_loss, findings.groups, static_cast<double>(findings.bytes) * 1e-6));
  if (findings.score_images > 0) {
    std::string line = fmt::format(
        "{} combinations, {} of them of different ranges, were scored on {} other training "
        "images",
        findings.combinations, findings.different, findings.score_images);
    if (findings.float_score) {
      line += fmt::format(": {} {:.2f} % in float", findings.score_name, 100 * *findings.float_score);
      if (findings.score_name == "top1") {
        const metrics::Interval wilson = metrics::wilson(*findings.float_score, findings.score_images);
        line += fmt::format(" (95 % interval {:.1f} to {:.1f})", 100 * wilson.low, 100 * wilson.high);
      }
    }
    out.push_back(line + ".");
  }
  add_same(out, findings);
  add_pictures(
      out, findings, [](const PictureFinding& one) { return one.flat; }, "flat");
  add_pictures(
      out, findings, [](const PictureFinding& one) { return one.copy_of && one.exact; }, "a copy of an earlier one");
  add_pictures(
      out, findings, [](const PictureFinding& one) { return one.copy_of && !one.exact; },
      "nearly a copy of an earlier one");
  add_pictures(
      out, findings, [](const PictureFinding& one) { return one.strange; },
      "from another world, by the statistics of activations");
  add_influence(out, findings);
  return out;
}

std::vector<std::string> advice_of(const Findings& findings) {
  if (findings.entries.empty()) return {};
  const Entry& entry = findings.entries.front();
  const auto good = std::ranges::count(findings.entries, true, &Entry::as_good);
  std::vector<std::string> out;
  out.push_back(
      fmt::format("Recommended: {} on {} {} pictures. Of {} whose {} cannot be told from the best on these images, its "
                  "outputs have "
                  "the least error: {:.2f} dB below the signal.",
                  entry.observer, entry.count, choice_text(entry), counted(good, "row"),
                  findings.score_name.empty() ? "score" : findings.score_name, entry.error_db.mean));
  out.push_back("   " + findings.command);
  return out;
}

report::LayerPage page_of(const Findings& findings) {
  report::LayerPage page;
  page.title = "Calibration of " + findings.model;
  page.facts = {{"Model", findings.model},
                {"sha256", findings.model_sha256.substr(0, 16)},
                {"Data", findings.data},
                {"Images", fmt::format("{} training images", findings.pictures)}};
  page.notes = facts_of(findings);
  for (const std::string& line : advice_of(findings)) page.notes.push_back(line);
  for (const Entry& entry : findings.entries) page.layers.push_back(title(entry));
  if (findings.score_images > 0) {
    if (findings.float_score) {
      page.plots.push_back(plot_of(findings, "Score by " + findings.score_name, "%",
                                   [](const Entry& entry) { return std::pair(entry.score, 100.0); }));
    }
    page.plots.push_back(plot_of(findings, "Signal over error of the outputs", "dB",
                                 [](const Entry& entry) { return std::pair(entry.error_db, 1.0); }));
    page.plots.push_back(plot_of(findings, "Loss, less that in float", "loss",
                                 [](const Entry& entry) { return std::pair(entry.loss, 1.0); }));
  }
  page.rows = rows_of(findings);
  return page;
}

}  // namespace quench::calibration
