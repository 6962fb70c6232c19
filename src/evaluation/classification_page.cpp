#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "evaluation/confusion_part.h"
#include "evaluation/page.h"
#include "metrics/reliability.h"
#include "metrics/top_k.h"
#include "report/curve_figure.h"
#include "report/figure_style.h"

namespace quench::evaluation {
namespace {

constexpr size_t kWorstClassified = 32;

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

report::PageTable top1_of_classes(const metrics::Confusion& confusion, const std::vector<std::string>& classes) {
  report::PageTable table{"classes",
                          "",
                          "Top-1 with Wilson's 95 % interval: the share of the class's images that are recognized. "
                          "Precision: the share of the images taken for it that are of it.",
                          {{"class", "images", "top-1", "low", "high", "precision", "predicted"}}};
  for (int64_t c = 0; c < confusion.classes; ++c) {
    int64_t images = 0, predicted = 0;
    for (int64_t other = 0; other < confusion.classes; ++other) {
      images += confusion.at(c, other);
      predicted += confusion.at(other, c);
    }
    std::vector<Json>& row = table.rows.emplace_back(std::vector<Json>{classes[static_cast<size_t>(c)], images});
    const auto right = static_cast<double>(confusion.at(c, c));
    if (images > 0) {
      const double share = right / static_cast<double>(images);
      const metrics::Interval interval = metrics::wilson(share, images);
      row.insert(row.end(), {share, interval.low, interval.high});
    } else {
      row.insert(row.end(), {nullptr, nullptr, nullptr});
    }
    row.push_back(predicted > 0 ? Json(right / static_cast<double>(predicted)) : Json(nullptr));
    row.emplace_back(predicted);
  }
  return table;
}

report::PagePart calibration_part(const metrics::Reliability& reliability) {
  report::PagePart part{"Calibration",
                        "Of the predictions with a confidence of 80 %, 80 % should be right: the dashed line. Below it "
                        "the model is surer than it should be.",
                        {},
                        {},
                        {}};
  report::CurveChart chart{"Right answers over confidence",
                           "confidence",
                           "share of right answers",
                           report::unit_axis(),
                           report::unit_axis(),
                           {}};
  report::Curve measured{"model", {}, report::style::kAccent, 2, true, true};
  report::PageTable table{"calibration",
                          "Bins of the curve",
                          "",
                          {{"confidence above", "up to", "images", "mean confidence", "share of right answers"}}};
  for (const metrics::ReliabilityBin& bin : reliability.bins) {
    table.rows.push_back({bin.low, bin.high, bin.count, number_or_null(bin.confidence), number_or_null(bin.accuracy)});
    if (bin.count > 0) measured.points.push_back({*bin.confidence, *bin.accuracy});
  }
  chart.curves = {{"perfect", {{0, 0}, {1, 1}}, report::style::kSoft, 1, true, false, {4, 3}}, std::move(measured)};
  part.drawings.push_back({"calibration", report::curve_figure(chart)});
  part.tables.push_back(std::move(table));
  return part;
}

}  // namespace

report::FigurePage classification_page(const Subject& subject, std::vector<report::NamedFile>& pictures) {
  const std::vector<std::string>& classes = subject.split.classes();
  std::vector<int32_t> labels, predictions;
  std::vector<double> confidences;
  std::vector<uint8_t> right;
  for (const ImageAnswer& image : subject.answers) {
    labels.push_back(image.label);
    predictions.push_back(image.prediction);
    confidences.push_back(image.confidence);
    right.push_back(image.label == image.prediction);
  }
  const metrics::Confusion confusion =
      metrics::class_confusion(labels, predictions, static_cast<int64_t>(classes.size()));
  const metrics::Reliability reliability = metrics::reliability(confidences, right);

  report::FigurePage page{subject.title, subject.facts, {}, {}, {}, {}};
  const report::PageTable headline = metrics_table(subject);
  page.tiles.push_back(metric_tile("Top-1", headline, "top1"));
  page.tiles.push_back(metric_tile("Top-5", headline, "top5"));
  page.tiles.push_back({"Expected calibration error", percent(number_or_null(reliability.expected_error)),
                        fmt::format("{} bins of equal width", metrics::kReliabilityBins)});
  page.parts.push_back({"Figures", "", {}, {headline}, {}});
  page.parts.push_back(confusion_part(confusion, classes, ""));
  page.parts.push_back(calibration_part(reliability));
  page.parts.push_back({"Each class", "", {}, {top1_of_classes(confusion, classes)}, {}});
  WorstPictures worst = worst_classified(subject, kWorstClassified);
  page.parts.push_back({"Worst images",
                        "Wrong answers, those first whose true class was least expected. The table worst.csv has "
                        "all of them.",
                        {},
                        {std::move(worst.table)},
                        std::move(worst.shown)});
  pictures = std::move(worst.files);
  page.foot = {
      "Confidence: softmax of the predicted class. Expected calibration error: the mean over images of the distance "
      "between confidence and share of right answers, in bins (Guo et al. 2017, equation 3).",
      "Intervals of classes: Wilson's score interval (1927), 95 %."};
  return page;
}

}  // namespace quench::evaluation
