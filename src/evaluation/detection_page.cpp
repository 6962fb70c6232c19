#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/text.h"
#include "evaluation/confusion_part.h"
#include "evaluation/page.h"
#include "metrics/class_matches.h"
#include "metrics/coco_map.h"
#include "metrics/confidence_curves.h"
#include "report/curve_figure.h"
#include "report/figure_style.h"

namespace quench::evaluation {
namespace {

using metrics::DetectionCounts;
using Row = std::vector<Json>;

constexpr size_t kMostColours = 8;  // classes that have a curve of their own colour
constexpr size_t kWorstDetections = 16;

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }
double or_nan(const std::optional<double>& value) { return value.value_or(std::numeric_limits<double>::quiet_NaN()); }

/// All that the page's figures are read from.
struct Figures {
  std::vector<std::string> classes;
  metrics::CocoResult coco;
  std::vector<metrics::ClassMatches> matches;
  std::optional<metrics::BestConfidence> best;
  std::vector<DetectionCounts> counts;  ///< of each class at the best confidence
  metrics::MeanBalance mean;
  metrics::Confusion confusion;
};

Figures figures_of(const Subject& subject) {
  Figures out;
  out.classes = subject.split.classes();
  const auto classes = static_cast<int64_t>(out.classes.size());
  std::vector<metrics::CocoCategory> categories;
  for (int64_t c = 0; c < classes; ++c) categories.push_back({c, out.classes[static_cast<size_t>(c)]});
  metrics::CocoEvaluation coco(std::move(categories));
  std::vector<metrics::CocoTruth> truths;
  std::vector<metrics::CocoDetection> detections;
  out.confusion = metrics::box_confusion(classes);
  for (const ImageAnswer& image : subject.answers) {
    coco.add_image(image.index);
    for (const Object& object : image.objects) {
      const Box& b = object.box;
      truths.push_back({image.index, object.label, b.x1, b.y1, b.width(), b.height(), object.area, object.crowd});
      coco.add_truth(truths.back());
    }
    for (const metrics::FoundBox& found : image.found) {
      const Box& b = found.box;
      detections.push_back({image.index, found.label, b.x1, b.y1, b.width(), b.height(), found.score});
      coco.add_detection(detections.back());
    }
    metrics::add_boxes(out.confusion, image.objects, image.found);
  }
  out.coco = coco.evaluate();
  out.matches = metrics::class_matches(classes, truths, detections);
  out.best = metrics::best_confidence(out.matches);
  for (const metrics::ClassMatches& one : out.matches) {
    out.counts.push_back(metrics::counts_at(one, out.best ? out.best->confidence : 2));
  }
  out.mean = metrics::mean_balance(out.counts);
  return out;
}

report::PageTable classes_table(const Figures& figures) {
  report::PageTable table{
      "classes",
      "",
      figures.best ? fmt::format("Precision, recall and F1 at confidence {:.3f}.", figures.best->confidence) : "",
      {{"class", "objects", "AP@.5", "AP@[.5:.95]", "precision", "recall", "F1", "right", "wrong", "missed"}}};
  for (size_t c = 0; c < figures.classes.size(); ++c) {
    const DetectionCounts& counts = figures.counts[c];
    const metrics::CocoClass& coco = figures.coco.classes[c];
    const bool annotated = counts.truths > 0;
    table.rows.push_back({figures.classes[c], counts.truths, or_null(coco.ap50), or_null(coco.ap),
                          annotated ? or_null(counts.precision()) : Json(nullptr), or_null(counts.recall()),
                          or_null(counts.f1()), counts.right, counts.wrong, counts.truths - counts.right});
  }
  return table;
}

/// A curve a class, then their mean.
class CurvesOfClasses {
 public:
  CurvesOfClasses(const Figures& figures, std::string title, std::string x_title, std::string y_title)
      : figures_(figures) {
    chart_ = {std::move(title), std::move(x_title), std::move(y_title), report::unit_axis(), report::unit_axis(), {}};
    drawn_ = std::ranges::count_if(figures.matches, [](const auto& one) { return one.truths > 0; });
  }
  void add(size_t of_class, std::vector<figures::Place> points) {
    const bool few = drawn_ <= static_cast<int64_t>(kMostColours);
    const size_t place = chart_.curves.size();
    chart_.curves.push_back({figures_.classes[of_class], std::move(points),
                             few ? report::style::kCurves[place % report::style::kCurves.size()] : report::style::kPale,
                             few ? 1.2 : 0.8, few});
  }
  report::PageDrawing finish(const char* file, std::vector<figures::Place> mean, const std::string& mean_name,
                             const std::optional<double>& upright = {}) {
    chart_.curves.push_back({mean_name, std::move(mean), report::style::kAccent, 2.6});
    if (upright) {
      chart_.upright = upright;
      chart_.upright_text = fmt::format("{:.3f}", *upright);
    }
    return {file, report::curve_figure(chart_)};
  }

