#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/pictures/draw_boxes.h"
#include "data/pictures/image_file.h"
#include "data/pictures/letterbox.h"
#include "evaluation/page.h"

namespace quench::evaluation {
namespace {

constexpr int kLongSide = 640;  // of a drawing of boxes
constexpr int kThumbnail = 256;
constexpr int kQuality = 85;

/// The image, no longer than `most` on its long side, and by how much it was shrunk.
Tensor shrunk(const Tensor& pixels, int most, double& gain) {
  const auto height = static_cast<int>(pixels.shape()[0]), width = static_cast<int>(pixels.shape()[1]);
  gain = std::min(1.0, static_cast<double>(most) / std::max(height, width));
  if (gain == 1.0) return pixels;
  const auto side = [gain](int length) { return std::max(1, static_cast<int>(std::lround(length * gain))); };
  const Letterbox fitted{height, width, side(height), side(width), side(height), side(width), 0, 0, gain};
  Tensor small(DType::u8, {side(height), side(width), 3});
  data::draw(pixels, fitted, small.mutable_values<uint8_t>().data());
  return small;
}

Box scaled(const Box& box, double gain) { return {box.x1 * gain, box.y1 * gain, box.x2 * gain, box.y2 * gain}; }

/// One image's errors.
struct Errors {
  size_t answer = 0;
  metrics::ImageMatches matches;
  int64_t count() const { return matches.wrong + matches.missed; }
  double f1() const {
    return 2.0 * static_cast<double>(matches.right) / static_cast<double>(2 * matches.right + count());
  }
};

/// Boxes at or above a confidence.
std::vector<metrics::FoundBox> kept(const ImageAnswer& answer, double confidence) {
  std::vector<metrics::FoundBox> out;
  for (const metrics::FoundBox& found : answer.found) {
    if (found.score >= confidence) out.push_back(found);
  }
  return out;
}

report::PagePicture drawn(const Subject& subject, const Errors& errors, double confidence) {
  const ImageAnswer& answer = subject.answers[errors.answer];
  const std::vector<std::string>& classes = subject.split.classes();
  const std::vector<metrics::FoundBox> found = kept(answer, confidence);
  double gain = 1;
  const Tensor pixels = shrunk(subject.split.at(answer.index).pixels, kLongSide, gain);
  std::vector<data::LabelledBox> truths, predictions;
  for (size_t t = 0; t < answer.objects.size(); ++t) {
    const Object& object = answer.objects[t];
    const bool seen = std::ranges::count(errors.matches.of_found, static_cast<int32_t>(t)) > 0;
    const char* mark = object.crowd ? " (group)" : seen ? "" : " (missed)";
    truths.push_back({scaled(object.box, gain), object.label, classes[static_cast<size_t>(object.label)] + mark});
  }
  for (size_t f = 0; f < found.size(); ++f) {
    const bool wrong = errors.matches.of_found[f] == metrics::ImageMatches::kWrong;
    predictions.push_back({scaled(found[f].box, gain), found[f].label,
                           fmt::format("{} {:.2f}{}", classes[static_cast<size_t>(found[f].label)], found[f].score,
                                       wrong ? " (wrong)" : "")});
  }
  return {{{"truth", data::encoded_image("truth.jpg", data::draw_boxes(pixels, truths), kQuality)},
           {"prediction", data::encoded_image("prediction.jpg", data::draw_boxes(pixels, predictions), kQuality)}},
          fmt::format("{}: {} right, {} missed, {} wrong", image_name(subject.split, answer.index),
                      errors.matches.right, errors.matches.missed, errors.matches.wrong)};
}

}  // namespace

WorstPictures worst_detections(const Subject& subject, double confidence, size_t most) {
  std::vector<Errors> all;
  for (size_t i = 0; i < subject.answers.size(); ++i) {
    const ImageAnswer& answer = subject.answers[i];
    Errors errors{i, metrics::match_image(answer.objects, kept(answer, confidence), 0.5)};
    if (errors.count() + errors.matches.right > 0) all.push_back(std::move(errors));
  }
  std::ranges::stable_sort(
      all, [](const Errors& a, const Errors& b) { return a.f1() != b.f1() ? a.f1() < b.f1() : a.count() > b.count(); });
  WorstPictures out;
  out.table = {"worst", "", "", {{"image", "F1", "right", "missed", "wrong"}}, false};
  for (const Errors& errors : all) {
    const metrics::ImageMatches& m = errors.matches;
    out.table.rows.push_back(
        {image_name(subject.split, subject.answers[errors.answer].index), errors.f1(), m.right, m.missed, m.wrong});
    if (out.shown.size() == most || errors.count() == 0) continue;
    report::PagePicture& picture = out.shown.emplace_back(drawn(subject, errors, confidence));
    for (const auto& [panel, bytes] : picture.panels) {
      out.files.emplace_back(fmt::format("worst/{:02}-{}.jpg", out.shown.size(), panel), bytes);
    }
  }
  return out;
}

WorstPictures worst_classified(const Subject& subject, size_t most) {
  const std::vector<std::string>& classes = subject.split.classes();
  std::vector<size_t> wrong;
  for (size_t i = 0; i < subject.answers.size(); ++i) {
    if (subject.answers[i].label != subject.answers[i].prediction) wrong.push_back(i);
  }
  std::ranges::stable_sort(wrong, {}, [&](size_t i) { return subject.answers[i].of_truth; });
  WorstPictures out;
  out.table = {
      "worst", "", "", {{"image", "true class", "predicted class", "confidence", "softmax of the true class"}}, false};
  for (const size_t i : wrong) {
    const ImageAnswer& answer = subject.answers[i];
    const std::string& truth = classes[static_cast<size_t>(answer.label)];
    const std::string& predicted = classes[static_cast<size_t>(answer.prediction)];
    const std::string name = image_name(subject.split, answer.index);
    out.table.rows.push_back({name, truth, predicted, answer.confidence, answer.of_truth});
    if (out.shown.size() == most) continue;
    double gain = 1;
    const Tensor pixels = shrunk(subject.split.at(answer.index).pixels, kThumbnail, gain);
    const bool small = gain == 1.0;  // enlarged by whole factors: PNG keeps such edges, and is as short
    std::string bytes = data::encoded_image(small ? "image.png" : "image.jpg", data::draw_boxes(pixels, {}), kQuality);
    out.files.emplace_back(fmt::format("worst/{:02}.{}", out.shown.size() + 1, small ? "png" : "jpg"), bytes);
    out.shown.push_back({{{"", std::move(bytes)}},
                         fmt::format("{}: true {} ({:.1f} %), predicted {} ({:.1f} %)", name, truth,
                                     100 * answer.of_truth, predicted, 100 * answer.confidence)});
  }
  return out;
}

}  // namespace quench::evaluation
