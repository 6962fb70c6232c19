#include "inference/predict_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "prediction/form.h"

namespace quench::inference {
namespace {

double ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }

std::string progress_line(const data::SourceImage& image, int64_t number, int64_t count, const Prediction& prediction,
                          const Vocabulary& words) {
  const std::string place = count > 0 ? fmt::format("{}/{}", number, count) : std::to_string(number);
  return fmt::format("{} {} {}x{}: {} | ms: preprocess {:.1f}, inference {:.1f}, postprocess {:.1f}", place, image.name,
                     prediction.height, prediction.width, found_text(prediction, words), ms(prediction.preprocess_ns),
                     ms(prediction.inference_ns), ms(prediction.postprocess_ns));
}

}  // namespace

PredictRun predict_source(data::ImageSource& source, const Vocabulary& words, const PredictFunction& predict,
                          PredictionFiles& files, int64_t limit, const PredictedSink& sink, const LogSink& log,
                          const CancelToken& cancel) {
  PredictRun run;
  const int64_t known = source.count();
  const int64_t count = limit > 0 && known > 0 ? std::min(limit, known) : limit > 0 ? limit : known;
  for (int64_t index = 0; limit == 0 || index < limit; ++index) {
    if (cancel.cancelled()) {
      run.interrupted = true;
      break;
    }
    std::optional<data::SourceImage> image;
    try {
      image = source.next();
    } catch (const Error& error) {
      const bool of_the_image = error.kind() == ErrorKind::data || error.kind() == ErrorKind::io;
      if (!of_the_image || source.kind() != data::ImageSource::Kind::images) throw;
      log.warning(error.what());
      ++run.failed;
      continue;
    }
    if (!image) break;
    const std::optional<Prediction> said = predict(*image, index);
    if (!said) {
      ++run.failed;
      continue;
    }
    const Prediction& prediction = *said;
    files.add(*image, index, prediction);
    ++run.images;
    run.found += static_cast<int64_t>(prediction.detections.size());
    run.preprocess_ns.push_back(prediction.preprocess_ns);
    run.inference_ns.push_back(prediction.inference_ns);
    run.postprocess_ns.push_back(prediction.postprocess_ns);
    log.show_progress(progress_line(*image, index + 1, count, prediction, words));
    if (sink) sink(*image, prediction);
  }
  files.finish();
  return run;
}

}  // namespace quench::inference