 private:
  const Figures& figures_;
  report::CurveChart chart_;
  int64_t drawn_ = 0;
};

void add_recall_curves(const Figures& figures, report::PagePart& part) {
  CurvesOfClasses curves(figures, "Precision over recall, IoU .5", "recall", "precision");
  report::PageTable table{"pr_curve", "", "", {{"recall", "mean"}}, false};
  for (size_t r = 0; r < metrics::kCocoRecalls; ++r) table.rows.push_back({metrics::kCocoRecall[r], 0.0});
  std::vector<double> sums(metrics::kCocoRecalls, 0);
  int64_t with_truths = 0;
  for (size_t c = 0; c < figures.classes.size(); ++c) {
    const auto precision = metrics::precision_over_recall(figures.matches[c]);
    if (!precision) continue;
    ++with_truths;
    table.rows[0].emplace_back(figures.classes[c]);
    std::vector<figures::Place> points;
    for (size_t r = 0; r < precision->size(); ++r) {
      sums[r] += (*precision)[r];
      table.rows[r + 1].emplace_back((*precision)[r]);
      points.push_back({metrics::kCocoRecall[r], (*precision)[r]});
    }
    curves.add(c, std::move(points));
  }
  if (with_truths == 0) return;
  std::vector<figures::Place> mean;
  for (size_t r = 0; r < sums.size(); ++r) {
    mean.push_back({metrics::kCocoRecall[r], sums[r] / static_cast<double>(with_truths)});
    table.rows[r + 1][1] = mean.back().y;
  }
  part.drawings.push_back(
      curves.finish("pr_curve", std::move(mean), fmt::format("mean, mAP@.5 {:.3f}", or_nan(figures.coco.map_50))));
  part.tables.push_back(std::move(table));
}

void add_confidence_curves(const Figures& figures, report::PagePart& part) {
  using Value = std::optional<double> (DetectionCounts::*)() const;
  struct Kind {
    const char *file, *title, *name;
    Value value;
    std::optional<double> metrics::MeanBalance::*mean;
  };
  const Kind kinds[] = {
      {"f1_curve", "F1 over confidence", "F1", &DetectionCounts::f1, &metrics::MeanBalance::f1},
      {"p_curve", "Precision over confidence", "precision", &DetectionCounts::precision,
       &metrics::MeanBalance::precision},
      {"r_curve", "Recall over confidence", "recall", &DetectionCounts::recall, &metrics::MeanBalance::recall}};
  std::vector<size_t> with_truths;
  std::vector<std::vector<DetectionCounts>> over;
  for (size_t c = 0; c < figures.classes.size(); ++c) {
    if (figures.matches[c].truths == 0) continue;
    with_truths.push_back(c);
    over.push_back(metrics::counts_over_confidence(figures.matches[c]));
  }
  if (over.empty()) return;
  std::vector<metrics::MeanBalance> means;
  report::PageTable table{"confidence_curves", "", "", {{"confidence", "precision", "recall", "F1"}}, false};
  for (const size_t c : with_truths) table.rows[0].emplace_back("F1 of " + figures.classes[c]);
  for (int i = 0; i < metrics::kConfidences; ++i) {
    std::vector<DetectionCounts> here;
    for (const auto& curve : over) here.push_back(curve[static_cast<size_t>(i)]);
    const metrics::MeanBalance& mean = means.emplace_back(metrics::mean_balance(here));
    Row& row = table.rows.emplace_back(
        Row{metrics::confidence_at(i), or_null(mean.precision), or_null(mean.recall), or_null(mean.f1)});
    for (const DetectionCounts& counts : here) row.push_back(or_null(counts.f1()));
  }
  const auto points_of = [](const auto& value_at) {
    std::vector<figures::Place> points;  // every fifth: as fine as can be seen
    for (int i = 0; i < metrics::kConfidences; i += 5) {
      points.push_back({metrics::confidence_at(i), or_nan(value_at(static_cast<size_t>(i)))});
    }
    return points;
  };
  const std::optional<double> best = figures.best ? std::optional(figures.best->confidence) : std::nullopt;
  for (const Kind& kind : kinds) {
    CurvesOfClasses curves(figures, kind.title, "confidence", kind.name);
    for (size_t k = 0; k < over.size(); ++k) {
      curves.add(with_truths[k], points_of([&](size_t i) { return (over[k][i].*kind.value)(); }));
    }
    part.drawings.push_back(
        curves.finish(kind.file, points_of([&](size_t i) { return means[i].*kind.mean; }), "mean of classes", best));
  }
  part.tables.push_back(std::move(table));
}

}  // namespace

