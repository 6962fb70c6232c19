#include "cli/prediction_print.h"

#include <fmt/format.h>

#include <utility>

#include "cli/print.h"
#include "core/csv.h"
#include "core/json_text.h"
#include "core/text.h"
#include "metrics/latency.h"
#include "prediction/form.h"

namespace quench::cli {
namespace {

std::string ms(int64_t ns) { return fmt::format("{:.1f}", static_cast<double>(ns) / 1e6); }

Json median(const std::vector<int64_t>& samples_ns) {
  return samples_ns.empty() ? Json() : Json(metrics::summarize(samples_ns).p50_ns);
}

std::string median_ms(const std::vector<int64_t>& samples_ns) {
  return samples_ns.empty() ? "-" : ms(metrics::summarize(samples_ns).p50_ns);
}

}  // namespace

PredictionPrinter::PredictionPrinter(std::string format, const prediction::Vocabulary& words,
                                     data::ImageSource::Kind kind)
    : format_(std::move(format)), words_(words), kind_(kind) {
  rows_.push_back({"image", "size", "found", "preprocess ms", "inference ms", "postprocess ms"});
}

std::string PredictionPrinter::add(const data::SourceImage& image, const inference::Prediction& p) {
  if (format_ == "json") list_.push_back(prediction::to_json(image.name, image.frame, p, words_));
  if (format_ == "jsonl") {
    return json_text(prediction::to_json(image.name, image.frame, p, words_)) + "\n";
  }
  const std::string found = prediction::found_text(p, words_);
  if (format_ == "csv") {
    const std::string frame = image.frame < 0 ? "" : std::to_string(image.frame);
    const std::string head = std::exchange(head_, "");
    return head + fmt::format("{},{},{},{},{},{},{},{}\r\n", csv_cell(image.name), frame, p.height, p.width,
                              csv_cell(found), p.preprocess_ns, p.inference_ns, p.postprocess_ns);
  }
  if (format_ == "table" && kind_ == data::ImageSource::Kind::images) {
    rows_.push_back({image.name, fmt::format("{}x{}", p.height, p.width), found, ms(p.preprocess_ns),
                     ms(p.inference_ns), ms(p.postprocess_ns)});
  }
  return "";
}

std::string PredictionPrinter::finish(const inference::PredictRun& run, const Json& about) {
  if (format_ == "json") {
    Json summary = about;
    summary.update({{"images", run.images},
                    {"failed", run.failed},
                    {"interrupted", run.interrupted},
                    {"found", words_.detects() ? Json(run.found) : Json()},
                    {"preprocess_p50_ns", median(run.preprocess_ns)},
                    {"inference_p50_ns", median(run.inference_ns)},
                    {"postprocess_p50_ns", median(run.postprocess_ns)}});
    const Json all{{"images", list_}, {"summary", summary}};
    return json_text(all, 2) + "\n";
  }
  if (format_ != "table") return "";
  std::string out = rows_.size() > 1 ? text_table(rows_) + "\n" : "";
  out += counted(run.images, kind_ == data::ImageSource::Kind::images ? "image" : "frame");
  if (words_.detects()) out += ", " + counted(run.found, "object");
  if (run.failed > 0) out += fmt::format(", {} could not be read", run.failed);
  out += fmt::format("; median ms: preprocess {}, inference {}, postprocess {}\n", median_ms(run.preprocess_ns),
                     median_ms(run.inference_ns), median_ms(run.postprocess_ns));
  return out;
}

}  // namespace quench::cli
