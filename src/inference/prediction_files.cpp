#include "inference/prediction_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"
#include "core/text.h"
#include "data/pictures/image_file.h"
#include "prediction/form.h"

namespace quench::inference {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kForms{"images", "txt", "json"};

/// "a/b.jpg" -> "a/b".
std::string without_extension(const std::string& name) { return fs::path(name).replace_extension().generic_string(); }

std::optional<int64_t> number_of(const std::string& text) {
  int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

PredictionFiles::PredictionFiles(fs::path folder, const std::vector<std::string>& forms,
                                 const data::ImageSource& source, const Vocabulary& words)
    : folder_(std::move(folder)),
      forms_(forms.begin(), forms.end()),
      words_(words),
      frames_per_second_(source.frames_per_second()) {
  for (const std::string& form : forms_) {
    if (std::ranges::find(kForms, form) == kForms.end()) {
      fail(ErrorKind::config, "[inference.predict] expected images, txt or json, got '{}'{}", form,
           suggestion(form, kForms));
    }
  }
  if (forms_.empty()) return;
  if (wanted("images")) refuse_to_replace(source);
  for (const std::string& name : source.names()) ++stems_[without_extension(name)];
  number(source);
  require_writable(folder_);
}

void PredictionFiles::refuse_to_replace(const data::ImageSource& source) const {
  const std::vector<fs::path> files = source.files();
  const std::vector<std::string> names = source.names();
  std::error_code ignored;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!fs::equivalent(folder_ / names[i], files[i], ignored)) continue;
    fail(ErrorKind::config, "[inference.predict] {} would replace what is read: choose another folder with -o",
         files[i].string());
  }
  for (const fs::path& file : files) {
    for (const char* extension : {".mp4", ".avi"}) {  // of a video
      fs::path made = folder_ / file.stem();
      made += extension;
      if (!names.empty() || !fs::equivalent(made, file, ignored)) continue;
      fail(ErrorKind::config, "[inference.predict] {} would replace what is read: choose another folder with -o",
           file.string());
    }
  }
}

void PredictionFiles::number(const data::ImageSource& source) {
  std::set<int64_t> numbers;
  for (const std::string& name : source.names()) {
    const std::optional<int64_t> number = number_of(fs::path(name).stem().string());
    if (!number || !numbers.insert(*number).second) {
      ids_.clear();
      return;
    }
    ids_[name] = *number;
  }
}

std::string PredictionFiles::label_name(const data::SourceImage& image) const {
  const std::string stem = without_extension(image.name);
  if (image.frame >= 0) return fmt::format("{}_{:06}.txt", stem, image.frame);
  const auto found = stems_.find(stem);
  return (found != stems_.end() && found->second > 1 ? image.name : stem) + ".txt";
}

void PredictionFiles::add_picture(const data::SourceImage& image, const Prediction& prediction) {
  const Tensor drawing = annotated(image.pixels, prediction, words_);
  if (image.frame < 0) {
    data::write_image(folder_ / image.name, drawing);
    ++pictures_;
    return;
  }
  if (!video_) {
    video_ =
        std::make_unique<data::VideoWriter>(folder_ / without_extension(image.name), frames_per_second_,
                                            static_cast<int>(drawing.shape()[0]), static_cast<int>(drawing.shape()[1]));
  }
  video_->add(drawing);
}

void PredictionFiles::add_rows(const data::SourceImage& image, int64_t index, const Prediction& prediction) {
  const auto id = ids_.find(image.name);
  for (Json& found : found_json(prediction, words_)) {
    Json row{{"image_id", id == ids_.end() ? index : id->second}, {"file_name", image.name}};
    if (image.frame >= 0) row["frame"] = image.frame;
    row.update(found);
    rows_.push_back(std::move(row));
  }
}

void PredictionFiles::add(const data::SourceImage& image, int64_t index, const Prediction& prediction) {
  if (wanted("images")) add_picture(image, prediction);
  if (wanted("json")) add_rows(image, index, prediction);
  if (wanted("txt")) {
    write_file(folder_ / "labels" / label_name(image), yolo_text(prediction));
    ++labels_;
  }
}

void PredictionFiles::finish() {
  if (video_) video_->finish();
  if (!wanted("json")) return;
  std::string text = "[";  // a row a line
  for (const Json& row : rows_) {
    text += (text.size() > 1 ? ",\n" : "\n") + json_text(row);
  }
  write_file(folder_ / "predictions.json", text + "\n]\n");
}

std::vector<std::string> PredictionFiles::written() const {
  std::vector<std::string> list;
  if (video_) list.push_back(video_->path().string());
  if (pictures_ > 0) list.push_back(fmt::format("{} in {}", counted(pictures_, "image"), folder_.string()));
  if (labels_ > 0) list.push_back(fmt::format("{} in {}", counted(labels_, "file"), (folder_ / "labels").string()));
  if (wanted("json")) list.push_back((folder_ / "predictions.json").string());
  return list;
}

}  // namespace quench::inference