report::FigurePage detection_page(const Subject& subject, std::vector<report::NamedFile>& pictures) {
  const Figures figures = figures_of(subject);
  report::FigurePage page{subject.title, subject.facts, {}, {}, {}, {}};
  const report::PageTable headline = metrics_table(subject);
  page.tiles.push_back(metric_tile("mAP@[.5:.95]", headline, "map_50_95"));
  page.tiles.push_back(metric_tile("mAP@.5", headline, "map_50"));
  const std::string at = figures.best ? fmt::format("mean of classes, confidence {:.3f}", figures.best->confidence)
                         : figures.coco.truths == 0 ? "nothing is annotated"
                                                    : "no box is right at any confidence";
  page.tiles.push_back({"Best F1", percent(or_null(figures.mean.f1)), at});
  page.tiles.push_back({"Precision there", percent(or_null(figures.mean.precision)), "mean of classes"});
  page.tiles.push_back({"Recall there", percent(or_null(figures.mean.recall)), "mean of classes"});
  if (figures.coco.truths == 0) {
    page.notes.push_back(fmt::format("No object is annotated on the {}: no figure is defined (n/a).",
                                     counted(static_cast<int64_t>(subject.answers.size()), "image")));
  }

  report::PagePart curves{"Curves",
                          "Thin lines are classes, the thick one is their mean. The dashed line is the confidence at "
                          "which the mean of F1 is highest.",
                          {},
                          {},
                          {}};
  add_recall_curves(figures, curves);
  add_confidence_curves(figures, curves);
  page.parts = {
      {"Figures", "", {}, {headline}, {}},
      std::move(curves),
      {"Each class", "", {}, {classes_table(figures)}, {}},
      confusion_part(figures.confusion, figures.classes,
                     fmt::format("Boxes with a confidence above {} and true boxes are pairs where their IoU is "
                                 "above {}, whatever their classes. Background as true class: a box where "
                                 "nothing is; as prediction: an object that was missed.",
                                 metrics::kConfusionConfidence, metrics::kConfusionIou))};
  WorstPictures worst = worst_detections(
      subject, figures.best ? figures.best->confidence : metrics::kConfusionConfidence, kWorstDetections);
  page.parts.push_back(
      {"Worst images",
       "Those with the lowest F1, and of these with the most errors, at the same confidence and IoU .5. "
       "The table worst.csv has every image.",
       {},
       {std::move(worst.table)},
       std::move(worst.shown)});
  pictures = std::move(worst.files);
  page.foot = {
      "AP: COCO's metric (101 recalls, best 100 boxes of an image and class, crowds ignored); @.5 at IoU .5, "
      "@[.5:.95] the mean over ten IoU thresholds. Means are over the classes that have objects; what is not defined "
      "is \"-\".",
      "Precision, recall and F1 are at IoU .5 and at one confidence for all classes: that at which the mean of their "
      "F1 "
      "is highest, as Ultralytics chooses it. F1 of a class is 2 right / (found + objects). The mean of precision is "
      "over the classes of which something is found.",
      "The confidence is chosen on these images: on others it may be another."};
  return page;
}

}  // namespace quench::evaluation
