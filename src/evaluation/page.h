#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "data/sets/dataset.h"
#include "evaluation/answers.h"
#include "metrics/outcomes.h"
#include "report/figure_page.h"

namespace quench::evaluation {

/// What an evaluation's page is made of.
struct Subject {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  ///< "Model", "Data", ... of the page's head
  const data::Dataset& split;
  const std::vector<ImageAnswer>& answers;
  const metrics::Outcomes& outcomes;  ///< of the same images: what intervals are drawn from
  int threads = 1;                    ///< that intervals are computed with
};

/// Pictures of a page, as files of its folder.
struct WorstPictures {
  std::vector<report::PagePicture> shown;
  std::vector<report::NamedFile> files;  ///< worst/NAME
  report::PageTable table;               ///< of the images: worst.csv
};

/// The whole page, with its pictures' files added to `pictures`.
///
/// Detectors: COCO's mAP with 95 % intervals (bootstrap over images, stats/); of each class AP@.5, AP@[.5:.95], and
/// precision, recall and F1 at the one confidence for all classes at which the mean of F1 is highest
/// (metrics/confidence_curves.h); curves; the confusion matrix (metrics/confusion.h); the images with the lowest F1.
/// Classifiers: top-1 and top-5 with 95 % intervals; top-1 of each class with Wilson's interval; the confusion matrix;
/// calibration (metrics/reliability.h); the images whose true class was least expected.
///
/// What is not defined, because nothing is annotated, is null, never 0.
report::FigurePage evaluation_page(const Subject& subject, std::vector<report::NamedFile>& pictures);

// Of each kind of labels.
report::FigurePage detection_page(const Subject& subject, std::vector<report::NamedFile>& pictures);
report::FigurePage classification_page(const Subject& subject, std::vector<report::NamedFile>& pictures);

/// Images drawn with what is true beside what was predicted: those with the lowest F1 at `confidence` and IoU .50, of
/// equals those with the most errors. Images without an error are none of them.
WorstPictures worst_detections(const Subject& subject, double confidence, size_t most);
/// Images of a wrong class whose true one got the lowest softmax.
WorstPictures worst_classified(const Subject& subject, size_t most);

/// A name of the split's image, for people: its file's, else its number.
std::string image_name(const data::Dataset& split, int64_t index);

/// Rows metric, value, low, high (95 % intervals by bootstrap over images) for the figures that outcomes are enough
/// for.
report::PageTable metrics_table(const Subject& subject);
/// A tile of one row of metrics_table: "56.3 %", "95 % interval 50.1 to 62.0"; "n/a" for null.
report::PageTile metric_tile(const std::string& title, const report::PageTable& table, const std::string& metric);
/// 0.563 -> "56.3 %"; "n/a" for none.
std::string percent(const Json& share);

/// Throws Error{config} where `folder` is a file, Error{io} where nothing can be written into it.
void require_report_folder(const std::filesystem::path& folder);
/// report.html, SVG of every drawing, CSV of every table and the pictures. Throws Error{io}.
void write_report(const std::filesystem::path& folder, const report::FigurePage& page,
                  const std::vector<report::NamedFile>& pictures);

}  // namespace quench::evaluation
